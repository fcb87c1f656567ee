//! What comes from the relay: verified, stored and shown in one transaction per batch, and only then acknowledged.

mod accept;
mod examine;
mod restore;
mod retry;

pub use retry::QuarantinedDocument;

use std::collections::BTreeSet;

use rusqlite::{Connection, TransactionBehavior};
use sync_protocol::frame::{BatchBody, Cursor};
use sync_protocol::{DocumentId, EpochId, OrganizationId, UnixMillis};

use crate::observe::DeviceEvent;
use crate::store::identity::Identity;
use crate::store::trust::{self, Pinning};
use crate::store::{documents, incoming, sync_state};
use crate::{ChartRef, Device, DeviceError, emergency};

use accept::Acceptance;

/// What a batch came to. Ids and counts only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Documents that hold something new.
    pub documents: Vec<DocumentId>,
    /// The charts they belong to, each once.
    pub charts: Vec<ChartRef>,
    /// New changes.
    pub changes: u64,
    /// Documents of which the batch brought all that was to come, whatever became of it.
    pub complete: u64,
    /// Documents whose delivery was put in quarantine, with the reason.
    pub quarantined: Vec<(DocumentId, String)>,
    /// Organizations that showed another key than the pinned one.
    pub changed_keys: Vec<OrganizationId>,
}

impl Device {
    /// Stores a batch and where to go on after it. Once this returns, both are on disk.
    ///
    /// What is wrong with one document puts that document's delivery in quarantine and stops nothing else.
    pub(crate) fn apply_batch(
        &mut self,
        body: BatchBody,
        cursor: Option<&Cursor>,
        epoch: &EpochId,
        now: UnixMillis,
    ) -> Result<Applied, DeviceError> {
        // Before the relay has said its time nothing is delivered.
        let shift = -self.relay_ahead_ms.unwrap_or(0);
        let identity = self.identity.as_ref().ok_or(DeviceError::NotEnrolled)?;
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut applied = Applied { changed_keys: learn(&tx, &body)?, ..Applied::default() };
        let mut acceptance = Acceptance::new(&tx, identity, now)?;
        let mut deliveries = Vec::with_capacity(body.documents.len());
        for delivery in body.documents {
            emergency::mark(&tx, &delivery, shift)?;
            if delivery.more {
                incoming::stage(&tx, &delivery)?;
            } else {
                deliveries.push(incoming::complete(&tx, delivery)?);
            }
        }
        applied.complete = deliveries.len() as u64;
        for prepared in acceptance.prepare(&deliveries)? {
            acceptance.document(prepared, &mut applied)?;
        }
        drop(acceptance);
        if let Some(cursor) = cursor {
            sync_state::set_cursor(&tx, cursor, epoch)?;
        }
        name_charts(&tx, &mut applied)?;
        tx.commit()?;
        self.note_unsent();
        self.tell_applied(&applied);
        Ok(applied)
    }

    fn tell_applied(&self, applied: &Applied) {
        if !applied.documents.is_empty() {
            let (documents, charts) = (applied.documents.clone(), applied.charts.clone());
            self.tell(&DeviceEvent::DocumentsChanged { documents, charts });
        }
    }
}

/// Stores a document that lay sealed, inside the caller's transaction. False if it is not vouched for.
pub(crate) fn unseal(
    tx: &Connection,
    identity: &Identity,
    body: &BatchBody,
    applied: &mut Applied,
    now: UnixMillis,
) -> Result<bool, DeviceError> {
    learn(tx, body)?;
    let mut acceptance = Acceptance::of_sealed(tx, identity, now)?;
    let mut unsealed = !body.documents.is_empty();
    for prepared in acceptance.prepare(&body.documents)? {
        unsealed &= acceptance.unsealed(prepared, applied)?;
    }
    Ok(unsealed)
}

/// Pins new organization keys and keeps certificates. Gives the organizations whose key is another one now.
fn learn(db: &Connection, body: &BatchBody) -> Result<Vec<OrganizationId>, DeviceError> {
    let mut changed = Vec::new();
    for shown in &body.organization_keys {
        if trust::pin(db, shown)? == Pinning::Changed {
            changed.push(shown.organization.clone());
        }
    }
    for certificate in &body.certificates {
        trust::store(db, certificate)?;
    }
    Ok(changed)
}

fn name_charts(db: &Connection, applied: &mut Applied) -> Result<(), DeviceError> {
    let mut charts = BTreeSet::new();
    for document in &applied.documents {
        charts.extend(documents::find(db, document)?.and_then(|document| document.chart()));
    }
    applied.charts = charts.into_iter().collect();
    Ok(())
}
