//! What was done on this device, in a trail that the relay receives: who read what, offline too.
//!
//! An entry is on disk before what it is about is given out. Reading the same again within [`SAME_READING_MS`] is one
//! entry, as long as the profile stays open and unlocked; see [`Shown`].

use std::collections::HashMap;

use rusqlite::Connection;
use sync_protocol::frame::TrailEntry;
use sync_protocol::{Compartment, DocumentDescriptor, DocumentId, TrailHash, UnixMillis};

use crate::erasure::refuse_if_erased;
use crate::store::patients::PatientEntry;
use crate::store::{emergency, trail};
use crate::{ChartRef, Device, DeviceError};

/// For so long reading the same document again adds no entry, in milliseconds.
pub const SAME_READING_MS: i64 = 5 * 60 * 1000;
/// Documents that one entry names; more make further entries.
const DOCUMENTS_PER_ENTRY: usize = 500;
/// Entries whose chain is checked when a profile is opened.
pub(crate) const CHECKED_AT_OPEN: u64 = 50;

/// Content of a chart was given out.
pub(crate) const READ: &str = "read";
/// The profile was locked.
const LOCK: &str = "lock";
/// Rows of the patient list were given out.
const SEARCH: &str = "search";

/// An act, before it is an entry.
pub(crate) struct Act<'a> {
    pub(crate) action: &'static str,
    pub(crate) chart: Option<&'a ChartRef>,
    pub(crate) documents: Vec<DocumentId>,
    pub(crate) reason: String,
    pub(crate) purpose: String,
}

impl<'a> Act<'a> {
    pub(crate) fn new(action: &'static str, chart: Option<&'a ChartRef>, documents: Vec<DocumentId>) -> Self {
        Self { action, chart, documents, reason: String::new(), purpose: String::new() }
    }

    pub(crate) fn because(self, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), ..self }
    }
}

/// Records an act inside the caller's transaction. What is open by emergency access only is named in entries of its own.
pub(crate) fn record(db: &Connection, act: &Act<'_>, now: UnixMillis) -> Result<(), DeviceError> {
    let marked = match emergency::any_document(db)? {
        true => emergency::marked_among(db, &act.documents)?,
        false => Vec::new(),
    };
    let (urgent, usual): (Vec<_>, Vec<_>) = act.documents.iter().copied().partition(|id| marked.contains(id));
    if act.documents.is_empty() {
        return append(db, act, Vec::new(), false, now);
    }
    for (documents, break_glass) in [(usual, false), (urgent, true)] {
        for some in documents.chunks(DOCUMENTS_PER_ENTRY) {
            append(db, act, some.to_vec(), break_glass, now)?;
        }
    }
    Ok(())
}

fn append(
    db: &Connection,
    act: &Act<'_>,
    documents: Vec<DocumentId>,
    break_glass: bool,
    now: UnixMillis,
) -> Result<(), DeviceError> {
    let entry = TrailEntry {
        at: now,
        action: act.action.to_owned(),
        organization: act.chart.map(|chart| chart.organization.clone()),
        patient: act.chart.map(|chart| chart.patient.clone()),
        documents,
        reason: act.reason.clone(),
        purpose: act.purpose.clone(),
        break_glass: break_glass || act.action == "break-glass",
    };
    trail::append(db, &entry).map(drop)
}

/// What was read or listed lately, and recorded: by document, when. Of this opening of the profile only.
#[derive(Default)]
pub(crate) struct Shown(HashMap<(&'static str, DocumentId), UnixMillis>);

impl Shown {
    fn is_recent(&self, action: &'static str, document: &DocumentId, now: UnixMillis) -> bool {
        // A clock set back makes an entry too many, never one too few.
        let since = self.0.get(&(action, *document)).map(|at| now.0.saturating_sub(at.0));
        since.is_some_and(|since| (0..SAME_READING_MS).contains(&since))
    }

    /// Those of `documents` of which no recent entry speaks.
    pub(crate) fn unrecorded(
        &self,
        action: &'static str,
        documents: impl IntoIterator<Item = DocumentId>,
        now: UnixMillis,
    ) -> Vec<DocumentId> {
        documents.into_iter().filter(|document| !self.is_recent(action, document, now)).collect()
    }

    /// Notes what an entry on disk speaks of.
    pub(crate) fn note(&mut self, action: &'static str, documents: &[DocumentId], now: UnixMillis) {
        self.0.retain(|_, at| (0..SAME_READING_MS).contains(&now.0.saturating_sub(at.0)));
        self.0.extend(documents.iter().map(|document| ((action, *document), now)));
    }

    pub(crate) fn forget_all(&mut self) {
        self.0.clear();
    }
}

/// One entry of this device's trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailRecord {
    /// Its number, from 1.
    pub number: u64,
    /// Over it and all before it.
    pub hash: TrailHash,
    /// Whether the relay has it.
    pub sent: bool,
    /// What was done.
    pub entry: TrailEntry,
}

/// Where a device's trail stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrailStatus {
    /// Entries made so far.
    pub entries: u64,
    /// Those that the relay does not have yet.
    pub unsent: u64,
    /// The first entry found not to follow from those before it: somebody changed the file.
    pub broken_at: Option<u64>,
}

impl Device {
    /// Entries of the trail after number `after`, at most `limit`, oldest first. Works past the lease too.
    ///
    /// Entries that the relay has are kept for 30 days, at most 10,000 of them; what it does not have is never removed.
    /// # Errors
    /// Storage.
    pub fn trail(&self, after: u64, limit: usize) -> Result<Vec<TrailRecord>, DeviceError> {
        let kept_through = trail::standing(&self.db)?.kept_through;
        let records = trail::after(&self.db, after, limit)?.into_iter().map(|stored| TrailRecord {
            number: stored.seq,
            hash: stored.hash,
            sent: stored.seq <= kept_through,
            entry: stored.entry,
        });
        Ok(records.collect())
    }

    /// Checks the whole chain that is here. The number of the first entry that was changed, removed or moved, if any.
    ///
    /// # Errors
    /// Storage.
    pub fn verify_trail(&self) -> Result<Option<u64>, DeviceError> {
        trail::first_broken(&self.db, None)
    }

    pub(crate) fn trail_status(&self) -> Result<TrailStatus, DeviceError> {
        let standing = trail::standing(&self.db)?;
        let unsent = standing.newest.saturating_sub(standing.kept_through);
        Ok(TrailStatus { entries: standing.newest, unsent, broken_at: self.trail_broken_at })
    }

    /// Records that a chart, or one thing of it, is being printed. To be called before the print-out is made.
    ///
    /// # Errors
    /// [`DeviceError::UnknownPatient`], [`DeviceError::LeaseExpired`]; storage: do not print then.
    pub fn record_print(&mut self, chart: &ChartRef, now: UnixMillis) -> Result<(), DeviceError> {
        let documents = self.chart_documents(chart, now)?.into_iter().map(|document| document.id).collect();
        self.record_act(&Act::new("print", Some(chart), documents), now)
    }

    /// Records that somebody unlocked this profile. What was read before counts anew.
    ///
    /// # Errors
    /// [`DeviceError::NotEnrolled`]; storage: keep the profile locked then.
    pub fn record_unlock(&mut self, now: UnixMillis) -> Result<(), DeviceError> {
        self.shown.forget_all();
        self.record_act(&Act::new("unlock", None, Vec::new()), now)
    }

    /// Records that this profile was locked.
    ///
    /// # Errors
    /// [`DeviceError::NotEnrolled`]; storage.
    pub fn record_lock(&mut self, now: UnixMillis) -> Result<(), DeviceError> {
        self.shown.forget_all();
        self.record_act(&Act::new(LOCK, None, Vec::new()), now)
    }

    /// Whether all that the relay does not have of the trail is that this profile was locked: what is left of one that was
    /// synced and then locked.
    pub(crate) fn only_locks_are_unsent(&self) -> Result<bool, DeviceError> {
        let unsent = trail::after(&self.db, trail::standing(&self.db)?.kept_through, usize::MAX)?;
        Ok(unsent.iter().all(|stored| stored.entry.action == LOCK))
    }

    /// Records an act in a transaction of its own.
    pub(crate) fn record_act(&mut self, act: &Act<'_>, now: UnixMillis) -> Result<(), DeviceError> {
        refuse_if_erased(&self.db)?;
        self.write(|tx, _| record(tx, act, now))?;
        self.tell(&crate::DeviceEvent::TrailGrew);
        Ok(())
    }

    /// Records that documents of a chart are read, unless an entry of the last minutes says so. To be called before
    /// anything of them is given out.
    pub(crate) fn record_reading(
        &mut self,
        chart: &ChartRef,
        documents: impl IntoIterator<Item = DocumentId>,
        now: UnixMillis,
    ) -> Result<(), DeviceError> {
        self.record_unless_recent(READ, Some(chart), documents, now)
    }

    /// Records that a list or search shows these patients, unless an entry of the last minutes says so of all of them.
    pub(crate) fn record_listing(&mut self, shown: &[PatientEntry], now: UnixMillis) -> Result<(), DeviceError> {
        self.record_unless_recent(SEARCH, None, shown.iter().map(|entry| index_of(&entry.chart)), now)
    }

    pub(crate) fn record_unless_recent(
        &mut self,
        action: &'static str,
        chart: Option<&ChartRef>,
        documents: impl IntoIterator<Item = DocumentId>,
        now: UnixMillis,
    ) -> Result<(), DeviceError> {
        let unrecorded = self.shown.unrecorded(action, documents, now);
        if unrecorded.is_empty() {
            return Ok(());
        }
        self.record_act(&Act::new(action, chart, unrecorded.clone()), now)?;
        self.shown.note(action, &unrecorded, now);
        Ok(())
    }
}

/// The document that a row of the patient list is of.
fn index_of(chart: &ChartRef) -> DocumentId {
    let descriptor = DocumentDescriptor {
        organization: chart.organization.clone(),
        patient: Some(chart.patient.clone()),
        compartment: Compartment::PatientIndex,
        part: String::new(),
    };
    descriptor.id()
}
