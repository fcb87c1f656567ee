//! Concurrent values: shown until a clinician decides, with a reason.

use client_core::ChangeHash;
use client_core::{
    Author, ChartInbox, ChartRef, Conflict, ConflictSide, DocumentId, ElementPath, OrganizationId, Overridden,
    PractitionerId, ResourceKey, UnixMillis,
};

use crate::types::Json;
use crate::{EditDone, SatchelDevice, SatchelError};

/// One of the values in conflict.
#[derive(Clone, PartialEq, uniffi::Record)]
pub struct ConflictValue {
    /// The value, FHIR JSON.
    pub value: Json,
    /// Who wrote it; none while no trusted certificate of theirs is here.
    pub practitioner: Option<PractitionerId>,
    /// What the directory calls them.
    pub practitioner_name: Option<String>,
    /// For which organization.
    pub organization: Option<OrganizationId>,
    /// When, by the author's clock. For display.
    pub time: UnixMillis,
}

impl From<ConflictSide> for ConflictValue {
    fn from(side: ConflictSide) -> Self {
        let Author { practitioner, name, organization, .. } = side.author;
        Self { value: side.value, practitioner, practitioner_name: name, organization, time: side.time }
    }
}

/// An element with several concurrent values, or a whole resource with several versions (empty path).
#[derive(Clone, PartialEq, uniffi::Record)]
pub struct ConflictFound {
    /// `Type/id`.
    pub resource: ResourceKey,
    /// The element.
    pub path: ElementPath,
    /// Two values or more; the last one is what every device shows meanwhile.
    pub values: Vec<ConflictValue>,
}

impl From<Conflict> for ConflictFound {
    fn from(conflict: Conflict) -> Self {
        let values = conflict.sides.into_iter().map(ConflictValue::from).collect();
        Self { resource: conflict.key, path: conflict.path, values }
    }
}

/// An edit that a concurrent one made invisible.
#[uniffi::remote(Record)]
pub struct Overridden {
    /// The document.
    pub document: DocumentId,
    /// `Type/id`.
    pub key: ResourceKey,
    /// The element.
    pub path: ElementPath,
    /// The change whose edit is not seen.
    pub lost: ChangeHash,
    /// The concurrent change that stands instead.
    pub by: ChangeHash,
}

/// What waits for a clinician in one chart.
#[derive(Clone, PartialEq, uniffi::Record)]
pub struct ConflictInbox {
    /// Which chart; none for a directory.
    pub chart: Option<ChartRef>,
    /// Concurrent values that nobody has decided between.
    pub conflicts: Vec<ConflictFound>,
    /// Edits that a concurrent one made invisible and that nobody has looked at.
    pub overridden: Vec<Overridden>,
}

impl From<ChartInbox> for ConflictInbox {
    fn from(inbox: ChartInbox) -> Self {
        let conflicts = inbox.conflicts.into_iter().map(ConflictFound::from).collect();
        Self { chart: inbox.chart, conflicts, overridden: inbox.overridden }
    }
}

#[uniffi::export]
impl SatchelDevice {
    /// What waits for a decision in a chart.
    pub fn conflicts(&self, chart: ChartRef) -> Result<Vec<ConflictFound>, SatchelError> {
        let found = self.with(|device, now| device.conflicts(&chart, now))?;
        Ok(found.into_iter().map(ConflictFound::from).collect())
    }

    /// What waits in all charts on this device.
    pub fn inbox(&self) -> Result<Vec<ConflictInbox>, SatchelError> {
        let inboxes = self.with(|device, now| device.all_conflicts(now))?;
        Ok(inboxes.into_iter().map(ConflictInbox::from).collect())
    }

    /// Decides a conflict. `value`: the one that is to stand, FHIR JSON; none removes the element. `reason` is kept in the
    /// history.
    pub fn settle_conflict(
        &self,
        chart: ChartRef,
        resource: ResourceKey,
        path: ElementPath,
        value: Option<Json>,
        reason: String,
    ) -> Result<EditDone, SatchelError> {
        self.with(|device, now| device.settle_conflict(&chart, &resource, &path, value.as_ref(), &reason, now))
            .map(EditDone::from)
    }

    /// Says, on every device, that a clinician has looked at an overridden edit.
    pub fn acknowledge_overridden(&self, chart: ChartRef, seen: Overridden) -> Result<EditDone, SatchelError> {
        self.with(|device, now| device.acknowledge_overridden(&chart, &seen, now)).map(EditDone::from)
    }
}
