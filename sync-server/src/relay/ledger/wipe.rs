//! Lost devices: what was on them, the order to erase them, and how it is carried out.

use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sync_protocol::frame::{GoodbyeReason, PurgeReceipt, Welcome};
use sync_protocol::{DeviceId, DocumentDescriptor, DocumentId, OrganizationId, PractitionerId, UnixMillis};
use utoipa::ToSchema;

use crate::access::Subject;
use crate::admin::schema;
use crate::relay::{ConnectionId, Peer, Relay, Stage};
use crate::store::{DeviceRecord, DocumentVersion, Holdings, NewAuditRow, Position, SentUpTo, StoreError, WipeOrder};

/// A version of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShownVersion {
    /// Everything up to this position of the relay's log.
    pub position: u64,
    /// Changes that it consists of.
    #[serde(flatten)]
    pub version: DocumentVersion,
}

/// A document that is, or may be, on a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DocumentOnDevice {
    /// Its id.
    #[schema(value_type = schema::HexId)]
    pub document: DocumentId,
    /// What it is about.
    #[schema(value_type = Object)]
    pub descriptor: DocumentDescriptor,
    /// The version that the device said to have on disk.
    pub acknowledged: Option<ShownVersion>,
    /// The version that was sent to it: perhaps on it.
    pub sent: Option<ShownVersion>,
    /// What it uploaded itself.
    pub written: DocumentVersion,
    /// Some of it was sent by emergency access only.
    pub break_glass: bool,
}

/// A document that was on a device and that it was told to remove.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RemovedDocument {
    /// What was there.
    #[serde(flatten)]
    pub was: DocumentOnDevice,
    /// Since when its removal is not confirmed; none once it is.
    #[schema(value_type = Option<schema::Moment>)]
    pub owed_since: Option<UnixMillis>,
}

/// A document that lies sealed on a device, to be opened in an emergency without a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SealedOnDevice {
    /// Its id.
    #[schema(value_type = schema::HexId)]
    pub document: DocumentId,
    /// What it is about.
    #[schema(value_type = Object)]
    pub descriptor: DocumentDescriptor,
    /// Which version.
    pub version: ShownVersion,
    /// When it was sent.
    #[schema(value_type = schema::Moment)]
    pub at: UnixMillis,
    /// The device has said that it is on its disk.
    pub acknowledged: bool,
}

/// Everything that is known of what a lost device holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LostDevice {
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
    /// When it was enrolled.
    #[schema(value_type = schema::Moment)]
    pub enrolled_at: UnixMillis,
    /// When it last connected.
    #[schema(value_type = Option<schema::Moment>)]
    pub last_seen: Option<UnixMillis>,
    /// When it was revoked.
    #[schema(value_type = Option<schema::Moment>)]
    pub revoked_at: Option<UnixMillis>,
    /// The order to erase it.
    pub wipe: Option<WipeOrder>,
    /// What is, or may be, on it.
    pub on_device: Vec<DocumentOnDevice>,
    /// What it was told to remove before.
    pub removed: Vec<RemovedDocument>,
    /// What lies sealed on it.
    pub sealed: Vec<SealedOnDevice>,
}

impl Relay {
    /// Revokes a device and orders it to be erased when it next connects.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn order_wipe(&mut self, device: &DeviceId, now: UnixMillis) -> Result<(), StoreError> {
        let organization = self.store.device(device)?.certificate.body.organization;
        self.store.revoke_device(device, now)?;
        self.store.order_wipe(device, now)?;
        self.administered("order-wipe", json!({ "device": device, "organization": organization }), now)?;
        // Not with `revoked`, after which it would not come back to be erased.
        self.close_device(device, GoodbyeReason::Unavailable, "connect again");
        Ok(())
    }

    /// What is on a device: every document and version that it was given, acknowledged or not, and what was taken back.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn lost_device(&mut self, id: &DeviceId) -> Result<LostDevice, StoreError> {
        self.write_acknowledgements()?;
        let device = self.store.device(id)?;
        let holdings = self.store.holdings(id)?;
        let sent = self.store.sent_to(id)?;
        let on_device = self.documents_on(id, &holdings.present(), &sent)?;
        let removed = self.removed_from(id, &holdings, &sent)?;
        let DeviceRecord { certificate, name, enrolled_at, last_seen, revoked_at } = device;
        Ok(LostDevice {
            device: *id,
            name,
            practitioner: certificate.body.practitioner,
            organization: certificate.body.organization,
            enrolled_at,
            last_seen,
            revoked_at,
            wipe: self.store.wipe_order(id)?,
            on_device,
            removed,
            sealed: self.sealed_on(id)?,
        })
    }

    fn sealed_on(&self, device: &DeviceId) -> Result<Vec<SealedOnDevice>, StoreError> {
        let mut sealed = Vec::new();
        for staged in self.store.staged(device)? {
            let entry = self.store.document_by_number(staged.document)?;
            let version = self.store.version(staged.document, staged.upto)?;
            sealed.push(SealedOnDevice {
                document: entry.id,
                descriptor: entry.descriptor,
                version: ShownVersion { position: staged.upto.0, version },
                at: staged.at,
                acknowledged: staged.acknowledged,
            });
        }
        Ok(sealed)
    }

    fn documents_on(
        &self,
        device: &DeviceId,
        numbers: &RoaringBitmap,
        sent: &[SentUpTo],
    ) -> Result<Vec<DocumentOnDevice>, StoreError> {
        numbers.iter().map(|number| self.document_on(device, number, sent)).collect()
    }

    fn document_on(&self, device: &DeviceId, number: u32, sent: &[SentUpTo]) -> Result<DocumentOnDevice, StoreError> {
        let entry = self.store.document_by_number(number)?;
        let sent = sent.binary_search_by_key(&number, |one| one.document).ok().map(|at| sent[at]);
        let shown =
            |upto: Position| self.store.version(number, upto).map(|version| ShownVersion { position: upto.0, version });
        Ok(DocumentOnDevice {
            document: entry.id,
            descriptor: entry.descriptor,
            acknowledged: sent.and_then(|sent| sent.acknowledged).map(shown).transpose()?,
            sent: sent.map(|sent| shown(sent.sent)).transpose()?,
            written: self.store.written_by(number, device)?,
            break_glass: sent.is_some_and(|sent| sent.break_glass),
        })
    }

    fn removed_from(
        &self,
        device: &DeviceId,
        holdings: &Holdings,
        sent: &[SentUpTo],
    ) -> Result<Vec<RemovedDocument>, StoreError> {
        let owed = self.store.owed_receipts(device)?;
        let mut removed = Vec::new();
        for number in &holdings.gone {
            let owed_since = owed.iter().filter(|owed| owed.documents.contains(number)).map(|owed| owed.since).min();
            removed.push(RemovedDocument { was: self.document_on(device, number, sent)?, owed_since });
        }
        Ok(removed)
    }

    /// Whether a revoked device is to be erased.
    pub(in crate::relay) fn is_to_be_wiped(&self, device: &DeviceId) -> Result<bool, StoreError> {
        Ok(self.store.wipe_order(device)?.is_some_and(|order| order.wiped_at.is_none()))
    }

    /// Lets a revoked device in to account for itself and to be erased. It is given nothing.
    pub(in crate::relay) fn greet_to_wipe(
        &mut self,
        id: ConnectionId,
        device: DeviceRecord,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        self.supersede(device.id())?;
        let body = device.certificate.body.clone();
        self.audit(&NewAuditRow {
            at: now,
            action: "connect-to-wipe",
            device: Some(device.id()),
            practitioner: Some(body.practitioner.clone()),
            organization: Some(body.organization.clone()),
            detail: json!({}),
        })?;
        self.store.device_seen(&device.id(), now)?;
        let welcome = Welcome {
            epoch: self.epoch,
            limits: self.settings.limits,
            lease_ms: 0,
            now,
            wipe: true,
            sealing: false,
            dictionary: None,
        };
        let subject = Subject { practitioner: body.practitioner, organization: body.organization };
        let reach = self.gate.reach(&subject, now);
        let mut peer = Peer::new(device.id(), device.certificate, reach);
        peer.stage = Stage::Erasing;
        peer.holdings = self.store.holdings(&peer.device)?;
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        connection.peer = Some(peer);
        let events = connection.session.welcome(welcome);
        self.carry_out(id, events, now);
        Ok(())
    }

    /// A device states that it has erased everything.
    pub(in crate::relay) fn wiped(
        &mut self,
        id: ConnectionId,
        receipt: &PurgeReceipt,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let Some(peer) = self.peer_mut(id) else { return Ok(()) };
        let (device, erasing) = (peer.device, peer.stage == Stage::Erasing);
        let all = peer.holdings.present();
        if !all.is_empty() {
            peer.withdraw(&all);
        }
        let owed: RoaringBitmap =
            self.store.owed_receipts(&device)?.into_iter().flat_map(|owed| owed.documents).collect();
        let settled = all | owed;
        self.begin()?;
        self.store.settle_owed(&device, &settled)?;
        for staged in self.store.staged(&device)? {
            self.store.remove_staged(&device, staged.document)?;
        }
        if self.is_to_be_wiped(&device)? {
            self.store.wiped(&device, now)?;
        }
        self.keep_receipt(id, receipt, &settled, now)?;
        self.answer_receipt(id, receipt.receipt, now);
        if erasing {
            self.close(id, GoodbyeReason::Revoked, "this device was revoked and is erased");
        }
        Ok(())
    }
}
