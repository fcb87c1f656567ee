//! Takes one delivered document into the store, or into quarantine.

use std::collections::HashSet;

use clinical_record::RecordDocument;
use rusqlite::Connection;
use sync_protocol::frame::DeliveredDocument;
use sync_protocol::identity::ChangeSignature;
use sync_protocol::{ChangeHash, UnixMillis};

use super::Applied;
use super::examine::{self, Certificates, Incoming, Prepared};
use super::restore::restore_kept_work;
use crate::store::documents::StoredDocument;
use crate::store::identity::{self, Identity};
use crate::store::{changes, documents, outbox, quarantine, sealed, sums};
use crate::{DeviceError, edit, projection};

/// Accepts the documents of one batch, inside its transaction.
pub(super) struct Acceptance<'a> {
    db: &'a Connection,
    identity: &'a Identity,
    now: UnixMillis,
    certificates: Certificates,
    /// Spares looking each document up where nothing is in quarantine.
    any_quarantined: bool,
    /// The documents come out of a seal and not from the relay: it does not count them as held.
    unsealing: bool,
}

/// A delivery that passed every check.
struct Examined<'d> {
    document: StoredDocument,
    /// Not stored before.
    fresh: Vec<Incoming<'d>>,
    /// Stored before and still in the outbox: the relay has them after all.
    arrived: Vec<ChangeHash>,
    signatures: Vec<ChangeSignature>,
    /// The whole document, if nothing of it was stored before.
    opened: Option<RecordDocument>,
}

impl<'a> Acceptance<'a> {
    pub(super) fn new(db: &'a Connection, identity: &'a Identity, now: UnixMillis) -> Result<Self, DeviceError> {
        let any_quarantined = quarantine::any(db)?;
        Ok(Self { db, identity, now, certificates: Certificates::default(), any_quarantined, unsealing: false })
    }

    /// For documents that lay sealed.
    pub(super) fn of_sealed(db: &'a Connection, identity: &'a Identity, now: UnixMillis) -> Result<Self, DeviceError> {
        Ok(Self { unsealing: true, ..Self::new(db, identity, now)? })
    }

    /// Stores a document that lay sealed. False if it is not vouched for; nothing is kept then.
    pub(super) fn unsealed(&mut self, prepared: Prepared<'_>, applied: &mut Applied) -> Result<bool, DeviceError> {
        let Ok(examined) = self.examine(prepared)? else { return Ok(false) };
        self.store(examined, &HashSet::new(), applied)?;
        Ok(true)
    }

    /// Reads and verifies the deliveries of the batch, which is most of the work.
    pub(super) fn prepare<'d>(
        &mut self,
        deliveries: &'d [DeliveredDocument],
    ) -> Result<Vec<Prepared<'d>>, DeviceError> {
        for delivery in deliveries {
            self.certificates.add(self.db, delivery)?;
        }
        self.certificates.make_ready(deliveries);
        Ok(examine::prepare_all(deliveries, &self.certificates))
    }

    /// Stores a delivery, together with what was in quarantine of the same document if that helps.
    pub(super) fn document(&mut self, prepared: Prepared<'_>, applied: &mut Applied) -> Result<(), DeviceError> {
        let delivery = prepared.delivery;
        let kept = if self.any_quarantined { quarantine::kept(self.db, &delivery.document)? } else { None };
        let mut counted = HashSet::new();
        if let Some(kept) = kept {
            counted = hashes(&kept);
            if let Ok(examined) = self.examine_kept(&joined(kept, delivery))? {
                quarantine::release(self.db, &delivery.document)?;
                return self.store(examined, &counted, applied);
            }
            // Perhaps the new part alone is good.
        }
        match self.examine(prepared)? {
            Ok(examined) => self.store(examined, &counted, applied),
            Err(reason) => self.keep(delivery, reason, applied),
        }
    }

    /// Tries again what is in quarantine. True if it was accepted.
    pub(super) fn retry(&mut self, kept: &DeliveredDocument, applied: &mut Applied) -> Result<bool, DeviceError> {
        let counted = hashes(kept);
        let Ok(examined) = self.examine_kept(kept)? else { return Ok(false) };
        quarantine::release(self.db, &kept.document)?;
        self.store(examined, &counted, applied)?;
        Ok(true)
    }

    fn examine_kept<'d>(
        &mut self,
        delivery: &'d DeliveredDocument,
    ) -> Result<Result<Examined<'d>, String>, DeviceError> {
        self.certificates.add(self.db, delivery)?;
        self.examine(examine::prepare(delivery, &self.certificates))
    }

    fn examine<'d>(&self, mut prepared: Prepared<'d>) -> Result<Result<Examined<'d>, String>, DeviceError> {
        let held = documents::find(self.db, &prepared.delivery.document)?;
        let descriptor = match examine::descriptor(prepared.delivery, held.as_ref()) {
            Ok(descriptor) => descriptor,
            Err(reason) => return Ok(Err(reason)),
        };
        let incoming = match std::mem::replace(&mut prepared.changes, Ok(Vec::new())) {
            Ok(incoming) => incoming,
            Err(reason) => return Ok(Err(reason)),
        };
        let (fresh, arrived) = self.split(held.as_ref(), incoming)?;
        if !examine::is_complete(self.db, held.as_ref(), &fresh)? {
            return Ok(Err("it builds on changes that are not here".into()));
        }
        if let Err(reason) = examine::vouched(&prepared, &fresh) {
            return Ok(Err(reason));
        }
        let (document, opened) = match held {
            Some(held) => (held, None),
            None => (documents::add(self.db, &descriptor)?, prepared.opened),
        };
        Ok(Ok(Examined { document, fresh, arrived, signatures: prepared.signatures, opened }))
    }

    /// New changes, and the hashes of those that are here already.
    fn split<'d>(
        &self,
        held: Option<&StoredDocument>,
        incoming: Vec<Incoming<'d>>,
    ) -> Result<(Vec<Incoming<'d>>, Vec<ChangeHash>), DeviceError> {
        let Some(held) = held else { return Ok((incoming, Vec::new())) };
        let (mut fresh, mut known) = (Vec::new(), Vec::new());
        for change in incoming {
            if changes::has(self.db, held.number, &change.hash)? {
                known.push(change.hash);
            } else {
                fresh.push(change);
            }
        }
        Ok((fresh, known))
    }

    fn store(
        &self,
        examined: Examined<'_>,
        counted: &HashSet<ChangeHash>,
        applied: &mut Applied,
    ) -> Result<(), DeviceError> {
        let Examined { document, fresh, arrived, signatures, opened } = examined;
        let mut shared = Vec::with_capacity(fresh.len());
        // What was unsealed here counts from its first delivery on.
        let counts_now = !self.unsealing && sealed::delivered(self.db, &document.id)?;
        for hash in arrived {
            if outbox::remove(self.db, document.number, &hash)? || counts_now {
                shared.push(hash);
            }
        }
        self.notice_setback(&document, &fresh)?;
        for change in &fresh {
            let (actor, payload) = (&change.meta.actor, change.payload);
            changes::append(self.db, document.number, &change.hash, actor, payload, self.now)?;
            shared.push(change.hash);
        }
        for signature in &signatures {
            if let Some(tip) = fresh.iter().find(|change| change.hash == signature.tip) {
                changes::keep_signature(self.db, document.number, &tip.meta.actor, tip.meta.seq, signature)?;
            }
        }
        if !self.unsealing {
            sums::share(self.db, &document.id, shared.iter().filter(|hash| !counted.contains(hash)))?;
        }
        if fresh.is_empty() {
            return Ok(());
        }
        let restored = restore_kept_work(self.db, self.identity, &document, self.now)?;
        applied.changes += fresh.len() as u64;
        applied.documents.push(document.id);
        match opened.filter(|_| restored == 0) {
            Some(opened) => projection::project(self.db, &document, &opened),
            None if projection::is_eager(document.descriptor.compartment) => projection::refresh(self.db, &document),
            None => documents::set_stale(self.db, document.number, true),
        }
    }

    /// Own changes that this database does not know: it was set back, and its sequence numbers were used already.
    fn notice_setback(&self, document: &StoredDocument, fresh: &[Incoming<'_>]) -> Result<(), DeviceError> {
        let present = self.identity.author.actor(identity::incarnation(self.db)?);
        if !fresh.iter().any(|change| change.meta.actor == present) {
            return Ok(());
        }
        identity::next_incarnation(self.db)?;
        if outbox::document_has_any(self.db, document.number)? {
            edit::remake_unsent(self.db, self.identity, document, self.now)?;
        }
        Ok(())
    }

    /// Keeps a delivery aside. Its changes count as received: the relay has done its part.
    fn keep(&mut self, delivery: &DeliveredDocument, reason: String, applied: &mut Applied) -> Result<(), DeviceError> {
        let held = documents::find(self.db, &delivery.document)?;
        let added = quarantine::keep(self.db, delivery, &reason, self.now)?;
        let mut received = Vec::new();
        for at in added {
            let Ok(change) = examine::read_one(&delivery.changes[at]) else { continue };
            let known = match &held {
                Some(held) => changes::has(self.db, held.number, &change.hash)?,
                None => false,
            };
            if !known {
                received.push(change.hash);
            }
        }
        sums::share(self.db, &delivery.document, &received)?;
        self.any_quarantined = true;
        applied.quarantined.push((delivery.document, reason));
        Ok(())
    }
}

/// The changes of a delivery that can be read.
fn hashes(delivery: &DeliveredDocument) -> HashSet<ChangeHash> {
    delivery.changes.iter().filter_map(|payload| examine::read_one(payload).ok()).map(|c| c.hash).collect()
}

fn joined(mut kept: DeliveredDocument, new: &DeliveredDocument) -> DeliveredDocument {
    kept.changes.extend(new.changes.iter().cloned());
    kept.signatures.extend(new.signatures.iter().copied());
    kept.descriptor = new.descriptor.clone().or(kept.descriptor);
    kept
}
