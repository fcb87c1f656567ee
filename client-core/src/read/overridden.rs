//! Edits that nobody sees because a concurrent one took their place: shown until somebody has looked at them.

use clinical_record::{ElementPath, OverriddenEdit, RecordDocument, RecordError, ResourceKey};
use sync_protocol::{ChangeHash, DocumentId, UnixMillis};

use crate::{ChartRef, Device, DeviceError, EditReceipt};

/// An edit that a concurrent one made invisible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overridden {
    /// The document.
    pub document: DocumentId,
    /// The resource.
    pub key: ResourceKey,
    /// The element.
    pub path: ElementPath,
    /// The change whose edit is not seen; see [`Device::history`] for what it wrote.
    pub lost: ChangeHash,
    /// The concurrent change that stands instead.
    pub by: ChangeHash,
}

impl Device {
    /// Says, on every device, that a clinician has looked at an overridden edit.
    ///
    /// # Errors
    /// [`DeviceError::UnknownResource`], [`DeviceError::LeaseExpired`]; storage.
    pub fn acknowledge_overridden(
        &mut self,
        chart: &ChartRef,
        overridden: &Overridden,
        now: UnixMillis,
    ) -> Result<EditReceipt, DeviceError> {
        let key = &overridden.key;
        let descriptor = self.holding_or_fail(chart, key, now)?;
        let edit = OverriddenEdit {
            key: key.clone(),
            path: overridden.path.clone(),
            lost: overridden.lost.0,
            by: overridden.by.0,
        };
        self.edit_document(&descriptor, now, |editor| {
            editor.acknowledge_overridden(&edit)?;
            Ok::<_, RecordError>(key.clone())
        })
    }
}

/// The overridden edits of an opened document.
pub(super) fn of_document(document: DocumentId, opened: &RecordDocument) -> impl Iterator<Item = Overridden> {
    opened.overridden_edits().into_iter().map(move |edit| Overridden {
        document,
        key: edit.key,
        path: edit.path,
        lost: ChangeHash(edit.lost),
        by: ChangeHash(edit.by),
    })
}
