//! The edits one change is made of.

use automerge::transaction::{Transactable, Transaction};
use automerge::{ObjId, ObjType, Prop, ROOT, ReadDoc, Value as Stored};
use serde_json::{Map, Value};

use crate::diff::ResourceWriter;
use crate::document::{read_entry_metadata, read_resource, refused, resource_object};
use crate::encode::{MAX_DEPTH, encode_object, fits_depth};
use crate::schema::Schema;
use crate::signing::is_signed;
use crate::{ElementPath, PathStep, RecordError, ResourceKey, entered_in_error};

/// Collects the edits of one change; see [`crate::RecordDocument::edit`].
pub struct DocumentEditor<'doc> {
    transaction: Transaction<'doc>,
    message: Option<String>,
    schema: &'static Schema,
}

impl<'doc> DocumentEditor<'doc> {
    pub(crate) fn new(transaction: Transaction<'doc>, schema: &'static Schema) -> Self {
        Self { transaction, message: None, schema }
    }

    pub(crate) fn schema(&self) -> &'static Schema {
        self.schema
    }

    /// A resource as it is stored, of whatever schema version, and its object.
    pub(crate) fn stored(&self, key: &ResourceKey) -> Option<(ObjId, Value)> {
        let id = resource_object(&self.transaction, key)?;
        let value = read_resource(&self.transaction, &key.resource_type, &id);
        Some((id, value))
    }

    pub(crate) fn finish(self) -> (Transaction<'doc>, Option<String>) {
        (self.transaction, self.message)
    }

    pub(crate) fn transaction(&mut self) -> &mut Transaction<'doc> {
        &mut self.transaction
    }

    /// A resource as it stands within this edit.
    pub fn resource(&self, key: &ResourceKey) -> Option<Value> {
        self.stored(key).map(|(_, stored)| self.schema.upgraded(stored))
    }

    /// Why the change is made, for the history. Travels with the change: anyone who may read the document reads it.
    pub fn set_message(&mut self, message: impl Into<String>) {
        self.message = Some(message.into());
    }

    /// Creates the resource or makes the one of the same type and id equal to it, touching only the fields that differ.
    ///
    /// Of concurrent versions of the whole resource it writes to the visible one; the others stay, and stay in conflict.
    /// # Errors
    /// [`RecordError::NotAResource`], [`RecordError::TooDeep`].
    pub fn put_resource(&mut self, resource: &Value) -> Result<ResourceKey, RecordError> {
        let (key, fields) = checked(resource)?;
        match self.stored(&key) {
            None => {
                self.stamp()?;
                self.create(&key, fields)?;
            }
            Some((id, old)) if self.schema.steps.is_empty() => self.make_equal(&key, &id, &old, fields)?,
            Some((_, old)) => {
                if self.schema.upgraded(old) != *resource {
                    self.persist_upgrade(&key)?;
                    let (id, old) = self.stored(&key).ok_or(RecordError::Engine("a resource vanished"))?;
                    self.make_equal(&key, &id, &old, fields)?;
                }
            }
        }
        Ok(key)
    }

    /// Takes a record back the FHIR way: it stays, with a status that says it was entered in error.
    ///
    /// # Errors
    /// [`RecordError::UnknownResource`]; [`RecordError::NoErrorStatus`] for types R4 gives no such status.
    pub fn mark_entered_in_error(&mut self, key: &ResourceKey) -> Result<(), RecordError> {
        let resource = self.resource(key).ok_or_else(|| RecordError::UnknownResource(key.clone()))?;
        let retracted = entered_in_error::retracted(resource)
            .ok_or_else(|| RecordError::NoErrorStatus(key.resource_type.clone()))?;
        self.put_resource(&retracted).map(drop)
    }

    /// Keeps what a Bundle entry says besides `resource`; `None` forgets it.
    ///
    /// # Errors
    /// [`RecordError::Engine`].
    pub fn set_entry_metadata(&mut self, key: &ResourceKey, metadata: Option<&Value>) -> Result<(), RecordError> {
        if read_entry_metadata(&self.transaction, key).as_ref() == metadata {
            return Ok(());
        }
        match metadata {
            Some(metadata) => self.transaction.put(ROOT, key.entry_key(), metadata.to_string()),
            None => self.transaction.delete(ROOT, key.entry_key()),
        }
        .map_err(|error| refused(&error))
    }

    /// Replaces `delete` characters at `position` of a collaborative text by `insert`. Positions count code points.
    ///
    /// # Errors
    /// [`RecordError::UnknownResource`], [`RecordError::NoSuchElement`] when the element is not collaborative text,
    /// [`RecordError::TextOutOfRange`], [`RecordError::Signed`] for the text of a signed note.
    pub fn splice_text(
        &mut self,
        key: &ResourceKey,
        path: &ElementPath,
        position: usize,
        delete: usize,
        insert: &str,
    ) -> Result<(), RecordError> {
        let text = self.editable_text(key, path)?;
        let length = self.transaction.length(&text);
        let end = position.saturating_add(delete);
        if end > length {
            return Err(RecordError::TextOutOfRange { position: end, length });
        }
        let delete = isize::try_from(delete).map_err(|_| RecordError::TextOutOfRange { position: end, length })?;
        self.transaction.splice_text(text, position, delete, insert).map_err(|error| refused(&error))
    }

    /// Adds `insert` at the end of a collaborative text.
    ///
    /// # Errors
    /// As [`Self::splice_text`].
    pub fn append_text(&mut self, key: &ResourceKey, path: &ElementPath, insert: &str) -> Result<(), RecordError> {
        let text = self.editable_text(key, path)?;
        let length = self.transaction.length(&text);
        self.transaction.splice_text(text, length, 0, insert).map_err(|error| refused(&error))
    }

    /// A text that may still be typed in.
    fn editable_text(&mut self, key: &ResourceKey, path: &ElementPath) -> Result<ObjId, RecordError> {
        let remark = path.trail().contains(&"note");
        if !remark && self.resource(key).is_some_and(|resource| is_signed(&resource)) {
            return Err(RecordError::Signed(key.clone()));
        }
        self.persist_upgrade(key)?;
        self.unite_along(key, path)?;
        self.text_object(key, path)
    }

    fn text_object(&self, key: &ResourceKey, path: &ElementPath) -> Result<ObjId, RecordError> {
        let missing = || no_element(key, path, "collaborative text");
        let (parent, prop) = self.locate(key, path)?.ok_or_else(missing)?;
        match self.transaction.get(parent, prop) {
            Ok(Some((Stored::Object(ObjType::Text), id))) => Ok(id),
            _ => Err(missing()),
        }
    }

    /// The object that holds the element at `path`, and the element's place in it; `None` when there is no such object.
    pub(crate) fn locate(&self, key: &ResourceKey, path: &ElementPath) -> Result<Option<(ObjId, Prop)>, RecordError> {
        let mut object =
            resource_object(&self.transaction, key).ok_or_else(|| RecordError::UnknownResource(key.clone()))?;
        let Some((last, parents)) = path.0.split_last() else { return Ok(None) };
        for step in parents {
            match self.transaction.get(&object, prop_of(step)) {
                Ok(Some((Stored::Object(_), id))) => object = id,
                _ => return Ok(None),
            }
        }
        Ok(Some((object, prop_of(last))))
    }

    fn make_equal(
        &mut self,
        key: &ResourceKey,
        id: &ObjId,
        old: &Value,
        fields: &Map<String, Value>,
    ) -> Result<(), RecordError> {
        let old = old.as_object().ok_or(RecordError::Engine("a resource is not an object"))?;
        self.writer(key).update_map(id, &mut Vec::new(), old, fields)
    }

    pub(crate) fn create(&mut self, key: &ResourceKey, fields: &Map<String, Value>) -> Result<(), RecordError> {
        let object = encode_object(&key.resource_type, &mut Vec::new(), fields);
        self.transaction.batch_create_object(ROOT, key.root_key(), &object, false).map_err(|error| refused(&error))?;
        Ok(())
    }

    pub(crate) fn writer<'w>(&'w mut self, key: &'w ResourceKey) -> ResourceWriter<'w, 'doc> {
        let (transaction, resource_type) = (&mut self.transaction, key.resource_type.as_str());
        ResourceWriter { transaction, resource_type, lists_as_wholes: false }
    }
}

/// The key and fields of a value that may be put into a document.
pub(crate) fn checked(resource: &Value) -> Result<(ResourceKey, &Map<String, Value>), RecordError> {
    let key = ResourceKey::of(resource)?;
    if !fits_depth(resource, MAX_DEPTH) {
        return Err(RecordError::TooDeep { key, limit: MAX_DEPTH });
    }
    let fields = resource.as_object().ok_or(RecordError::NotAResource("not an object"))?;
    Ok((key, fields))
}

fn prop_of(step: &PathStep) -> Prop {
    match step {
        PathStep::Key(key) => Prop::Map(key.clone()),
        PathStep::Index(index) => Prop::Seq(*index),
    }
}

pub(crate) fn no_element(key: &ResourceKey, path: &ElementPath, expected: &'static str) -> RecordError {
    RecordError::NoSuchElement { key: key.clone(), path: path.to_string(), expected }
}
