//! How the shape of resources in documents grows, so that old and new devices work in one document.
//!
//! A document says the newest version that wrote in it; one that says nothing is of version 1. Newer code reads older shapes
//! by upgrading them as it reads, and writes the upgrade of a resource when it edits that resource. Two devices that do so
//! apart write the same values, which merge without a conflict. Older code leaves alone what it does not know.

use automerge::transaction::Transactable;
use automerge::{ROOT, ReadDoc};
use serde_json::Value;

use crate::diff::ResourceWriter;
use crate::document::refused;
use crate::editor::checked;
use crate::{DocumentEditor, RecordDocument, RecordError, ResourceKey};

/// Root key of the newest version that wrote in a document.
const VERSION: &str = "schema";

/// One version of the schema, and how to get there.
#[derive(Debug)]
pub struct Schema {
    /// This code's version; from 1.
    pub version: u32,
    /// In order of [`SchemaStep::to`].
    pub steps: &'static [SchemaStep],
}

/// What one version changed.
#[derive(Debug)]
pub struct SchemaStep {
    /// The version that came with it.
    pub to: u32,
    /// What it changes and why.
    pub why: &'static str,
    /// Upgrades one resource, of any type, in place. Depends on the resource alone, and changes nothing the second time.
    pub upgrade: fn(&mut Value),
}

/// The schema of this code.
pub static CURRENT_SCHEMA: Schema = Schema { version: 1, steps: &[] };

impl Schema {
    /// The resource in the shape of this version.
    pub(crate) fn upgraded(&self, mut resource: Value) -> Value {
        for step in self.steps {
            (step.upgrade)(&mut resource);
        }
        resource
    }
}

impl RecordDocument {
    /// The newest schema version that wrote in this document.
    pub fn schema_version(&self) -> u32 {
        version_of(&self.doc)
    }

    /// The same document, read and written with another schema than [`CURRENT_SCHEMA`].
    #[must_use]
    pub fn with_schema(mut self, schema: &'static Schema) -> Self {
        self.schema = schema;
        self
    }
}

impl DocumentEditor<'_> {
    /// Writes the upgrade of one resource, where its stored shape is older, and says so in the document.
    pub(crate) fn persist_upgrade(&mut self, key: &ResourceKey) -> Result<(), RecordError> {
        self.stamp()?;
        if self.schema().steps.is_empty() {
            return Ok(());
        }
        let Some((id, stored)) = self.stored(key) else { return Ok(()) };
        let upgraded = self.schema().upgraded(stored.clone());
        if upgraded == stored {
            return Ok(());
        }
        let (_, fields) = checked(&upgraded)?;
        let old = stored.as_object().ok_or(RecordError::Engine("a resource is not an object"))?;
        let transaction = self.transaction();
        let mut writer = ResourceWriter { transaction, resource_type: &key.resource_type, lists_as_wholes: true };
        writer.update_map(&id, &mut Vec::new(), old, fields)
    }

    /// Raises the version that the document says to this code's, never lowering it.
    pub(crate) fn stamp(&mut self) -> Result<(), RecordError> {
        let version = self.schema().version;
        if version_of(self.transaction()) >= version {
            return Ok(());
        }
        self.transaction().put(ROOT, VERSION, i64::from(version)).map_err(|error| refused(&error))
    }
}

/// The highest of the versions that a document says; 1 when it says none.
fn version_of<D: ReadDoc>(doc: &D) -> u32 {
    let all = doc.get_all(ROOT, VERSION).unwrap_or_default();
    all.iter().filter_map(|(value, _)| u32::try_from(value.as_i64()?).ok()).max().unwrap_or(1)
}
