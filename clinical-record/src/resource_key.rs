//! The name of a resource inside a document: `ResourceType/id`.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::RecordError;

/// Prefix of the root keys that hold Bundle entry metadata.
pub(crate) const ENTRY_PREFIX: &str = "entry:";

/// Longest resource type name accepted, in bytes. The longest in R4 has 39.
const MAX_TYPE_BYTES: usize = 64;

/// A resource's type and id; sorts by type, then id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ResourceKey {
    /// FHIR type name, for example `Observation`.
    pub resource_type: String,
    /// FHIR id, unique within the type.
    pub id: String,
}

impl ResourceKey {
    /// A key of the two parts, unchecked.
    pub fn new(resource_type: impl Into<String>, id: impl Into<String>) -> Self {
        Self { resource_type: resource_type.into(), id: id.into() }
    }

    /// Reads `resourceType` and `id` of a resource.
    ///
    /// # Errors
    /// [`RecordError::NotAResource`] when either is missing or not in FHIR's form.
    pub fn of(resource: &Value) -> Result<Self, RecordError> {
        let text = |name: &str| resource.get(name).and_then(Value::as_str);
        let resource_type = text("resourceType").ok_or(RecordError::NotAResource("no resourceType"))?;
        let id = text("id").ok_or(RecordError::NotAResource("no id"))?;
        if !is_type_name(resource_type) {
            return Err(RecordError::NotAResource("resourceType is not a FHIR type name"));
        }
        if !is_fhir_id(id) {
            return Err(RecordError::NotAResource("id is not a FHIR id"));
        }
        Ok(Self::new(resource_type, id))
    }

    /// The key under which a document's root map holds the resource.
    pub(crate) fn root_key(&self) -> String {
        self.to_string()
    }

    /// The key under which a document's root map holds the Bundle entry metadata.
    pub(crate) fn entry_key(&self) -> String {
        format!("{ENTRY_PREFIX}{self}")
    }

    /// Inverse of [`Self::root_key`]; `None` for any other root key.
    pub(crate) fn parse_root_key(root_key: &str) -> Option<Self> {
        let (resource_type, id) = root_key.split_once('/')?;
        (is_type_name(resource_type) && is_fhir_id(id)).then(|| Self::new(resource_type, id))
    }
}

impl fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.resource_type, self.id)
    }
}

/// True for what R4 allows as an id: 1 to 64 of `A-Z a-z 0-9 - .`
pub fn is_fhir_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

/// True for what can be a FHIR type name: letters only, the first one upper case.
pub(crate) fn is_type_name(name: &str) -> bool {
    name.len() <= MAX_TYPE_BYTES
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|b| b.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_the_fhir_rule() {
        assert!(is_fhir_id("a-1.B"));
        assert!(is_fhir_id(&"x".repeat(64)));
        for bad in ["", "a b", "a/b", "é", "a_b"] {
            assert!(!is_fhir_id(bad), "{bad}");
        }
        assert!(!is_fhir_id(&"x".repeat(65)));
    }

    #[test]
    fn a_root_key_reads_back_and_entry_keys_are_not_resources() {
        let key = ResourceKey::new("Observation", "a.1");
        assert_eq!(ResourceKey::parse_root_key(&key.root_key()), Some(key.clone()));
        assert_eq!(ResourceKey::parse_root_key(&key.entry_key()), None);
    }
}
