//! The conflict inbox of a chart: concurrent values, who wrote each, and when.

use std::collections::{BTreeMap, BTreeSet};

use clinical_record::{Compartment, ElementPath, FieldConflict, ResourceKey};
use serde_json::Value;
use sync_protocol::{ChangeHash, DocumentId, UnixMillis};

use super::history::Authors;
use super::{Author, Overridden, overridden};
use crate::store::documents::{self, StoredDocument};
use crate::store::inbox;
use crate::{ChartRef, Device, DeviceError, projection};

/// One element with several concurrent values, or a whole resource with several versions (empty path).
#[derive(Clone, PartialEq)]
pub struct Conflict {
    /// The document.
    pub document: DocumentId,
    /// The resource.
    pub key: ResourceKey,
    /// The element.
    pub path: ElementPath,
    /// Two values or more; the last one is what every device shows meanwhile.
    pub sides: Vec<ConflictSide>,
}

/// One of the values in conflict.
#[derive(Clone, PartialEq)]
pub struct ConflictSide {
    /// The value, as FHIR JSON.
    pub value: Value,
    /// The change that wrote it.
    pub change: ChangeHash,
    /// Who wrote it.
    pub author: Author,
    /// When, by the author's clock. For display.
    pub time: UnixMillis,
}

/// What waits for a clinician in one chart.
#[derive(Clone, Debug, PartialEq)]
pub struct ChartInbox {
    /// Which chart; none for a directory.
    pub chart: Option<ChartRef>,
    /// Concurrent values that nobody has decided between.
    pub conflicts: Vec<Conflict>,
    /// Edits that a concurrent one made invisible and that nobody has looked at.
    pub overridden: Vec<Overridden>,
}

/// What waits for a clinician.
#[derive(Default)]
pub(super) struct Inbox {
    pub(super) conflicts: Vec<Conflict>,
    pub(super) overridden: Vec<Overridden>,
}

impl std::fmt::Debug for Conflict {
    /// Where, not what.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conflict").field("key", &self.key).field("path", &self.path).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ConflictSide {
    /// The change, not the value.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConflictSide").field("change", &self.change).finish_non_exhaustive()
    }
}

impl Device {
    /// What waits for a decision in a chart. See [`Device::settle_conflict`].
    /// The documents that have one are recorded as `read`.
    ///
    /// # Errors
    /// [`DeviceError::UnknownPatient`], [`DeviceError::LeaseExpired`]; storage.
    pub fn conflicts(&mut self, chart: &ChartRef, now: UnixMillis) -> Result<Vec<Conflict>, DeviceError> {
        let documents = self.chart_documents(chart, now)?;
        let conflicts = self.inbox_of(&documents)?.conflicts;
        self.record_reading(chart, conflicts.iter().map(|conflict| conflict.document).collect::<BTreeSet<_>>(), now)?;
        Ok(conflicts)
    }

    /// What waits for a decision in all charts on this device, by chart. Opens only documents in which something waits; those
    /// are recorded as `read`.
    ///
    /// # Errors
    /// [`DeviceError::LeaseExpired`]; storage.
    pub fn all_conflicts(&mut self, now: UnixMillis) -> Result<Vec<ChartInbox>, DeviceError> {
        self.check_lease(now)?;
        self.ensure_compartments_projected(&Compartment::ALL)?;
        let mut by_chart: BTreeMap<Option<ChartRef>, Vec<StoredDocument>> = BTreeMap::new();
        for number in inbox::documents(&self.db)? {
            if let Some(document) = documents::by_number(&self.db, number)? {
                by_chart.entry(document.chart()).or_default().push(document);
            }
        }
        let mut inboxes = Vec::with_capacity(by_chart.len());
        for (chart, documents) in by_chart {
            let Inbox { conflicts, overridden } = self.inbox_of(&documents)?;
            if let Some(chart) = &chart {
                self.record_reading(chart, documents.iter().map(|document| document.id), now)?;
            }
            inboxes.push(ChartInbox { chart, conflicts, overridden });
        }
        Ok(inboxes)
    }

    /// What waits for a clinician in these documents, which are shown as they are now. Only those in which something waits are
    /// opened.
    pub(super) fn inbox_of(&self, documents: &[StoredDocument]) -> Result<Inbox, DeviceError> {
        let mut authors = Authors::new(&self.db)?;
        let mut inbox = Inbox::default();
        for document in documents.iter().filter(|document| document.unreadable.is_none()) {
            if !inbox::waits(&self.db, document.number)? {
                continue;
            }
            let opened = projection::open_document(&self.db, document)?;
            inbox.overridden.extend(overridden::of_document(document.id, &opened));
            for found in opened.conflicts() {
                inbox.conflicts.push(conflict(document.id, found, &mut authors)?);
            }
        }
        Ok(inbox)
    }
}

fn conflict(document: DocumentId, found: FieldConflict, authors: &mut Authors<'_>) -> Result<Conflict, DeviceError> {
    let mut sides = Vec::with_capacity(found.values.len());
    for side in found.values {
        sides.push(ConflictSide {
            author: authors.of_actor(&side.actor)?,
            change: ChangeHash(side.change),
            time: UnixMillis(side.time_ms),
            value: side.value,
        });
    }
    Ok(Conflict { document, key: found.key, path: found.path, sides })
}
