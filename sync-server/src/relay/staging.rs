//! Documents laid ready on devices, sealed, for emergencies without a network: those that policy stages and nobody may read
//! there yet. They go out when a device has everything else.

use std::collections::{HashMap, HashSet, VecDeque};

use roaring::RoaringBitmap;
use serde_json::json;
use sync_protocol::frame::{BatchBody, SealedDocument};
use sync_protocol::{DeviceId, DocumentId, SealingKey, UnixMillis};

use super::batch::{Kind, Wanted, read_document};
use super::compare::IDS_PER_FRAME;
use super::delivery::{Told, certify};
use super::{ConnectionId, Relay};
use crate::access::{PurposeOfUse, Staged};
use crate::store::{Disclosed, NewAuditRow, Position, StagedDocument, Store, StoreError};

/// How often it is looked whether what lies ready is still what it should be, in milliseconds.
const LOOK_EVERY_MS: i64 = 10 * 60 * 1_000;
/// Largest document that is laid ready, in bytes: one frame holds it.
const MAX_SEALED_BYTES: usize = 1024 * 1024;
/// Size from which on a frame is closed, in bytes.
const FRAME_BYTES: usize = 512 * 1024;

/// What is to be laid ready on one connected device.
#[derive(Debug, Default)]
pub(super) struct LaidReady {
    wanted: Option<Staged>,
    looked_at: Option<UnixMillis>,
    queue: VecDeque<u32>,
    in_flight: Vec<StagedDocument>,
    /// The device waits for what follows, and is to be told if that is nothing.
    pub promised: bool,
}

impl LaidReady {
    /// Whether it is time to look again.
    pub fn is_due(&self, now: UnixMillis) -> bool {
        self.looked_at.is_none_or(|at| now >= at.plus(LOOK_EVERY_MS) || now < at)
    }
}

impl Relay {
    /// Keeps the key that documents are sealed to for a device.
    pub(super) fn sealing(&mut self, id: ConnectionId, key: &SealingKey) -> Result<(), StoreError> {
        let Some(device) = self.peer(id).map(|peer| peer.device) else { return Ok(()) };
        self.begin()?;
        self.store.set_sealing_key(&device, key)?;
        self.ready.insert(id);
        Ok(())
    }

    /// The last sealed documents are on the device's disk.
    pub(super) fn staged(&mut self, id: ConnectionId) -> Result<(), StoreError> {
        let Some(peer) = self.peer_mut(id) else { return Ok(()) };
        let (device, arrived) = (peer.device, std::mem::take(&mut peer.laid_ready.in_flight));
        if !arrived.is_empty() {
            self.begin()?;
        }
        for staged in arrived {
            self.store.put_staged(&device, &StagedDocument { acknowledged: true, ..staged })?;
        }
        self.ready.insert(id);
        Ok(())
    }

    /// Takes note that a device holds these documents no more, sealed or not; gives those that lay sealed there. What is to
    /// lie there all the same is sent again.
    pub(super) fn forget_staged(
        &mut self,
        device: &DeviceId,
        documents: &[DocumentId],
    ) -> Result<RoaringBitmap, StoreError> {
        let mut forgotten = RoaringBitmap::new();
        let there = self.store.staged(device)?;
        if there.is_empty() {
            return Ok(forgotten);
        }
        let there: RoaringBitmap = there.into_iter().map(|staged| staged.document).collect();
        self.begin()?;
        for id in documents {
            let Some(entry) = self.store.document(id)?.filter(|entry| there.contains(entry.number)) else { continue };
            self.store.remove_staged(device, entry.number)?;
            forgotten.insert(entry.number);
        }
        Ok(forgotten)
    }

    /// Whether sealed documents are to be sent next.
    pub(super) fn has_to_lay_ready(&mut self, id: ConnectionId, now: UnixMillis) -> Result<bool, StoreError> {
        self.look_what_is_wanted(id, now)?;
        let Some(peer) = self.peer(id).filter(|peer| !peer.laid_ready.queue.is_empty()) else { return Ok(false) };
        Ok(self.store.sealing_key(&peer.device)?.is_some())
    }

    /// Sends the next sealed documents, if any are wanted and the last ones have arrived; or that there are none, to a device
    /// that waits for them.
    pub(super) fn lay_ready(&mut self, id: ConnectionId, now: UnixMillis) -> Result<(), StoreError> {
        self.look_what_is_wanted(id, now)?;
        let Some(connection) = self.connections.get(&id) else { return Ok(()) };
        let Some(peer) = connection.peer.as_ref() else { return Ok(()) };
        let (device, promised) = (peer.device, peer.laid_ready.promised);
        if !connection.session.may_stage() || (peer.laid_ready.queue.is_empty() && !promised) {
            return Ok(());
        }
        let Some(key) = self.store.sealing_key(&device)? else { return Ok(()) };
        let (sealed, staged) = self.next_sealed(id, &key, now)?;
        if sealed.is_empty() && !promised {
            return Ok(());
        }
        if !staged.is_empty() {
            self.record_staged(id, &staged, now)?;
        }
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        let Some(peer) = &mut connection.peer else { return Ok(()) };
        let more = !peer.laid_ready.queue.is_empty();
        (peer.laid_ready.in_flight, peer.laid_ready.promised) = (staged, more);
        let event = connection.session.stage(sealed, more);
        self.carry_out(id, vec![event], now);
        Ok(())
    }

    /// Works out what is to lie ready, takes back what is not, and queues what is missing or old.
    fn look_what_is_wanted(&mut self, id: ConnectionId, now: UnixMillis) -> Result<(), StoreError> {
        let Some(peer) = self.peer(id) else { return Ok(()) };
        let (device, subject) = (peer.device, peer.subject.clone());
        let fresh = |staged: &Staged| self.gate.sealing_permit(staged, device, now).is_some();
        if !peer.laid_ready.is_due(now) && peer.laid_ready.wanted.as_ref().is_some_and(fresh) {
            return Ok(());
        }
        let wanted = self.gate.staged(&subject, now);
        let there = self.store.staged(&device)?;
        self.take_back(id, &there, &wanted, now)?;
        let may_stay: RoaringBitmap = there.iter().map(|staged| staged.document).collect();
        let may_stay = may_stay & wanted.documents();
        let gone = self.peer(id).map(|peer| peer.holdings.gone.clone()).unwrap_or_default();
        self.owe_no_more(&device, &(may_stay - gone))?;
        let here: HashMap<u32, Position> =
            there.iter().filter(|staged| staged.acknowledged).map(|staged| (staged.document, staged.upto)).collect();
        let mut queue = VecDeque::new();
        for number in self.gate.in_order_of_urgency(wanted.documents(), &[]) {
            if here.get(&number) < Some(&self.store.last_position(number)?) {
                queue.push_back(number);
            }
        }
        if let Some(peer) = self.peer_mut(id) {
            let laid_ready = &mut peer.laid_ready;
            (laid_ready.wanted, laid_ready.looked_at, laid_ready.queue) = (Some(wanted), Some(now), queue);
        }
        Ok(())
    }

    /// What was taken back and may lie there again is owed no more.
    fn owe_no_more(&mut self, device: &DeviceId, documents: &RoaringBitmap) -> Result<(), StoreError> {
        let owed = |store: &dyn Store| -> Result<bool, StoreError> {
            Ok(store.owed_receipts(device)?.iter().any(|owed| !owed.documents.is_disjoint(documents)))
        };
        if documents.is_empty() || !owed(self.store.as_ref())? {
            return Ok(());
        }
        self.begin()?;
        self.store.settle_owed(device, documents)
    }

    /// Takes back what lies sealed on a device and may not any more; a receipt says when it is gone.
    fn take_back(
        &mut self,
        id: ConnectionId,
        there: &[StagedDocument],
        wanted: &Staged,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let Some(peer) = self.peer(id) else { return Ok(()) };
        let (device, reach) = (peer.device, peer.reach.clone());
        let unwanted = there.iter().map(|staged| staged.document).filter(|n| !wanted.documents().contains(*n));
        let (open, closed): (Vec<u32>, Vec<u32>) = unwanted.partition(|number| reach.documents().contains(*number));
        if open.is_empty() && closed.is_empty() {
            return Ok(());
        }
        self.begin()?;
        for number in open {
            // It is open on the device now, which then drops what lay sealed.
            self.store.remove_staged(&device, number)?;
        }
        let ids: Result<Vec<_>, _> =
            closed.iter().map(|number| self.store.document_by_number(*number).map(|entry| entry.id)).collect();
        let ids = ids?;
        if ids.is_empty() {
            return Ok(());
        }
        self.owe_sealed(id, &closed.iter().copied().collect(), now)?;
        let Some(connection) = self.connections.get(&id) else { return Ok(()) };
        let events = ids.chunks(IDS_PER_FRAME).map(|chunk| connection.session.withdraw(chunk.to_vec())).collect();
        self.carry_out(id, events, now);
        self.audit_staging(id, "take-back-sealed", json!({ "documents": closed }), now)?;
        Ok(())
    }

    /// As many sealed documents as one frame takes, and how far each goes.
    fn next_sealed(
        &mut self,
        id: ConnectionId,
        key: &SealingKey,
        now: UnixMillis,
    ) -> Result<(Vec<SealedDocument>, Vec<StagedDocument>), StoreError> {
        let (mut sealed, mut staged, mut bytes) = (Vec::new(), Vec::new(), 0);
        while bytes < FRAME_BYTES {
            let Some(number) = self.peer_mut(id).and_then(|peer| peer.laid_ready.queue.pop_front()) else { break };
            let Some((document, upto)) = self.seal_one(id, key, number, now)? else { continue };
            bytes += document.sealed.len();
            sealed.push(document);
            staged.push(StagedDocument { document: number, upto, at: now, acknowledged: false });
        }
        Ok((sealed, staged))
    }

    /// One document, sealed; none if it may not lie there, holds nothing or is too large.
    fn seal_one(
        &mut self,
        id: ConnectionId,
        key: &SealingKey,
        number: u32,
        now: UnixMillis,
    ) -> Result<Option<(SealedDocument, Position)>, StoreError> {
        let entropy = self.random();
        let Some(peer) = self.peer(id) else { return Ok(None) };
        let Some(wanted) = &peer.laid_ready.wanted else { return Ok(None) };
        let Some(permit) = self.gate.sealing_permit(wanted, peer.device, now) else { return Ok(None) };
        let whole = Wanted { document: number, after: Position::default(), kind: Kind::Whole };
        let Some(part) = read_document(self.store.as_ref(), &permit, whole, MAX_SEALED_BYTES)? else { return Ok(None) };
        let descriptor = self.store.document_by_number(number)?.descriptor;
        let Some(patient) = descriptor.patient.filter(|_| !part.delivered.more) else {
            tracing::debug!(document = number, "too large to be laid ready");
            return Ok(None);
        };
        let chart = (descriptor.organization, patient);
        let until = self.gate.break_glass(&peer.subject, (&chart.0, &chart.1), PurposeOfUse::EmergencyTreatment, now);
        let Some(for_ms) = until.and_then(|until| u64::try_from(until.0 - now.0).ok()) else { return Ok(None) };
        let (document, upto) = (part.delivered.document, part.last);
        let mut body = BatchBody { documents: vec![part.delivered], ..BatchBody::default() };
        // It must stand alone: when it is opened nothing else is there to check it with.
        certify(
            &mut Told { authors: &mut HashSet::new(), organizations: &mut HashSet::new() },
            self.store.as_ref(),
            &mut body,
        )?;
        Ok(Some((SealedDocument::seal(key, chart, document, for_ms, &body, entropy), upto)))
    }

    /// Before they leave: which documents, up to which version, lie sealed on which device.
    fn record_staged(
        &mut self,
        id: ConnectionId,
        staged: &[StagedDocument],
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let Some(device) = self.peer(id).map(|peer| peer.device) else { return Ok(()) };
        self.begin()?;
        for one in staged {
            self.store.put_staged(&device, one)?;
        }
        let documents: Vec<_> = staged.iter().map(|one| json!([one.document, one.upto.0])).collect();
        let row = self.audit_staging(id, "lay-ready-sealed", json!({ "documents-upto": documents }), now)?;
        let laid = |one: &StagedDocument| Disclosed {
            document: one.document,
            upto: one.upto,
            break_glass: false,
            sealed: true,
        };
        self.store.add_disclosures(&device, row, &staged.iter().map(laid).collect::<Vec<_>>())
    }

    /// Gives the row.
    fn audit_staging(
        &mut self,
        id: ConnectionId,
        action: &'static str,
        detail: serde_json::Value,
        now: UnixMillis,
    ) -> Result<u64, StoreError> {
        let Some(peer) = self.peer(id) else { return Ok(0) };
        let row = NewAuditRow {
            at: now,
            action,
            device: Some(peer.device),
            practitioner: Some(peer.subject.practitioner.clone()),
            organization: Some(peer.subject.organization.clone()),
            detail,
        };
        self.begin()?;
        self.store.append_audit_row(&row)
    }
}
