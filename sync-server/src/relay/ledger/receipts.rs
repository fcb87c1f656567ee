//! Receipts: devices state that they removed what was withdrawn.

use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sync_protocol::frame::{GoodbyeReason, PurgeReceipt};
use sync_protocol::{DeviceId, DocumentId, OrganizationId, PractitionerId, UnixMillis};
use utoipa::ToSchema;

use crate::admin::schema;
use crate::relay::{ConnectionId, Relay, Stage};
use crate::store::{DeviceRecord, KeptReceipt, NewAuditRow, OwedReceipt, StoreError};

/// How much a device's count of time may run ahead of the relay's clock, in milliseconds.
const ENDING_MS: i64 = 60_000;

/// A device that still owes a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwingDevice {
    /// Which.
    #[schema(value_type = schema::HexId)]
    pub device: DeviceId,
    /// What people call it.
    pub name: String,
    /// Whose it is.
    #[schema(value_type = schema::FhirId)]
    pub practitioner: PractitionerId,
    /// For which organization.
    #[schema(value_type = schema::FhirId)]
    pub organization: OrganizationId,
    /// Since when: the oldest that it owes.
    #[schema(value_type = schema::Moment)]
    pub since: UnixMillis,
    /// For how many documents.
    pub documents: u64,
    /// It is revoked: everything that was given to it is owed.
    pub revoked: bool,
    /// It is to be erased when it connects.
    pub wipe_ordered: bool,
    /// When it last connected.
    #[schema(value_type = Option<schema::Moment>)]
    pub last_seen: Option<UnixMillis>,
}

impl Relay {
    pub(in crate::relay) fn receipt(
        &mut self,
        id: ConnectionId,
        receipt: &PurgeReceipt,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let Some(peer) = self.peer(id) else { return Ok(()) };
        let device = peer.device;
        if receipt.verify(&peer.certificate.body.device_key, &self.id).is_err() {
            self.close(id, GoodbyeReason::ProtocolViolation, "the receipt's signature does not verify");
            return Ok(());
        }
        if receipt.wiped {
            return self.wiped(id, receipt, now);
        }
        let settled = self.owed_among(&device, &receipt.documents)?;
        let sealed = self.forget_staged(&device, &receipt.documents)?;
        self.send_purged_again(id, &receipt.documents, &settled, now)?;
        // What settles nothing is answered all the same: it tells nothing, and asks for nothing.
        if !settled.is_empty() || !sealed.is_empty() {
            self.begin()?;
            self.store.settle_owed(&device, &settled)?;
            self.keep_receipt(id, receipt, &(settled | sealed), now)?;
        }
        self.answer_receipt(id, receipt.receipt, now);
        Ok(())
    }

    pub(in crate::relay) fn answer_receipt(&mut self, id: ConnectionId, receipt: u64, now: UnixMillis) {
        let Some(connection) = self.connections.get(&id) else { return };
        let event = connection.session.receipt_kept(receipt);
        self.carry_out(id, vec![event], now);
    }

    /// Keeps a receipt that settled something, with a row in the audit trail.
    pub(in crate::relay) fn keep_receipt(
        &mut self,
        id: ConnectionId,
        receipt: &PurgeReceipt,
        settled: &RoaringBitmap,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let Some(peer) = self.peer(id) else { return Ok(()) };
        let (device, subject) = (peer.device, peer.subject.clone());
        self.begin()?;
        self.store.keep_receipt(&device, &KeptReceipt { receipt: receipt.clone(), received_at: now })?;
        self.audit(&NewAuditRow {
            at: now,
            action: if receipt.wiped { "wiped" } else { "receipt" },
            device: Some(device),
            practitioner: Some(subject.practitioner),
            organization: Some(subject.organization),
            detail: json!({
                "receipt": receipt.receipt,
                "purged-at": receipt.purged_at,
                "documents": settled.iter().collect::<Vec<_>>(),
            }),
        })
    }

    /// What a device removed without being told to, as its time was over by the device's count, and may have all the same:
    /// it is sent again, and no longer counted as held.
    fn send_purged_again(
        &mut self,
        id: ConnectionId,
        documents: &[DocumentId],
        settled: &RoaringBitmap,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let mut purged = RoaringBitmap::new();
        for document in documents {
            purged.extend(self.store.document(document)?.map(|entry| entry.number));
        }
        purged -= settled;
        let Some(peer) = self.peer(id).filter(|peer| peer.stage != Stage::Erasing) else { return Ok(()) };
        if !peer.is_served() {
            let (device, mut holdings) = (peer.device, self.store.holdings(&peer.device)?);
            if !holdings.held.is_disjoint(&purged) {
                holdings.held -= purged;
                self.begin()?;
                self.store.set_holdings(&device, &holdings)?;
            }
            return Ok(());
        }
        // Where it is over in a moment by the relay's clock too, that will be a withdrawal.
        let is_over =
            |number: &u32| peer.reach.break_glass_until(*number).is_some_and(|end| end <= now.plus(ENDING_MS));
        let again: RoaringBitmap = (purged & &peer.sent).into_iter().filter(|number| !is_over(number)).collect();
        if again.is_empty() {
            return Ok(());
        }
        let queued = self.in_order_of_urgency(&again, &peer.subject.organization)?;
        if let Some(peer) = self.peer_mut(id) {
            peer.send_again(&again);
            peer.gained.extend(queued);
            peer.stage = Stage::CatchingUp;
        }
        self.ready.insert(id);
        Ok(())
    }

    /// Which of these documents the device owes a receipt for. Unknown ones, and others, do no harm.
    fn owed_among(&self, device: &DeviceId, documents: &[DocumentId]) -> Result<RoaringBitmap, StoreError> {
        let owed: RoaringBitmap =
            self.store.owed_receipts(device)?.into_iter().flat_map(|owed| owed.documents).collect();
        let mut among = RoaringBitmap::new();
        if owed.is_empty() {
            return Ok(among);
        }
        for document in documents {
            among.extend(self.store.document(document)?.map(|entry| entry.number));
        }
        Ok(among & owed)
    }

    /// Takes note that a device is told to remove these, before its holdings say so.
    pub(in crate::relay) fn owe(
        &mut self,
        id: ConnectionId,
        lost: &RoaringBitmap,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let Some(peer) = self.peer(id) else { return Ok(()) };
        let device = peer.device;
        let owed: RoaringBitmap =
            self.store.owed_receipts(&device)?.into_iter().flat_map(|owed| owed.documents).collect();
        // What it was told before and has not been given since stays owed since then.
        let due = lost - (owed & &peer.holdings.gone);
        self.add_owed(id, due, now)
    }

    /// Takes note that a device is told to give back what lies sealed there.
    pub(in crate::relay) fn owe_sealed(
        &mut self,
        id: ConnectionId,
        closed: &RoaringBitmap,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let Some(device) = self.peer(id).map(|peer| peer.device) else { return Ok(()) };
        let owed: RoaringBitmap =
            self.store.owed_receipts(&device)?.into_iter().flat_map(|owed| owed.documents).collect();
        self.add_owed(id, closed - owed, now)
    }

    fn add_owed(&mut self, id: ConnectionId, due: RoaringBitmap, now: UnixMillis) -> Result<(), StoreError> {
        let Some(peer) = self.peer(id).filter(|_| !due.is_empty()) else { return Ok(()) };
        let (device, counted) = (peer.device, peer.holdings.withdrawals);
        self.begin()?;
        self.store.settle_owed(&device, &due)?;
        // What lies sealed does not count among the withdrawals that cursors tell of.
        let last = self.store.owed_receipts(&device)?.iter().map(|owed| owed.withdrawal).max().unwrap_or_default();
        let owed = OwedReceipt { withdrawal: last.max(counted) + 1, since: now, documents: due };
        self.store.add_owed_receipt(&device, &owed)
    }

    /// Devices that still owe a receipt, longest first: for what they were told to remove, or, once revoked, for
    /// everything that was given to them.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn devices_owing(&self, _now: UnixMillis) -> Result<Vec<OwingDevice>, StoreError> {
        let mut owing = Vec::new();
        for device in self.store.devices()? {
            owing.extend(self.owing(&device)?);
        }
        owing.sort_by_key(|owing| (owing.since, owing.device));
        Ok(owing)
    }

    fn owing(&self, device: &DeviceRecord) -> Result<Option<OwingDevice>, StoreError> {
        let id = device.id();
        let wipe = self.store.wipe_order(&id)?;
        let (holdings, mut since) = (self.store.holdings(&id)?, None);
        let mut documents = RoaringBitmap::new();
        let sealed: RoaringBitmap = self.store.staged(&id)?.into_iter().map(|staged| staged.document).collect();
        for owed in self.store.owed_receipts(&id)? {
            // Given again since: that is another matter.
            let still = owed.documents & (&holdings.gone | &sealed);
            if !still.is_empty() {
                since = since.min(Some(owed.since)).or(Some(owed.since));
                documents |= still;
            }
        }
        let present = holdings.present() | sealed;
        if let Some(revoked_at) = device.revoked_at
            && !present.is_empty()
        {
            since = since.min(Some(revoked_at)).or(Some(revoked_at));
            documents |= present;
        }
        let body = &device.certificate.body;
        Ok(since.map(|since| OwingDevice {
            device: id,
            name: device.name.clone(),
            practitioner: body.practitioner.clone(),
            organization: body.organization.clone(),
            since,
            documents: documents.len(),
            revoked: device.revoked_at.is_some(),
            wipe_ordered: wipe.is_some_and(|order| order.wiped_at.is_none()),
            last_seen: device.last_seen,
        }))
    }
}
