//! What a privacy officer's decisions do: an accepted change is shared from now on, a returned one becomes a draft.

use std::collections::BTreeMap;

use rusqlite::Connection;
use sync_protocol::frame::Decision;
use sync_protocol::{ChangeHash, DocumentId, UnixMillis};

use super::answers::{BUILDS_ON_CUSTODY, BUILDS_ON_UNKNOWN};
use crate::observe::DeviceEvent;
use crate::store::documents::StoredDocument;
use crate::store::identity::{self, Identity};
use crate::store::kept_work::{self, KeptState};
use crate::store::{documents, outbox, sums};
use crate::trail::{self, Act};
use crate::{ChartRef, Device, DeviceError, edit};

/// What decisions came to. Counts are changes of this device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) accepted: u64,
    pub(crate) returned: u64,
    /// Drafts that were made.
    pub(crate) drafts: u64,
    /// Documents that read differently now.
    pub(crate) documents: Vec<DocumentId>,
}

/// The decisions on one document.
#[derive(Default)]
struct OfDocument {
    accepted: Vec<ChangeHash>,
    /// With the officer's reasons.
    returned: BTreeMap<ChangeHash, String>,
}

impl Device {
    /// Acts on decisions in one transaction. The same ones again change nothing.
    pub(crate) fn decide(&mut self, decisions: &[Decision], now: UnixMillis) -> Result<Taken, DeviceError> {
        let (taken, charts) = self.write(|tx, identity| {
            let mut work = Work { db: tx, identity, now, taken: Taken::default(), charts: Vec::new(), renewed: false };
            for (document, decided) in by_document(decisions) {
                work.document(&document, &decided)?;
            }
            Ok((work.taken, work.charts))
        })?;
        if taken.accepted + taken.returned > 0 {
            self.shown.forget_all();
            self.tell(&DeviceEvent::DocumentsChanged { documents: taken.documents.clone(), charts });
            self.tell(&DeviceEvent::OutboxGrew);
        }
        Ok(taken)
    }
}

fn by_document(decisions: &[Decision]) -> BTreeMap<DocumentId, OfDocument> {
    let mut documents: BTreeMap<DocumentId, OfDocument> = BTreeMap::new();
    for decision in decisions {
        let of_document = documents.entry(decision.change.document).or_default();
        if decision.accepted {
            of_document.accepted.push(decision.change.hash);
        } else {
            of_document.returned.insert(decision.change.hash, decision.reason.clone());
        }
    }
    documents
}

struct Work<'a> {
    db: &'a Connection,
    identity: &'a Identity,
    now: UnixMillis,
    taken: Taken,
    charts: Vec<ChartRef>,
    /// A new incarnation was begun.
    renewed: bool,
}

impl Work<'_> {
    fn document(&mut self, id: &DocumentId, decided: &OfDocument) -> Result<(), DeviceError> {
        let document = documents::find(self.db, id)?;
        for hash in &decided.accepted {
            self.accepted(id, document.as_ref(), hash)?;
        }
        for (hash, reason) in &decided.returned {
            if kept_work::has(self.db, id, hash)? {
                kept_work::set_state(self.db, id, hash, KeptState::Returned, Some(reason))?;
                self.taken.returned += 1;
            }
        }
        if let Some(document) = document {
            // First what was returned for itself: that takes what builds on it along, and makes anew what can be.
            let (along, own) =
                decided.returned.clone().into_iter().partition(|(_, reason)| reason == Decision::RETURNED_ALONG);
            self.returned(&document, &own)?;
            self.returned(&document, &along)?;
        }
        Ok(())
    }

    fn accepted(
        &mut self,
        id: &DocumentId,
        document: Option<&StoredDocument>,
        hash: &ChangeHash,
    ) -> Result<(), DeviceError> {
        if kept_work::forget(self.db, id, hash)? {
            self.taken.accepted += 1;
        }
        let Some(document) = document else { return Ok(()) };
        if !outbox::remove(self.db, document.number, hash)? {
            return Ok(());
        }
        sums::share(self.db, id, [hash])?;
        // What was kept from others only because of it can be taken now.
        outbox::requeue_because(self.db, document.number, [BUILDS_ON_CUSTODY, BUILDS_ON_UNKNOWN])?;
        self.taken.accepted += 1;
        self.record("custody-accepted", document, "")
    }

    fn returned(
        &mut self,
        document: &StoredDocument,
        returned: &BTreeMap<ChangeHash, String>,
    ) -> Result<(), DeviceError> {
        let unsent = outbox::hashes_of_document(self.db, document.number)?;
        if !returned.keys().any(|hash| unsent.contains(hash)) {
            return Ok(());
        }
        if !std::mem::replace(&mut self.renewed, true) {
            identity::next_incarnation(self.db)?;
        }
        let Some(back) = edit::take_back(self.db, self.identity, document, returned, self.now)? else { return Ok(()) };
        self.taken.returned += returned.keys().filter(|hash| unsent.contains(hash)).count() as u64;
        self.taken.drafts += back.drafts;
        let why = returned.values().next().map_or("", String::as_str);
        self.record("custody-returned", document, why)
    }

    fn record(&mut self, action: &'static str, document: &StoredDocument, why: &str) -> Result<(), DeviceError> {
        let chart = document.chart();
        trail::record(self.db, &Act::new(action, chart.as_ref(), vec![document.id]).because(why), self.now)?;
        self.taken.documents.push(document.id);
        self.charts.extend(chart);
        Ok(())
    }
}
