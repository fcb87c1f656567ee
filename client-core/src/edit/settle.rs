//! Settles conflicts, for a reason; and sees to it that no other edit settles one in passing.

use clinical_record::{ElementPath, RecordDocument, ResourceKey};
use serde_json::Value;
use sync_protocol::UnixMillis;

use super::{EditReceipt, validity};
use crate::{ChartRef, Device, DeviceError};

impl Device {
    /// Decides a conflict as [`crate::Conflict`] names it: `value` replaces all concurrent ones, `None` removes the element;
    /// an empty path is the whole resource. `reason` is kept in the history, and anyone who may read the chart reads it.
    ///
    /// Two people who settle one conflict apart and agree have settled it; if they do not, their decisions are a new one.
    /// # Errors
    /// [`DeviceError::Content`] without a reason, or where there is no such element; [`DeviceError::UnknownResource`];
    /// [`DeviceError::Clinical`] if the resource would not be valid; [`DeviceError::LeaseExpired`]; storage.
    pub fn settle_conflict(
        &mut self,
        chart: &ChartRef,
        key: &ResourceKey,
        path: &ElementPath,
        value: Option<&Value>,
        reason: &str,
        now: UnixMillis,
    ) -> Result<EditReceipt, DeviceError> {
        let descriptor = self.holding_or_fail(chart, key, now)?;
        self.edit_document_as("conflict-settled", &descriptor, now, |editor| {
            let before = editor.resource(key);
            editor.settle(key, path, value, reason)?;
            if let Some(after) = editor.resource(key) {
                validity::check(before.as_ref(), &after)?;
            }
            Ok::<_, DeviceError>(key.clone())
        })
    }
}

/// The conflicts of a document before an edit.
#[derive(Default)]
pub(crate) struct OpenConflicts(Vec<(ResourceKey, ElementPath)>);

impl OpenConflicts {
    /// Costs next to nothing for a document that nobody has edited at the same time as somebody else.
    pub(crate) fn of(document: &RecordDocument) -> Self {
        if document.is_linear() {
            return Self(Vec::new());
        }
        Self(document.conflicts().into_iter().map(|conflict| (conflict.key, conflict.path)).collect())
    }

    /// Refuses an edit that settled one of them without naming a reason. `change`: the edit's.
    pub(crate) fn check(&self, after: &RecordDocument, change: &[u8; 32]) -> Result<(), DeviceError> {
        if self.0.is_empty() || after.message(change).is_some_and(|reason| !reason.trim().is_empty()) {
            return Ok(());
        }
        let Self(open) = Self::of(after);
        match self.0.iter().find(|conflict| !open.contains(conflict)) {
            None => Ok(()),
            Some((key, path)) => Err(DeviceError::InConflict { resource: key.to_string(), path: path.to_string() }),
        }
    }
}
