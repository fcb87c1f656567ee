//! Decides conflicts: one value replaces all concurrent ones, for a reason that the history keeps.

use automerge::transaction::Transactable;
use automerge::{ObjId, Prop, ReadDoc, ScalarValue};
use serde_json::{Map, Value};

use crate::document::refused;
use crate::editor::{checked, no_element};
use crate::encode::{MAX_DEPTH, fits_depth};
use crate::merging::{CHOICE_SUFFIX, choice_stem, is_collection};
use crate::{DocumentEditor, ElementPath, PathStep, RecordError, ResourceKey};

impl DocumentEditor<'_> {
    /// Decides a conflict as [`crate::FieldConflict`] names it: `value` replaces every concurrent value at `path`, `None`
    /// removes the element; an empty path is the whole resource. `reason` becomes the change's message.
    ///
    /// Two people who settle one conflict apart make a new one if they decide differently, none if they agree.
    /// # Errors
    /// [`RecordError::NoReason`] when `reason` is blank; as [`Self::settle_element`] and [`Self::settle_resource`].
    pub fn settle(
        &mut self,
        key: &ResourceKey,
        path: &ElementPath,
        value: Option<&Value>,
        reason: &str,
    ) -> Result<(), RecordError> {
        if reason.trim().is_empty() {
            return Err(RecordError::NoReason);
        }
        self.set_message(reason.trim());
        match value {
            Some(resource) if path.is_empty() && ResourceKey::of(resource)? != *key => {
                Err(RecordError::NotAResource("another resource than the one in conflict"))
            }
            Some(resource) if path.is_empty() => self.settle_resource(resource).map(drop),
            value => self.settle_element(key, path, value),
        }
    }

    /// Decides between concurrent versions of a whole resource: `resource` replaces all of them.
    ///
    /// # Errors
    /// As [`Self::put_resource`].
    pub fn settle_resource(&mut self, resource: &Value) -> Result<ResourceKey, RecordError> {
        let (key, fields) = checked(resource)?;
        self.create(&key, fields)?;
        Ok(key)
    }

    /// Decides between concurrent values of one element: `value` replaces all of them, `None` removes the element.
    ///
    /// For a choice (`deceased[x]`) the value is an object of the one element that stays.
    /// # Errors
    /// [`RecordError::UnknownResource`]; [`RecordError::NoSuchElement`] when the parent element is not there, the path is
    /// empty (use [`Self::settle_resource`]) or the value is not one of the choice.
    pub fn settle_element(
        &mut self,
        key: &ResourceKey,
        path: &ElementPath,
        value: Option<&Value>,
    ) -> Result<(), RecordError> {
        let missing = || no_element(key, path, "element");
        let depth_left = MAX_DEPTH - path.0.len().min(MAX_DEPTH);
        if value.is_some_and(|value| !fits_depth(value, depth_left)) {
            return Err(RecordError::TooDeep { key: key.clone(), limit: MAX_DEPTH });
        }
        self.persist_upgrade(key)?;
        self.unite_along(key, path)?;
        let (parent, prop) = self.locate(key, path)?.ok_or_else(missing)?;
        if let Prop::Map(name) = &prop
            && let Some(stem) = name.strip_suffix(CHOICE_SUFFIX)
        {
            return self.settle_choice(key, path, &parent, stem, value);
        }
        match value {
            None => self.transaction().delete(parent, prop).map_err(|error| refused(&error)),
            Some(value) => {
                self.clear_concurrent(&parent, &prop)?;
                let siblings = self.resource(key).map(|resource| siblings_of(&resource, path)).unwrap_or_default();
                self.writer(key).write(&parent, prop, &mut path.trail(), &siblings, value, false)
            }
        }
    }

    /// Replaces concurrent values by one that nobody chose, before the decision is written.
    ///
    /// Written over a conflict, a value that the engine shows already only removes the others: a decision that leaves no
    /// value of its own, and would vanish without a trace where someone else decides differently at the same time.
    fn clear_concurrent(&mut self, parent: &ObjId, prop: &Prop) -> Result<(), RecordError> {
        let values = self.transaction().get_all(parent, prop.clone()).map_err(|error| refused(&error))?;
        if values.len() < 2 {
            return Ok(());
        }
        let null = values.iter().any(|(value, _)| value.is_null());
        let nobodys = if null { ScalarValue::Bytes(Vec::new()) } else { ScalarValue::Null };
        self.transaction().put(parent, prop.clone(), nobodys).map_err(|error| refused(&error))
    }

    /// Removes every type of the choice and writes the one that stays anew: a value merely left alone would be lost to
    /// someone else's concurrent removal.
    fn settle_choice(
        &mut self,
        key: &ResourceKey,
        path: &ElementPath,
        parent: &ObjId,
        stem: &str,
        value: Option<&Value>,
    ) -> Result<(), RecordError> {
        let chosen = value.map(|value| value.as_object().cloned().unwrap_or_default()).unwrap_or_default();
        let named = chosen.keys().all(|name| choice_stem(name) == Some(stem));
        if !named || chosen.len() != usize::from(value.is_some()) {
            return Err(no_element(key, path, "choice with one of its types"));
        }
        let names: Vec<String> = self.transaction().keys(parent).collect();
        for name in names.iter().filter(|name| choice_stem(name) == Some(stem)) {
            self.transaction().delete(parent, name.as_str()).map_err(|error| refused(&error))?;
        }
        for (name, value) in &chosen {
            let mut trail = path.trail();
            trail.pop();
            trail.push(name);
            self.writer(key).write(parent, name.as_str().into(), &mut trail, &chosen, value, false)?;
        }
        Ok(())
    }

    /// Makes one list of every collection on the way to `path` that was begun more than once: positions in it are those
    /// of the union that everybody sees.
    pub(crate) fn unite_along(&mut self, key: &ResourceKey, path: &ElementPath) -> Result<(), RecordError> {
        for end in 1..path.0.len() {
            let above = ElementPath(path.0[..end].to_vec());
            if !is_collection(&key.resource_type, &above.trail()) {
                continue;
            }
            let Some((parent, prop)) = self.locate(key, &above)? else { return Ok(()) };
            if self.transaction().get_all(&parent, prop.clone()).map_err(|error| refused(&error))?.len() < 2 {
                continue;
            }
            let Some(united) = self.resource(key).and_then(|seen| element(&seen, &above).cloned()) else { continue };
            self.writer(key).write(&parent, prop, &mut above.trail(), &Map::new(), &united, false)?;
        }
        Ok(())
    }
}

/// The element of a resource's JSON at `path`.
fn element<'v>(resource: &'v Value, path: &ElementPath) -> Option<&'v Value> {
    path.0.iter().try_fold(resource, |value, step| match step {
        PathStep::Key(key) => value.get(key),
        PathStep::Index(index) => value.get(index),
    })
}

/// The elements beside the one at `path`, which decide whether an attachment is text.
fn siblings_of(resource: &Value, path: &ElementPath) -> Map<String, Value> {
    let holder = path.0.iter().rposition(|step| matches!(step, PathStep::Key(_))).unwrap_or_default();
    let holder = element(resource, &ElementPath(path.0[..holder].to_vec()));
    holder.and_then(Value::as_object).cloned().unwrap_or_default()
}
