//! What differs between two states of a document, element by element.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{ElementPath, RecordDocument, ResourceKey};

/// One element that differs.
#[derive(Clone, PartialEq)]
pub struct ElementChange {
    /// The resource.
    pub key: ResourceKey,
    /// The element; empty when the whole resource came or went. List positions are those of the later state.
    pub path: ElementPath,
    /// Its value before; `None` when it was not there.
    pub before: Option<Value>,
    /// Its value after; `None` when it is not there any more.
    pub after: Option<Value>,
}

impl std::fmt::Debug for ElementChange {
    /// Where, not what.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ElementChange").field("key", &self.key).field("path", &self.path).finish_non_exhaustive()
    }
}

/// What one must change in `before` to have `after`, sorted by resource, then in the order of the elements.
pub fn compare(before: &RecordDocument, after: &RecordDocument) -> Vec<ElementChange> {
    let before: BTreeMap<_, _> = before.resources().collect();
    let after: BTreeMap<_, _> = after.resources().collect();
    let mut found = Vec::new();
    for key in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        let mut comparison = Comparison { key, found: &mut found };
        comparison.values(&ElementPath::default(), before.get(key), after.get(key));
    }
    found
}

struct Comparison<'c> {
    key: &'c ResourceKey,
    found: &'c mut Vec<ElementChange>,
}

impl Comparison<'_> {
    fn values(&mut self, path: &ElementPath, before: Option<&Value>, after: Option<&Value>) {
        match (before, after) {
            (Some(before), Some(after)) if before == after => {}
            (Some(Value::Object(before)), Some(Value::Object(after))) => {
                for name in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
                    self.values(&path.child(name), before.get(name), after.get(name));
                }
            }
            (Some(Value::Array(before)), Some(Value::Array(after))) => self.lists(path, before, after),
            (before, after) => self.found.push(ElementChange {
                key: self.key.clone(),
                path: path.clone(),
                before: before.cloned(),
                after: after.cloned(),
            }),
        }
    }

    /// Compares what lies between the entries that both lists begin and end with.
    fn lists(&mut self, path: &ElementPath, before: &[Value], after: &[Value]) {
        let start = before.iter().zip(after).take_while(|(a, b)| a == b).count();
        let (before, after) = (&before[start..], &after[start..]);
        let end = before.iter().rev().zip(after.iter().rev()).take_while(|(a, b)| a == b).count();
        let (before, after) = (&before[..before.len() - end], &after[..after.len() - end]);
        for position in 0..before.len().max(after.len()) {
            self.values(&path.at(start + position), before.get(position), after.get(position));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document(resources: &[Value]) -> RecordDocument {
        let mut document = RecordDocument::new();
        let put = document.edit(b"a", 0, |edit| resources.iter().try_for_each(|one| edit.put_resource(one).map(drop)));
        put.unwrap();
        document
    }

    #[test]
    fn elements_that_came_went_or_changed_are_listed_with_both_values() {
        let before = document(&[
            json!({"resourceType": "Flag", "id": "f", "status": "active", "x": [1, 2, 3], "gone": {"a": 1}}),
            json!({"resourceType": "Flag", "id": "old"}),
        ]);
        let after =
            document(&[json!({"resourceType": "Flag", "id": "f", "status": "inactive", "x": [1, 3], "new": true})]);
        let found: Vec<_> = compare(&before, &after)
            .into_iter()
            .map(|one| (one.key.id, one.path.to_string(), one.before, one.after))
            .collect();
        let expected = [
            ("f", "gone", Some(json!({"a": 1})), None),
            ("f", "new", None, Some(json!(true))),
            ("f", "status", Some(json!("active")), Some(json!("inactive"))),
            ("f", "x[1]", Some(json!(2)), None),
            ("old", "", Some(json!({"resourceType": "Flag", "id": "old"})), None),
        ];
        assert_eq!(found, expected.map(|(id, path, before, after)| (id.to_owned(), path.to_owned(), before, after)));
        assert_eq!(compare(&after, &after), []);
    }
}
