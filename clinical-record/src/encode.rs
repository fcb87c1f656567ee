//! FHIR JSON as Automerge values, ready to be put into a document.

use std::collections::HashMap;

use automerge::hydrate;
use automerge::{ScalarValue, TextEncoding};
use serde_json::{Map, Value};

use crate::decimal::encode_number;
use crate::text_form::{ANY_POSITION, TextForm, form_of};

/// Deepest JSON nesting of a resource, in levels of objects and lists. R4 content stays below 20.
pub const MAX_DEPTH: usize = 64;

/// Text positions count Unicode code points, on every platform.
pub(crate) const TEXT_ENCODING: TextEncoding = TextEncoding::UnicodeCodePoint;

/// True when `value` nests at most `levels` levels of objects and lists.
pub(crate) fn fits_depth(value: &Value, levels: usize) -> bool {
    match value {
        Value::Object(map) => levels > 0 && map.values().all(|child| fits_depth(child, levels - 1)),
        Value::Array(list) => levels > 0 && list.iter().all(|child| fits_depth(child, levels - 1)),
        _ => true,
    }
}

/// Encodes `value`, found at `trail` of a resource beside `siblings`. The caller has checked the depth.
pub(crate) fn encode<'a>(
    resource_type: &str,
    trail: &mut Vec<&'a str>,
    siblings: &Map<String, Value>,
    value: &'a Value,
) -> hydrate::Value {
    match value {
        Value::Object(map) => encode_object(resource_type, trail, map),
        Value::Array(list) => encode_list(resource_type, trail, siblings, list),
        Value::String(text) => match form_of(resource_type, trail, siblings, text) {
            TextForm::Text(text) => hydrate::Value::text(TEXT_ENCODING, &text),
            TextForm::Plain => hydrate::Value::Scalar(ScalarValue::Str(text.as_str().into())),
        },
        Value::Null => hydrate::Value::Scalar(ScalarValue::Null),
        Value::Bool(flag) => hydrate::Value::Scalar(ScalarValue::Boolean(*flag)),
        Value::Number(number) => hydrate::Value::Scalar(encode_number(number)),
    }
}

/// Encodes an object found at `trail`; the whole resource when that is empty.
pub(crate) fn encode_object<'a>(
    resource_type: &str,
    trail: &mut Vec<&'a str>,
    map: &'a Map<String, Value>,
) -> hydrate::Value {
    let mut fields = HashMap::with_capacity(map.len());
    for (key, child) in map {
        trail.push(key);
        fields.insert(key.clone(), encode(resource_type, trail, map, child));
        trail.pop();
    }
    hydrate::Value::Map(fields.into())
}

fn encode_list<'a>(
    resource_type: &str,
    trail: &mut Vec<&'a str>,
    siblings: &Map<String, Value>,
    list: &'a [Value],
) -> hydrate::Value {
    trail.push(ANY_POSITION);
    let items: Vec<_> = list.iter().map(|child| encode(resource_type, trail, siblings, child)).collect();
    trail.pop();
    hydrate::Value::from(items)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn depth_counts_objects_and_lists() {
        assert!(fits_depth(&json!(1), 0));
        assert!(fits_depth(&json!({"a": [1]}), 2));
        assert!(!fits_depth(&json!({"a": [1]}), 1));
    }
}
