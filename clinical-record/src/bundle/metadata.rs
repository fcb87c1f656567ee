//! What a Bundle entry says besides its resource, and when that need not be kept.

use serde_json::{Map, Value, json};

use crate::ResourceKey;

/// What an entry of a transaction says by default: created under its own id.
pub(super) fn default_metadata(key: &ResourceKey) -> Value {
    json!({
        "fullUrl": format!("urn:uuid:{}", key.id),
        "request": {"method": "POST", "url": key.resource_type},
    })
}

/// The metadata to keep: `rest` of an entry, or `None` when that is the default.
pub(super) fn metadata_to_keep(key: &ResourceKey, rest: Map<String, Value>) -> Option<Value> {
    let rest = Value::Object(rest);
    (rest != default_metadata(key)).then_some(rest)
}
