//! Goes through a resource along R4's definitions.

use std::collections::BTreeSet;

use fhirbolt_shared::element_map::r4::ELEMENT_MAP;
use fhirbolt_shared::type_hints::r4::TYPE_HINTS;
use serde_json::{Map, Value};

use super::ValidationProblem::{
    Empty, IsAList, Missing, NotAList, SeveralOfChoice, UnknownElement, UnknownType, WrongType,
};
use super::required::REQUIRED;
use super::{ValidationIssue, ValidationProblem, primitive};
use crate::MAX_DEPTH;

/// Holder of what may stand beside a primitive value.
const ELEMENT: &str = "Element";

/// What has been found so far, and where the walk is.
#[derive(Default)]
pub(super) struct Walk {
    pub(super) issues: Vec<ValidationIssue>,
    path: String,
    depth: usize,
}

impl Walk {
    /// Checks a resource; `within` is the path of a contained one.
    pub(super) fn resource(&mut self, resource: &Value, within: Option<&str>) {
        let name = resource.get("resourceType").and_then(Value::as_str).unwrap_or_default();
        let before = std::mem::replace(&mut self.path, within.unwrap_or(name).to_owned());
        match resource.as_object() {
            Some(fields) if is_resource_type(name) => self.object(name, fields),
            _ => self.issue(UnknownType),
        }
        self.path = before;
    }

    /// Checks the elements of an object that R4 defines as `holder`: a type, or a backbone element's path.
    fn object(&mut self, holder: &str, fields: &Map<String, Value>) {
        if self.depth > MAX_DEPTH {
            return self.issue(WrongType("less deeply nested"));
        }
        self.depth += 1;
        for (name, value) in fields {
            self.at(name, |walk| walk.element(holder, name, value, fields));
        }
        let bare = |name: &'_ String| name.strip_prefix('_').unwrap_or(name).to_owned();
        let choices: BTreeSet<(&str, String)> =
            fields.keys().map(bare).filter_map(|name| Some((stem_of(&name)?, name))).collect();
        let given = |name: &str| match name.strip_suffix("[x]") {
            Some(stem) => choices.iter().any(|(of, _)| *of == stem),
            None => fields.contains_key(name) || fields.contains_key(&format!("_{name}")),
        };
        for required in required_of(holder).iter().filter(|name| !given(name)) {
            self.at(required, |walk| walk.issue(Missing));
        }
        let stems: Vec<&str> = choices.iter().map(|(stem, _)| *stem).collect();
        let mut doubled: Vec<&str> = stems.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        doubled.dedup();
        for stem in doubled {
            self.at(&format!("{stem}[x]"), |walk| walk.issue(SeveralOfChoice));
        }
        self.depth -= 1;
    }

    fn element(&mut self, holder: &str, name: &str, value: &Value, siblings: &Map<String, Value>) {
        let resource = is_resource_type(holder);
        if resource && name == "resourceType" {
            return;
        }
        let (bare, of_primitive) = name.strip_prefix('_').map_or((name, false), |bare| (bare, true));
        let known = match ELEMENT_MAP.get(holder) {
            Some(names) => names.contains(bare),
            None => holder == ELEMENT && matches!(bare, "id" | "extension"),
        };
        let definition = definition(holder, bare, resource);
        if !known || (of_primitive && definition != Definition::Primitive) {
            return self.issue(UnknownElement);
        }
        let is_list = is_list(holder, bare, resource);
        match value {
            Value::Array(items) if is_list && items.is_empty() => self.issue(Empty),
            Value::Array(items) if is_list => {
                for (index, item) in items.iter().enumerate() {
                    let twin = siblings.get(&twin_of(name)).and_then(|twin| twin.get(index));
                    self.at_index(index, |walk| walk.item(holder, bare, &definition, of_primitive, item, twin));
                }
            }
            Value::Array(_) => self.issue(IsAList),
            _ if is_list => self.issue(NotAList),
            _ => self.item(holder, bare, &definition, of_primitive, value, None),
        }
    }

    /// Checks one value. `twin`: what stands at its position in the list beside it (`given` and `_given`).
    fn item(
        &mut self,
        holder: &str,
        name: &str,
        definition: &Definition,
        of_primitive: bool,
        value: &Value,
        twin: Option<&Value>,
    ) {
        match (definition, value) {
            (Definition::Primitive, Value::Null) if twin.is_some_and(|twin| !twin.is_null()) => {}
            (_, Value::Null) => self.issue(Empty),
            (Definition::Primitive, Value::Object(fields)) if of_primitive => self.object(ELEMENT, fields),
            (Definition::Primitive, _) if of_primitive => self.issue(WrongType("an object with id or extension")),
            (Definition::Primitive, value) => {
                if let Some(problem) = primitive::problem(holder, name, value) {
                    self.issue(problem);
                }
            }
            (Definition::Resource, value) => {
                let here = self.path.clone();
                self.resource(value, Some(&here));
            }
            (Definition::Object(_), Value::Object(fields)) if fields.is_empty() => self.issue(Empty),
            (Definition::Object(inner), Value::Object(fields)) => self.object(inner, fields),
            (Definition::Object(_), _) => self.issue(WrongType("an object")),
        }
    }

    fn issue(&mut self, problem: ValidationProblem) {
        self.issues.push(ValidationIssue { path: self.path.clone(), problem });
    }

    fn at(&mut self, name: &str, check: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push('.');
        self.path.push_str(name);
        check(self);
        self.path.truncate(length);
    }

    fn at_index(&mut self, index: usize, check: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push_str(&format!("[{index}]"));
        check(self);
        self.path.truncate(length);
    }
}

/// What R4 defines an element as.
#[derive(PartialEq)]
enum Definition {
    Primitive,
    Resource,
    /// A type, or a backbone element's path: the key of its elements in the map.
    Object(String),
}

fn definition(holder: &str, name: &str, resource: bool) -> Definition {
    match name {
        "extension" | "modifierExtension" => return Definition::Object("Extension".into()),
        "id" => return Definition::Primitive,
        "url" if holder == "Extension" => return Definition::Primitive,
        "meta" if resource => return Definition::Object("Meta".into()),
        "text" if resource => return Definition::Object("Narrative".into()),
        "contained" if resource => return Definition::Resource,
        "implicitRules" | "language" if resource => return Definition::Primitive,
        _ => {}
    }
    let path = format!("{holder}.{name}");
    match TYPE_HINTS.type_paths.get(&path).or_else(|| TYPE_HINTS.content_reference_paths.get(&path)) {
        Some(&"Resource") => Definition::Resource,
        Some(definition) => Definition::Object((*definition).to_owned()),
        None if TYPE_HINTS.all_primitives_paths.contains(&path) => Definition::Primitive,
        None => Definition::Object(path),
    }
}

fn is_list(holder: &str, name: &str, resource: bool) -> bool {
    matches!(name, "extension" | "modifierExtension")
        || (resource && name == "contained")
        || TYPE_HINTS.array_paths.contains(&format!("{holder}.{name}"))
}

/// True for a type that has what every resource has.
fn is_resource_type(name: &str) -> bool {
    !name.contains('.') && ELEMENT_MAP.get(name).is_some_and(|names| names.contains("implicitRules"))
}

fn required_of(holder: &str) -> &'static [&'static str] {
    REQUIRED.binary_search_by_key(&holder, |(name, _)| name).map_or(&[], |found| REQUIRED[found].1)
}

/// `_given` for `given`, and the other way round.
fn twin_of(name: &str) -> String {
    name.strip_prefix('_').map_or_else(|| format!("_{name}"), str::to_owned)
}

/// Choice elements, of which R4 allows one type only.
#[rustfmt::skip]
const CHOICES: &[&str] = &[
    "abatement", "age", "allowed", "asNeeded", "author", "born", "chargeItem", "collected", "content", "deceased",
    "defaultValue", "detail", "diagnosis", "doseNumber", "dose", "due", "effective", "entity", "event", "fastingStatus",
    "fixed", "indicator", "item", "location", "medication", "multipleBirth", "occurrence", "occurred", "onset", "pattern",
    "performed", "procedure", "product", "quantity", "rate", "reported", "scheduled", "serviced", "seriesDoses", "source",
    "start", "statusReason", "subject", "target", "time", "timing", "topic", "used", "value",
];

/// The choice element that `name` is one type of.
fn stem_of(name: &str) -> Option<&'static str> {
    CHOICES.iter().copied().find(|stem| name.strip_prefix(stem).is_some_and(crate::merging::is_choice_type))
}
