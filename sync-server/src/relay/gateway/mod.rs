//! The gateway of the FHIR API, as far as the relay's thread has a part in it: clients and their tokens, what one may see, what it
//! was given, and its writes. Opens no document.
//!
//! Towards the log, the ledger and other devices a client is a device: it has a certificate of its organization, its changes
//! are signed, and what it is given stands in the same ledger. The key of that device is made when the client is first
//! heard in a run of the relay and is kept in memory only: a relay that was set back to a backup never signs a second change under a number
//! that devices know already, and a stolen backup signs nothing.

mod clients;
mod disclosures;
mod writes;

pub use clients::{FhirAdmission, NewFhirClient};
pub use disclosures::{FhirAct, Interaction};
pub use writes::{GatewayDocument, GatewayRefusal, WrittenDocument};

use roaring::RoaringBitmap;
use serde_json::json;
use sync_protocol::identity::{Certificate, CertificateBody, SecretKey};
use sync_protocol::{AuthorId, DeviceId, UnixMillis};

use crate::access::{IndexPermit, Reach, Subject};
use crate::relay::Relay;
use crate::store::{DeviceRecord, FhirClientRecord, NewAuditRow, StoreError};

/// The device under which a client acts in this run of the relay.
pub(super) struct Gateway {
    secret: SecretKey,
    certificate: Certificate,
}

/// A client that presented a token in force, and what it may see at this moment.
#[derive(Clone, Debug)]
pub struct Sight {
    /// Who calls.
    pub client: FhirClientRecord,
    /// Under which device it acts.
    pub device: DeviceId,
    /// Under which author it writes.
    pub author: AuthorId,
    /// Numbers of the documents that it may be shown. None that is open by emergency access: that is for the person who
    /// gave the reason, on their device.
    pub documents: RoaringBitmap,
}

impl Relay {
    /// Leave for the FHIR API's index to read every document.
    #[must_use]
    pub fn index_permit(&self) -> IndexPermit {
        self.gate.index_permit()
    }

    /// Who presents a token, and what they may see now. None for a token that is not in force.
    ///
    /// # Errors
    /// [`StoreError::Database`]; to be called within [`Relay::administer`].
    pub fn fhir_sight(&mut self, token: &str, now: UnixMillis) -> Result<Option<Sight>, StoreError> {
        let Some(client) = self.fhir_caller(token, now)? else { return Ok(None) };
        self.ensure_gateway(&client, now)?;
        self.sight_of(client, now).map(Some)
    }

    /// As [`Self::fhir_sight`], without changing anything: none also for a client that was not heard in this run.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn fhir_glance(&self, token: &str, now: UnixMillis) -> Result<Option<Sight>, StoreError> {
        let Some(client) = self.fhir_caller(token, now)? else { return Ok(None) };
        if !self.has_gateway(&client, now)? {
            return Ok(None);
        }
        self.sight_of(client, now).map(Some)
    }

    fn sight_of(&self, client: FhirClientRecord, now: UnixMillis) -> Result<Sight, StoreError> {
        let gateway = self.gateways.get(&client.id).ok_or(StoreError::NotFound("gateway"))?;
        let (device, author) = (gateway.certificate.device(), gateway.certificate.author());
        let documents = without_emergencies(&self.gate.reach(&subject(&client), now));
        Ok(Sight { client, device, author, documents })
    }

    fn has_gateway(&self, client: &FhirClientRecord, now: UnixMillis) -> Result<bool, StoreError> {
        let Some(gateway) = self.gateways.get(&client.id) else { return Ok(false) };
        // What was made in a transaction that was rolled back is not in the store.
        let known = self.store.device_by_key(&gateway.certificate.body.device_key)?;
        Ok(known.is_some_and(|device| device.revoked_at.is_none()) && gateway.certificate.check_time(now).is_ok())
    }

    /// Makes the device under which a client acts, if it has none in this run or its certificate has run out.
    fn ensure_gateway(&mut self, client: &FhirClientRecord, now: UnixMillis) -> Result<(), StoreError> {
        if self.has_gateway(client, now)? {
            return Ok(());
        }
        let secret = SecretKey::from_seed(self.random());
        let organization = self.store.organizations()?.into_iter().find(|one| one.id == client.organization);
        let issuer = organization.ok_or(StoreError::NotFound("organization"))?.key;
        let body = CertificateBody {
            device_key: secret.public(),
            practitioner: client.practitioner.clone(),
            organization: client.organization.clone(),
            not_before: now,
            not_after: now.plus(self.settings.certificate_ms),
        };
        let certificate = Certificate::issue(&issuer, body);
        let name = format!("FHIR: {}", client.name).chars().take(80).collect();
        let device = DeviceRecord {
            certificate: certificate.clone(),
            name,
            enrolled_at: now,
            last_seen: None,
            revoked_at: None,
        };
        self.begin()?;
        self.store.add_fhir_gateway(&client.id, &device)?;
        self.audit(&NewAuditRow {
            at: now,
            action: "enroll-device",
            device: Some(device.id()),
            practitioner: Some(client.practitioner.clone()),
            organization: Some(client.organization.clone()),
            detail: json!({ "fhir-client": client.id }),
        })?;
        self.gateways.insert(client.id.clone(), Gateway { secret, certificate });
        Ok(())
    }
}

pub(super) fn subject(client: &FhirClientRecord) -> Subject {
    Subject { practitioner: client.practitioner.clone(), organization: client.organization.clone() }
}

fn without_emergencies(reach: &Reach) -> RoaringBitmap {
    reach.documents() - reach.only_by_break_glass()
}
