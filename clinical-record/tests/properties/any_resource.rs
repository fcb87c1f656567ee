//! Generates resources: arbitrary JSON under FHIR's names, so that every special case of the mapping comes up.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value};

/// Types with collaborative text, and one without.
const TYPES: &[&str] = &["DocumentReference", "Composition", "Communication", "DiagnosticReport", "MedicationRequest"];

/// Names that decide how a string is kept, primitive extensions, and odd ones.
#[rustfmt::skip]
const NAMES: &[&str] = &[
    "note", "text", "div", "section", "content", "attachment", "contentType", "data", "payload", "contentString",
    "conclusion", "status", "_status", "value", "", "ключ", "a/b", "$x",
];

const STRINGS: &[&str] = &["", "text/plain", "SGVsbG8=", "SGVsbG8", "active", "é𝄞\u{0}\u{fffc}", "👩‍⚕️ two\nlines"];

const NUMBERS: &[&str] =
    &["0", "-0", "1.0", "1.50", "-7", "1e+3", "0.3202898736241102", "9223372036854775808", "0.00", "-0.0", "1e-400"];

/// A resource of any content, with the given id.
pub fn any_resource(id: &'static str) -> impl Strategy<Value = Value> {
    (select(TYPES), any_resource_of()).prop_map(move |(resource_type, fields)| named(resource_type, id, fields))
}

/// Two resources of one type and id.
pub fn two_versions() -> impl Strategy<Value = (Value, Value)> {
    (select(TYPES), any_resource_of(), any_resource_of(), any::<bool>()).prop_map(|(resource_type, old, new, mixed)| {
        let old = named(resource_type, "x", old);
        let mut new = named(resource_type, "x", new);
        if mixed {
            // Share most of the content, as real edits do.
            let (mut base, changed) = (old.clone(), new);
            base.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone().into_iter().take(2));
            base["resourceType"] = resource_type.into();
            base["id"] = "x".into();
            new = base;
        }
        (old, new)
    })
}

/// The fields of a resource.
pub fn any_resource_of() -> impl Strategy<Value = Map<String, Value>> {
    fields(any_value(), 6)
}

fn named(resource_type: &str, id: &str, mut fields: Map<String, Value>) -> Value {
    fields.insert("resourceType".into(), resource_type.into());
    fields.insert("id".into(), id.into());
    Value::Object(fields)
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        select(STRINGS).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        select(NUMBERS).prop_map(|literal| serde_json::from_str(literal).unwrap()),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter_map("finite", |float| serde_json::Number::from_f64(float).map(Value::Number)),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![vec(inner.clone(), 0..5).prop_map(Value::Array), fields(inner, 5).prop_map(Value::Object)]
    })
}

fn fields(value: impl Strategy<Value = Value>, most: usize) -> impl Strategy<Value = Map<String, Value>> {
    vec((select(NAMES), value), 0..most)
        .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
