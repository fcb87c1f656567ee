//! Concurrent values that nobody has decided between yet.

mod search;
mod together;

use automerge::{ChangeHash, ObjId, ROOT, ReadDoc};
use serde_json::Value;

use crate::{ElementPath, RecordDocument, ResourceKey};

/// One element with more than one concurrent value, or a whole resource with more than one version (empty path).
#[derive(Clone, Debug, PartialEq)]
pub struct FieldConflict {
    /// The resource.
    pub key: ResourceKey,
    /// The element; empty for the whole resource. `deceased[x]` for a choice of which several types were filled in; its
    /// values are objects such as `{"deceasedBoolean": true}`.
    pub path: ElementPath,
    /// At least two different values, each with its author. Unless `mixed`, the last one is what every device shows meanwhile.
    pub values: Vec<ConflictValue>,
    /// True when nobody entered what is shown meanwhile: parts of several values, of an element whose parts mean something
    /// only together.
    pub mixed: bool,
}

/// One of the values in conflict, and who wrote it.
#[derive(Clone, Debug, PartialEq)]
pub struct ConflictValue {
    /// The value as FHIR JSON.
    pub value: Value,
    /// Hash of the change that wrote it.
    pub change: [u8; 32],
    /// Automerge actor id of its author.
    pub actor: Vec<u8>,
    /// The author's count of changes to this document.
    pub seq: u64,
    /// The author's clock, milliseconds since the Unix epoch. For display.
    pub time_ms: i64,
}

impl RecordDocument {
    /// Every conflict of the document, sorted by resource and path: the same list on every device with the same heads.
    ///
    /// What is one is said by [`crate::MERGE_RULES`]. Equal concurrent values are none: everyone meant the same. Elements
    /// inside a value that is itself in conflict are looked at only in the visible one.
    pub fn conflicts(&self) -> Vec<FieldConflict> {
        let mut found = Vec::new();
        for item in self.doc.map_range(ROOT, ..) {
            let Some(key) = ResourceKey::parse_root_key(&item.key) else { continue };
            search::of_resource(self, key, &item, &mut found);
        }
        found.extend(together::conflicts(self));
        found.sort_by(|a, b| (&a.key, &a.path).cmp(&(&b.key, &b.path)));
        found
    }

    /// A value, with who wrote it as the operation `id` tells.
    fn authored(&self, id: &ObjId, value: Value) -> Option<ConflictValue> {
        self.written_by(&self.doc.hash_for_opid(id)?, value)
    }

    fn written_by(&self, hash: &ChangeHash, value: Value) -> Option<ConflictValue> {
        let change = self.doc.get_change_meta_by_hash(hash)?;
        Some(ConflictValue {
            value,
            change: hash.0,
            actor: change.actor.to_bytes().to_vec(),
            seq: change.seq,
            time_ms: change.timestamp,
        })
    }
}
