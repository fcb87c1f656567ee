//! What one change did to resources, element by element, and how to do it again elsewhere.
//!
//! An element here is a member of an object, however deep; a list is one element, since positions in it mean nothing once
//! something else changed it.

use std::collections::BTreeMap;

use clinical_record::{ElementPath, PathStep, RecordDocument, ResourceKey};
use serde_json::{Map, Value};

/// Resources by their keys, as FHIR JSON.
pub(crate) type Resources = BTreeMap<ResourceKey, Value>;

/// One element before and after.
#[derive(Clone, PartialEq)]
pub(crate) struct Step {
    pub(crate) key: ResourceKey,
    /// The element; empty for the whole resource.
    pub(crate) path: ElementPath,
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
}

pub(crate) fn resources(document: &RecordDocument) -> Resources {
    document.resources().collect()
}

/// What turns `before` into `after`.
pub(crate) fn between(before: &Resources, after: &Resources) -> Vec<Step> {
    let mut steps = Vec::new();
    let gone = before.keys().filter(|key| !after.contains_key(*key));
    for key in gone.chain(after.keys()) {
        compare(key, &ElementPath::default(), before.get(key), after.get(key), &mut steps);
    }
    steps
}

fn compare(
    key: &ResourceKey,
    path: &ElementPath,
    before: Option<&Value>,
    after: Option<&Value>,
    steps: &mut Vec<Step>,
) {
    if before == after {
        return;
    }
    let (Some(Value::Object(old)), Some(Value::Object(new))) = (before, after) else {
        let step = Step { key: key.clone(), path: path.clone(), before: before.cloned(), after: after.cloned() };
        steps.push(step);
        return;
    };
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    for name in gone.chain(new.keys()) {
        let mut inner = path.clone();
        inner.0.push(PathStep::Key(name.clone()));
        compare(key, &inner, old.get(name), new.get(name), steps);
    }
}

impl Step {
    /// Whether the element is just what it was before this step.
    pub(crate) fn follows(&self, resource: Option<&Value>) -> bool {
        let present = resource.and_then(|resource| at(resource, &self.path));
        // The object that would hold the element must be there.
        let has_place = self.path.is_empty() || resource.is_some_and(|resource| at(resource, &parent(self)).is_some());
        has_place && present == self.before.as_ref()
    }

    /// Does the step to a resource. The objects on the way are made.
    pub(crate) fn apply(&self, resource: Option<Value>) -> Option<Value> {
        let Some((last, way)) = self.path.0.split_last() else { return self.after.clone() };
        let mut resource = resource.unwrap_or_else(|| Value::Object(Map::new()));
        let mut place = &mut resource;
        for step in way {
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            place = &mut place[name(step)];
        }
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        if let Some(object) = place.as_object_mut() {
            match &self.after {
                Some(value) => drop(object.insert(name(last).to_owned(), value.clone())),
                None => drop(object.remove(name(last))),
            }
        }
        Some(resource)
    }
}

fn parent(step: &Step) -> ElementPath {
    let mut path = step.path.clone();
    path.0.pop();
    path
}

/// Steps are made of names only, see the module.
fn name(step: &PathStep) -> &str {
    match step {
        PathStep::Key(name) => name,
        PathStep::Index(_) => "",
    }
}

fn at<'v>(resource: &'v Value, path: &ElementPath) -> Option<&'v Value> {
    path.0.iter().try_fold(resource, |value, step| value.get(name(step)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn one(resource: Value) -> Resources {
        BTreeMap::from([(ResourceKey::new("MedicationRequest", "m1"), resource)])
    }

    #[test]
    fn members_are_compared_one_by_one_and_lists_as_a_whole() {
        let before = one(json!({"status": "draft", "a": {"b": 1, "c": 2}, "list": [1], "gone": true}));
        let after = one(json!({"status": "active", "a": {"b": 1, "c": 3}, "list": [1, 2]}));
        let steps = between(&before, &after);
        let mut paths: Vec<String> = steps.iter().map(|step| step.path.to_string()).collect();
        paths.sort();
        assert_eq!(paths, ["a.c", "gone", "list", "status"]);
        let key = ResourceKey::new("MedicationRequest", "m1");
        let redone = steps.iter().fold(before.get(&key).cloned(), |resource, step| step.apply(resource));
        assert_eq!(redone.as_ref(), after.get(&key));
    }

    #[test]
    fn a_step_follows_only_what_was_there_before_it() {
        let steps = between(&one(json!({"a": {"b": 1}})), &one(json!({"a": {"b": 2}})));
        assert!(steps[0].follows(Some(&json!({"a": {"b": 1}, "other": true}))));
        assert!(!steps[0].follows(Some(&json!({"a": {"b": 9}}))));
        assert!(!steps[0].follows(None));
        let created = between(&Resources::new(), &one(json!({"a": 1})));
        assert!(created[0].follows(None) && !created[0].follows(Some(&json!({}))));
    }
}
