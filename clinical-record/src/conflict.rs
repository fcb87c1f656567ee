//! Concurrent values that nobody has decided between yet.

use automerge::{ChangeHash, ObjId, ObjType, Prop, ROOT, ReadDoc, Value as Stored};
use serde_json::Value;

use crate::decode::decode;
use crate::encode::MAX_DEPTH;
use crate::{ElementPath, RecordDocument, ResourceKey};

/// One element with more than one concurrent value, or a whole resource with more than one version (empty path).
#[derive(Clone, Debug, PartialEq)]
pub struct FieldConflict {
    /// The resource.
    pub key: ResourceKey,
    /// The element; empty for the whole resource.
    pub path: ElementPath,
    /// At least two different values, each with its author. The last one is what every device shows meanwhile.
    pub values: Vec<ConflictValue>,
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
    /// Equal concurrent values are no conflict: everyone meant the same. Elements inside a value that is itself in
    /// conflict are looked at only in the visible one.
    pub fn conflicts(&self) -> Vec<FieldConflict> {
        let mut found = Vec::new();
        for item in self.doc.map_range(ROOT, ..) {
            let Some(key) = ResourceKey::parse_root_key(&item.key) else { continue };
            let mut search = Search { document: self, key, path: ElementPath::default(), found: &mut found };
            if item.conflict {
                search.compare(&ROOT, item.key.to_string().into());
            }
            search.within(&item.value.clone().into_value(), &item.id());
        }
        found.sort_by(|a, b| (&a.key, &a.path).cmp(&(&b.key, &b.path)));
        found
    }

    /// Who wrote the values found under the given ids.
    fn authored(&self, id: &ObjId, value: Value) -> Option<ConflictValue> {
        let hash: ChangeHash = self.doc.hash_for_opid(id)?;
        let change = self.doc.get_change_meta_by_hash(&hash)?;
        Some(ConflictValue {
            value,
            change: hash.0,
            actor: change.actor.to_bytes().to_vec(),
            seq: change.seq,
            time_ms: change.timestamp,
        })
    }
}

/// A walk through the visible values of one resource.
struct Search<'s> {
    document: &'s RecordDocument,
    key: ResourceKey,
    path: ElementPath,
    found: &'s mut Vec<FieldConflict>,
}

impl Search<'_> {
    fn within(&mut self, value: &Stored<'_>, id: &ObjId) {
        if self.path.0.len() > MAX_DEPTH {
            return;
        }
        match value {
            Stored::Object(ObjType::Map | ObjType::Table) => self.within_map(id),
            Stored::Object(ObjType::List) => self.within_list(id),
            // Inside a text concurrent edits merge by character.
            Stored::Object(ObjType::Text) | Stored::Scalar(_) => {}
        }
    }

    fn within_map(&mut self, id: &ObjId) {
        for item in self.document.doc.map_range(id, ..) {
            let here = self.path.child(&item.key);
            self.element(
                here,
                id,
                item.conflict,
                Prop::Map(item.key.to_string()),
                &item.id(),
                &item.value.into_value(),
            );
        }
    }

    fn within_list(&mut self, id: &ObjId) {
        for item in self.document.doc.list_range(id, ..) {
            let here = self.path.at(item.index);
            let prop = Prop::Seq(item.index);
            self.element(here, id, item.conflict, prop, &item.id(), &item.value.into_value());
        }
    }

    fn element(
        &mut self,
        here: ElementPath,
        parent: &ObjId,
        conflict: bool,
        prop: Prop,
        id: &ObjId,
        value: &Stored<'_>,
    ) {
        let outer = std::mem::replace(&mut self.path, here);
        if conflict {
            self.compare(parent, prop);
        }
        self.within(value, id);
        self.path = outer;
    }

    /// Records a conflict when the concurrent values at `prop` differ.
    fn compare(&mut self, parent: &ObjId, prop: Prop) {
        let doc = &self.document.doc;
        let mut trail = self.path.trail().into_iter().map(|name| name.to_owned().into()).collect();
        let values: Vec<ConflictValue> = doc
            .get_all(parent, prop)
            .unwrap_or_default()
            .into_iter()
            .filter_map(|(value, id)| {
                let json = decode(doc, &self.key.resource_type, &mut trail, &value, &id);
                self.document.authored(&id, json)
            })
            .collect();
        if values.iter().any(|other| other.value != values[0].value) {
            self.found.push(FieldConflict { key: self.key.clone(), path: self.path.clone(), values });
        }
    }
}
