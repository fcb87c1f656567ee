//! Resources as a FHIR transaction Bundle.

use serde_json::{Value, json};

use super::metadata::default_metadata;
use crate::ResourceKey;

/// A transaction Bundle of the entries, in their order. Each is a resource with its entry metadata where that is not the
/// default (see [`crate::RecordDocument::entry_metadata`]).
pub fn write_bundle(entries: impl IntoIterator<Item = (Value, Option<Value>)>) -> Value {
    let entries: Vec<Value> = entries.into_iter().map(|(resource, metadata)| entry(resource, metadata)).collect();
    json!({"resourceType": "Bundle", "type": "transaction", "entry": entries})
}

/// A collection Bundle of the entries, in their order: as [`write_bundle`], without what only a transaction says.
pub fn write_collection(entries: impl IntoIterator<Item = (Value, Option<Value>)>) -> Value {
    let entries = entries.into_iter().map(|(resource, metadata)| {
        let mut entry = entry(resource, metadata);
        for part in ["request", "response", "search"] {
            entry.as_object_mut().map(|entry| entry.remove(part));
        }
        entry
    });
    json!({"resourceType": "Bundle", "type": "collection", "entry": entries.collect::<Vec<_>>()})
}

fn entry(resource: Value, metadata: Option<Value>) -> Value {
    let mut entry = metadata
        .or_else(|| ResourceKey::of(&resource).ok().map(|key| default_metadata(&key)))
        .filter(Value::is_object)
        .unwrap_or_else(|| json!({}));
    entry["resource"] = resource;
    entry
}
