//! Automerge values back as FHIR JSON.

use std::borrow::Cow;

use automerge::{ObjId, ObjType, ReadDoc, ScalarValue, Value as Stored};
use serde_json::{Map, Value};

use crate::decimal::{decode_float, decode_literal};
use crate::encode::MAX_DEPTH;
use crate::merging::{is_collection, united_items};
use crate::text_form::{ANY_POSITION, json_of};

/// Reads one value of a resource. `trail` is where it sits.
///
/// What no editor of this crate writes (nesting beyond [`MAX_DEPTH`], bytes that are no number) reads as null, so that a
/// hostile document cannot exhaust the stack or make a chart unreadable.
pub(crate) fn decode<'d, D: ReadDoc>(
    doc: &'d D,
    resource_type: &str,
    trail: &mut Vec<Cow<'d, str>>,
    value: &Stored<'_>,
    id: &ObjId,
) -> Value {
    match value {
        Stored::Object(_) if trail.len() > MAX_DEPTH => Value::Null,
        Stored::Object(ObjType::Map | ObjType::Table) => decode_map(doc, resource_type, trail, id),
        Stored::Object(ObjType::List) => decode_list(doc, resource_type, trail, id),
        Stored::Object(ObjType::Text) => decode_text(doc, resource_type, trail, id),
        Stored::Scalar(scalar) => decode_scalar(scalar),
    }
}

fn decode_map<'d, D: ReadDoc>(doc: &'d D, resource_type: &str, trail: &mut Vec<Cow<'d, str>>, id: &ObjId) -> Value {
    let mut map = Map::new();
    for item in doc.map_range(id, ..) {
        trail.push(item.key.clone());
        let united = if item.conflict { decode_united(doc, resource_type, trail, id, &item.key) } else { None };
        let id = item.id();
        let child = united.unwrap_or_else(|| decode(doc, resource_type, trail, &item.value.into_value(), &id));
        trail.pop();
        map.insert(item.key.into_owned(), child);
    }
    Value::Object(map)
}

/// The entries of a collection that was begun more than once; `None` where the element is something else.
fn decode_united<'d, D: ReadDoc>(
    doc: &'d D,
    resource_type: &str,
    trail: &mut Vec<Cow<'d, str>>,
    parent: &ObjId,
    key: &str,
) -> Option<Value> {
    let names: Vec<&str> = trail.iter().map(AsRef::as_ref).collect();
    if !is_collection(resource_type, &names) {
        return None;
    }
    let items = united_items(doc, resource_type, trail, &doc.get_all(parent, key).ok()?)?;
    Some(items.into_iter().map(|item| item.json).collect())
}

fn decode_list<'d, D: ReadDoc>(doc: &'d D, resource_type: &str, trail: &mut Vec<Cow<'d, str>>, id: &ObjId) -> Value {
    trail.push(ANY_POSITION.into());
    let items = doc
        .list_range(id, ..)
        .map(|item| {
            let id = item.id();
            decode(doc, resource_type, trail, &item.value.into_value(), &id)
        })
        .collect();
    trail.pop();
    Value::Array(items)
}

fn decode_text<D: ReadDoc>(doc: &D, resource_type: &str, trail: &[Cow<'_, str>], id: &ObjId) -> Value {
    let trail: Vec<&str> = trail.iter().map(AsRef::as_ref).collect();
    doc.text(id).map_or(Value::Null, |text| Value::String(json_of(resource_type, &trail, text)))
}

pub(crate) fn decode_scalar(scalar: &ScalarValue) -> Value {
    match scalar {
        ScalarValue::Str(text) => Value::String(text.to_string()),
        ScalarValue::Bytes(literal) => decode_literal(literal),
        ScalarValue::Int(int) | ScalarValue::Timestamp(int) => Value::from(*int),
        ScalarValue::Counter(counter) => Value::from(i64::from(counter)),
        ScalarValue::Uint(int) => Value::from(*int),
        ScalarValue::F64(float) => decode_float(*float),
        ScalarValue::Boolean(flag) => Value::Bool(*flag),
        ScalarValue::Null | ScalarValue::Unknown { .. } => Value::Null,
    }
}
