//! What administrators do: people, organizations, devices; what is listed for them.

use serde_json::{Value, json};
use sync_protocol::frame::GoodbyeReason;
use sync_protocol::identity::SecretKey;
use sync_protocol::{DeviceId, OrganizationId, PractitionerId, UnixMillis};

use super::arrival::code_hash;
use super::{Administrator, AuditFault, AuditVerifier, Relay};
use crate::access::{Grant, PractitionerRole};
use crate::store::{
    AuditRow, CustodyCase, CustodyEntry, DeviceRecord, EnrolmentCode, NewAuditRow, OrganizationRecord,
    PractitionerRecord, Scope, StoreError,
};

/// Letters of enrolment codes: no 0, 1, I, L, O, U, which people misread.
const CODE_ALPHABET: &[u8; 30] = b"23456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Letters in a code: 16 of 30 are 78 bits.
const CODE_LETTERS: usize = 16;

/// A code as it is shown, once.
#[derive(Clone, Debug)]
pub struct NewEnrolmentCode {
    /// Four groups of four letters.
    pub code: String,
    /// From this moment on it enrols nobody.
    pub expires_at: UnixMillis,
}

/// Rows of the audit trail that are checked at once.
const AUDIT_SLICE: usize = 1_000;

impl Relay {
    /// Adds an organization, with an enrolment key of its own.
    ///
    /// # Errors
    /// [`StoreError::Exists`].
    pub fn add_organization(&mut self, id: OrganizationId, name: String, now: UnixMillis) -> Result<(), StoreError> {
        let key = SecretKey::from_seed(self.random());
        let detail = json!({ "organization": id, "enrolment-key": key.public() });
        self.store.add_organization(&OrganizationRecord { id, name, key })?;
        self.administered("add-organization", detail, now)
    }

    /// Adds a practitioner.
    ///
    /// # Errors
    /// [`StoreError::Exists`].
    pub fn add_practitioner(&mut self, practitioner: &PractitionerRecord, now: UnixMillis) -> Result<(), StoreError> {
        self.store.add_practitioner(practitioner)?;
        self.administered(
            "add-practitioner",
            json!({ "practitioner": practitioner.id, "organization": practitioner.organization }),
            now,
        )
    }

    /// Makes a one-time code that enrols a device for a practitioner.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if practitioner or organization are not there.
    pub fn add_enrolment_code(
        &mut self,
        organization: OrganizationId,
        practitioner: PractitionerId,
        valid_ms: i64,
        now: UnixMillis,
    ) -> Result<NewEnrolmentCode, StoreError> {
        let code = self.random_code();
        let expires_at = now.plus(valid_ms);
        let detail = json!({ "organization": organization, "practitioner": practitioner, "expires-at": expires_at });
        let code_hash = code_hash(&code);
        self.store.add_enrolment_code(&EnrolmentCode {
            code_hash,
            organization,
            practitioner,
            expires_at,
            used_by: None,
        })?;
        self.administered("add-enrolment-code", detail, now)?;
        Ok(NewEnrolmentCode { code, expires_at })
    }

    pub(super) fn random_code(&mut self) -> String {
        let mut letters = Vec::with_capacity(CODE_LETTERS);
        while letters.len() < CODE_LETTERS {
            let [byte] = self.random::<1>();
            // Bytes beyond the last whole run of the alphabet would favour its first letters.
            if byte < 240 {
                letters.push(CODE_ALPHABET[usize::from(byte) % CODE_ALPHABET.len()]);
            }
        }
        let groups: Vec<_> = letters.chunks(4).map(|group| String::from_utf8_lossy(group).into_owned()).collect();
        groups.join("-")
    }

    /// Revokes a device: it is disconnected at once and not let in again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn revoke_device(&mut self, device: &DeviceId, now: UnixMillis) -> Result<(), StoreError> {
        let organization = self.store.device(device)?.certificate.body.organization;
        self.store.revoke_device(device, now)?;
        self.administered("revoke-device", json!({ "device": device, "organization": organization }), now)?;
        self.close_device(device, GoodbyeReason::Revoked, "this device was revoked");
        Ok(())
    }

    /// Ends a device's connection.
    pub(super) fn close_device(&mut self, device: &DeviceId, reason: GoodbyeReason, detail: &str) {
        let of_device = |peer: &super::Peer| peer.device == *device;
        let connected: Vec<_> = self
            .connections
            .iter()
            .filter(|(_, c)| c.peer.as_ref().is_some_and(of_device))
            .map(|(id, _)| *id)
            .collect();
        for id in connected {
            self.close(id, reason, detail);
        }
    }

    /// All organizations.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn organizations(&self) -> Result<Vec<OrganizationRecord>, StoreError> {
        self.store.organizations()
    }

    /// All practitioners.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn practitioners(&self) -> Result<Vec<PractitionerRecord>, StoreError> {
        self.store.practitioners()
    }

    /// All devices, each with how many documents it holds.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn devices(&self) -> Result<Vec<(DeviceRecord, u64)>, StoreError> {
        self.with_held(self.store.devices()?)
    }

    /// A page of devices by id, each with how many documents it holds.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn devices_page(
        &self,
        scope: &Scope,
        after: Option<DeviceId>,
        limit: usize,
    ) -> Result<Vec<(DeviceRecord, u64)>, StoreError> {
        self.with_held(self.store.devices_page(scope, after, limit)?)
    }

    fn with_held(&self, devices: Vec<DeviceRecord>) -> Result<Vec<(DeviceRecord, u64)>, StoreError> {
        let held = |device: DeviceRecord| Ok((self.store.holdings(&device.id())?.held.len(), device));
        devices.into_iter().map(held).map(|pair| pair.map(|(held, device)| (device, held))).collect()
    }

    /// A device.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn device(&self, id: &DeviceId) -> Result<DeviceRecord, StoreError> {
        self.store.device(id)
    }

    /// A grant.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn grant(&self, id: &str) -> Result<Grant, StoreError> {
        self.store.grant(id)
    }

    /// A page of grants by id.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn grants_page(&self, scope: &Scope, after: &str, limit: usize) -> Result<Vec<Grant>, StoreError> {
        self.store.grants_page(scope, after, limit)
    }

    /// A practitioner.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn practitioner(&self, id: &PractitionerId) -> Result<PractitionerRecord, StoreError> {
        self.store.practitioner(id)
    }

    /// The roles of a practitioner, at all organizations.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn roles_of(&self, practitioner: &PractitionerId) -> Result<Vec<PractitionerRole>, StoreError> {
        self.store.roles_of(practitioner)
    }

    /// Everything in custody.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn custody(&self) -> Result<Vec<CustodyEntry>, StoreError> {
        self.store.custody()
    }

    /// A change in custody, by its number.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn custody_case(&self, id: u64) -> Result<CustodyCase, StoreError> {
        self.store.custody_case(id)
    }

    /// A page of what is in custody for documents of these organizations, oldest first: what nobody has
    /// decided on, and what was accepted and waits for a signature.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn custody_page(&self, scope: &Scope, after: u64, limit: usize) -> Result<Vec<CustodyCase>, StoreError> {
        self.store.custody_page(scope, after, limit)
    }

    /// A page of audit rows that concern these organizations.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn audit_page(&self, scope: &Scope, after: u64, limit: usize) -> Result<Vec<AuditRow>, StoreError> {
        self.store.audit_page(scope, after, limit)
    }

    /// Audit rows after a sequence number.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn audit_after(&self, after: u64, limit: usize) -> Result<Vec<AuditRow>, StoreError> {
        self.store.audit_after(after, limit)
    }

    /// Checks the audit trail's chain: the number of rows, and the first row that does not follow from the one before.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn verify_audit(&mut self) -> Result<(u64, Option<u64>), StoreError> {
        let mut verifier = AuditVerifier::default();
        while !self.verify_further(&mut verifier, AUDIT_SLICE)? {}
        let first = verifier.faults.iter().find_map(|fault| match fault {
            AuditFault::Row { row } => Some(*row),
            _ => None,
        });
        Ok((verifier.rows, first))
    }

    /// Documents and changes in the log.
    #[must_use]
    pub fn size(&self) -> (usize, u64) {
        (self.fingerprints.len().saturating_sub(1), self.head.0)
    }

    /// Records an administrative action in the name of whoever acts. It shows to the organization that `detail` names
    /// as `organization`.
    pub(super) fn administered(
        &mut self,
        action: &'static str,
        mut detail: Value,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let organization = detail["organization"].as_str().and_then(|id| id.parse().ok());
        let practitioner = match self.acting.clone() {
            Some(Administrator::Practitioner(id)) => Some(id),
            Some(Administrator::Operator) => {
                detail["by"] = json!("operator");
                None
            }
            None => None,
        };
        self.audit(&NewAuditRow { at: now, action, device: None, practitioner, organization, detail })
    }
}
