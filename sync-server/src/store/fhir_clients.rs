//! What a store keeps of programs that use the FHIR API.

use sync_protocol::{DeviceId, OrganizationId, PractitionerId, UnixMillis};

use crate::accounts::TokenHash;
use crate::store::{DeviceRecord, Scope, StoreError};

/// A program that uses the FHIR API for one practitioner of one organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FhirClientRecord {
    /// What it calls itself by; made by the relay.
    pub id: String,
    /// For people.
    pub name: String,
    /// For whom it acts.
    pub practitioner: PractitionerId,
    /// At which organization.
    pub organization: OrganizationId,
    /// SHA-256 of its secret.
    pub secret_hash: [u8; 32],
    /// When it was added.
    pub added_at: UnixMillis,
    /// When it was revoked.
    pub revoked_at: Option<UnixMillis>,
}

/// A token of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FhirTokenRecord {
    /// Its hash.
    pub token: TokenHash,
    /// Whose.
    pub client: String,
    /// When it was given.
    pub began_at: UnixMillis,
    /// From this moment on it is worth nothing.
    pub expires_at: UnixMillis,
}

/// The part of a [`super::Store`] that keeps clients of the FHIR API.
pub trait FhirClientStore {
    /// Adds a client.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if practitioner or organization are not there; [`StoreError::Exists`].
    fn add_fhir_client(&mut self, client: &FhirClientRecord) -> Result<(), StoreError>;
    /// Looks a client up, revoked or not.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn fhir_client(&self, id: &str) -> Result<Option<FhirClientRecord>, StoreError>;
    /// A page of clients of these organizations by id.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn fhir_clients_page(&self, scope: &Scope, after: &str, limit: usize) -> Result<Vec<FhirClientRecord>, StoreError>;
    /// Revokes a client and forgets its tokens; the first time stands.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    fn revoke_fhir_client(&mut self, id: &str, now: UnixMillis) -> Result<(), StoreError>;
    /// Adds a token. Of those of the same client only the newest `keep` stay; those that ran out before `now` go.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the client is not there.
    fn add_fhir_token(&mut self, token: &FhirTokenRecord, keep: usize, now: UnixMillis) -> Result<(), StoreError>;
    /// Looks a token up, expired or not.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn fhir_token(&self, token: &TokenHash) -> Result<Option<FhirTokenRecord>, StoreError>;
    /// Adds a device under which a client reads and writes.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if a device with that key is there already.
    fn add_fhir_gateway(&mut self, client: &str, device: &DeviceRecord) -> Result<(), StoreError>;
    /// The devices under which a client has read and written.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn fhir_gateways(&self, client: &str) -> Result<Vec<DeviceId>, StoreError>;
}
