//! Puts a new version of a resource into a document by touching only what differs, so that concurrent edits merge.
//! What the merging table calls one value is replaced as one, so that its parts never mix.

use automerge::transaction::{Transactable, Transaction};
use automerge::{ObjId, ObjType, Prop, ReadDoc, Value as Stored, hydrate};
use serde_json::{Map, Value};

use crate::RecordError;
use crate::document::refused;
use crate::encode::encode;
use crate::merging::{is_collection, is_compound_value, is_whole};
use crate::text_form::{ANY_POSITION, TextForm, form_of};

/// Above this many bytes (old and new together) a text is compared by its common ends only; a full diff is quadratic.
const FULL_TEXT_DIFF_BYTES: usize = 16 * 1024;

/// Writes into the objects of one resource.
pub(crate) struct ResourceWriter<'w, 'doc> {
    pub(crate) transaction: &'w mut Transaction<'doc>,
    pub(crate) resource_type: &'w str,
    /// Replaces a list that grows or shrinks instead of touching its entries: for writers that may write the same apart,
    /// whose entries would otherwise be there twice.
    pub(crate) lists_as_wholes: bool,
}

impl ResourceWriter<'_, '_> {
    /// Makes the object `id`, now `old`, equal to `new`.
    pub(crate) fn update_map<'a>(
        &mut self,
        id: &ObjId,
        trail: &mut Vec<&'a str>,
        old: &Map<String, Value>,
        new: &'a Map<String, Value>,
    ) -> Result<(), RecordError> {
        for key in old.keys().filter(|key| !new.contains_key(*key)) {
            self.transaction.delete(id, key.as_str()).map_err(|error| refused(&error))?;
        }
        for (key, value) in new {
            trail.push(key);
            match old.get(key) {
                Some(before) if before == value => {}
                Some(before) => self.update(id, key.as_str().into(), trail, new, before, value)?,
                None => self.write(id, key.as_str().into(), trail, new, value, false)?,
            }
            trail.pop();
        }
        Ok(())
    }

    /// Makes the differing value at `prop` equal to `new`, inside it where both have the same kind.
    fn update<'a>(
        &mut self,
        parent: &ObjId,
        prop: Prop,
        trail: &mut Vec<&'a str>,
        siblings: &Map<String, Value>,
        old: &Value,
        new: &'a Value,
    ) -> Result<(), RecordError> {
        let compound = is_compound_value(old) && is_compound_value(new);
        if compound || is_whole(self.resource_type, trail) || self.begun_apart(parent, &prop, trail)? {
            return self.write(parent, prop, trail, siblings, new, false);
        }
        let stored = self.transaction.get(parent, prop.clone()).map_err(|error| refused(&error))?;
        match (stored, old, new) {
            (Some((Stored::Object(ObjType::Map), id)), Value::Object(old), Value::Object(new)) => {
                self.update_map(&id, trail, old, new)
            }
            (Some((Stored::Object(ObjType::List), id)), Value::Array(old), Value::Array(new))
                if !self.lists_as_wholes || old.len() == new.len() =>
            {
                self.update_list(&id, trail, siblings, old, new)
            }
            (Some((Stored::Object(ObjType::Text), id)), _, Value::String(text)) => {
                match form_of(self.resource_type, trail, siblings, text) {
                    TextForm::Text(text) => self.update_text(&id, &text),
                    TextForm::Plain => self.write(parent, prop, trail, siblings, new, false),
                }
            }
            _ => self.write(parent, prop, trail, siblings, new, false),
        }
    }

    /// True for a collection shown as the union of several lists. It is written as one, which replaces them all.
    fn begun_apart(&self, parent: &ObjId, prop: &Prop, trail: &[&str]) -> Result<bool, RecordError> {
        if !is_collection(self.resource_type, trail) {
            return Ok(false);
        }
        let lists = self.transaction.get_all(parent, prop.clone()).map_err(|error| refused(&error))?;
        Ok(lists.len() > 1)
    }

    fn update_list<'a>(
        &mut self,
        id: &ObjId,
        trail: &mut Vec<&'a str>,
        siblings: &Map<String, Value>,
        old: &[Value],
        new: &'a [Value],
    ) -> Result<(), RecordError> {
        let start = common_prefix(old, new);
        let (old, new) = (&old[start..], &new[start..]);
        let end = common_suffix(old, new);
        let (old, new) = (&old[..old.len() - end], &new[..new.len() - end]);
        trail.push(ANY_POSITION);
        for (offset, (before, after)) in old.iter().zip(new).enumerate() {
            if before != after {
                self.update(id, (start + offset).into(), trail, siblings, before, after)?;
            }
        }
        for position in (new.len()..old.len()).rev() {
            self.transaction.delete(id, start + position).map_err(|error| refused(&error))?;
        }
        for (position, value) in new.iter().enumerate().skip(old.len()) {
            self.write(id, (start + position).into(), trail, siblings, value, true)?;
        }
        trail.pop();
        Ok(())
    }

    /// Puts `value` at `prop`, replacing what is there, or inserting a list element before it.
    pub(crate) fn write<'a>(
        &mut self,
        parent: &ObjId,
        prop: Prop,
        trail: &mut Vec<&'a str>,
        siblings: &Map<String, Value>,
        value: &'a Value,
        insert: bool,
    ) -> Result<(), RecordError> {
        let transaction = &mut *self.transaction;
        match (encode(self.resource_type, trail, siblings, value), prop) {
            (hydrate::Value::Scalar(scalar), Prop::Seq(index)) if insert => transaction.insert(parent, index, scalar),
            (hydrate::Value::Scalar(scalar), prop) => transaction.put(parent, prop, scalar),
            (object, prop) => transaction.batch_create_object(parent, prop, &object, insert).map(drop),
        }
        .map_err(|error| refused(&error))
    }

    fn update_text(&mut self, id: &ObjId, new: &str) -> Result<(), RecordError> {
        let old = self.transaction.text(id).map_err(|error| refused(&error))?;
        if old.len() + new.len() <= FULL_TEXT_DIFF_BYTES {
            return self.transaction.update_text(id, new).map_err(|error| refused(&error));
        }
        let (old, new): (Vec<char>, Vec<char>) = (old.chars().collect(), new.chars().collect());
        let start = common_prefix(&old, &new);
        let end = common_suffix(&old[start..], &new[start..]);
        let inserted: String = new[start..new.len() - end].iter().collect();
        let deleted = isize::try_from(old.len() - end - start).map_err(|_| RecordError::Engine("text too long"))?;
        self.transaction.splice_text(id, start, deleted, &inserted).map_err(|error| refused(&error))
    }
}

fn common_prefix<T: PartialEq>(old: &[T], new: &[T]) -> usize {
    old.iter().zip(new).take_while(|(a, b)| a == b).count()
}

fn common_suffix<T: PartialEq>(old: &[T], new: &[T]) -> usize {
    old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count()
}
