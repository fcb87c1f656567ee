//! Sets one element of a resource's JSON by its path.

use clinical_record::{ElementPath, PathStep};
use serde_json::{Map, Value};

/// Sets the element at `path`; objects and list ends on the way are made.
///
/// # Errors
/// What is wrong with the path, as fixed text.
pub(super) fn set(resource: &mut Value, path: &ElementPath, value: Value) -> Result<(), &'static str> {
    if path.is_empty() {
        return Err("the path names no element");
    }
    let mut place = resource;
    for step in &path.0 {
        place = match step {
            PathStep::Key(key) => member(place, key)?,
            PathStep::Index(index) => item(place, *index)?,
        };
    }
    *place = value;
    Ok(())
}

fn member<'v>(place: &'v mut Value, key: &str) -> Result<&'v mut Value, &'static str> {
    if place.is_null() {
        *place = Value::Object(Map::new());
    }
    let object = place.as_object_mut().ok_or("the path leads into something that has no elements")?;
    Ok(object.entry(key).or_insert(Value::Null))
}

fn item(place: &mut Value, index: usize) -> Result<&mut Value, &'static str> {
    if place.is_null() {
        *place = Value::Array(Vec::new());
    }
    let list = place.as_array_mut().ok_or("the path gives a position in something that is no list")?;
    if index == list.len() {
        list.push(Value::Null);
    }
    list.get_mut(index).ok_or("the path leads beyond the end of a list")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set_at(mut resource: Value, path: &str) -> Result<Value, &'static str> {
        set(&mut resource, &path.parse().unwrap(), json!("new")).map(|()| resource)
    }

    #[test]
    fn an_element_that_is_there_is_replaced_and_one_that_is_not_is_made() {
        let old = json!({"dosageInstruction": [{"text": "old", "sequence": 1}]});
        let expected = json!({"dosageInstruction": [{"text": "new", "sequence": 1}]});
        assert_eq!(set_at(old, "dosageInstruction[0].text").unwrap(), expected);
        assert_eq!(set_at(json!({}), "a[0].b").unwrap(), json!({"a": [{"b": "new"}]}));
    }

    #[test]
    fn a_path_through_a_text_or_past_the_end_is_refused() {
        assert!(set_at(json!({"a": "x"}), "a.b").is_err());
        assert!(set_at(json!({"a": "x"}), "a[0]").is_err());
        assert!(set_at(json!({"a": []}), "a[1]").is_err());
    }
}
