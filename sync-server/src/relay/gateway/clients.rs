//! Clients of the FHIR API: given, signed in, revoked.

use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use sync_protocol::{OrganizationId, PractitionerId, UnixMillis};

use crate::accounts::{Origin, TokenHash, fhir_token_text};
use crate::relay::Relay;
use crate::store::{FhirClientRecord, FhirTokenRecord, NewAuditRow, Scope, StoreError};

/// Tokens of one client at the same time; the oldest gives way.
const TOKENS: usize = 16;
/// How long a token is in force, in milliseconds.
pub(super) const TOKEN_MS: i64 = 15 * 60 * 1000;

/// A client as it is shown, once.
#[derive(Clone)]
pub struct NewFhirClient {
    /// The client.
    pub client: FhirClientRecord,
    /// Its secret; it is not kept.
    pub secret: String,
}

/// A token that was given.
#[derive(Clone)]
pub struct FhirAdmission {
    /// Its text; it is not kept.
    pub token: String,
    /// For how long it is in force, in milliseconds.
    pub valid_ms: i64,
}

impl Relay {
    /// Adds a client that acts for a practitioner of an organization.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if practitioner or organization are not there.
    pub fn add_fhir_client(
        &mut self,
        name: String,
        practitioner: PractitionerId,
        organization: OrganizationId,
        now: UnixMillis,
    ) -> Result<NewFhirClient, StoreError> {
        let id = format!("fhir-{}", hex::encode(self.random::<8>()));
        let secret = hex::encode(self.random::<32>());
        let secret_hash = secret_hash(&secret);
        let client =
            FhirClientRecord { id, name, practitioner, organization, secret_hash, added_at: now, revoked_at: None };
        self.store.add_fhir_client(&client)?;
        self.fhir_client_changed("add-fhir-client", &client, now)?;
        Ok(NewFhirClient { client, secret })
    }

    /// A client, revoked or not.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn fhir_client(&self, id: &str) -> Result<FhirClientRecord, StoreError> {
        self.store.fhir_client(id)?.ok_or(StoreError::NotFound("FHIR client"))
    }

    /// A page of clients by id.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn fhir_clients_page(
        &self,
        scope: &Scope,
        after: &str,
        limit: usize,
    ) -> Result<Vec<FhirClientRecord>, StoreError> {
        self.store.fhir_clients_page(scope, after, limit)
    }

    /// Whether anybody can use the FHIR API.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn has_fhir_clients(&self) -> Result<bool, StoreError> {
        let all = self.store.fhir_clients_page(&Scope::All, "", usize::MAX >> 1)?;
        Ok(all.iter().any(|client| client.revoked_at.is_none()))
    }

    /// Revokes a client at once: its tokens are worth nothing, and so are the devices under which it acted.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn revoke_fhir_client(&mut self, id: &str, now: UnixMillis) -> Result<(), StoreError> {
        let client = self.fhir_client(id)?;
        self.store.revoke_fhir_client(id, now)?;
        for device in self.store.fhir_gateways(id)? {
            if self.store.device(&device)?.revoked_at.is_none() {
                self.store.revoke_device(&device, now)?;
            }
        }
        self.fhir_client_changed("revoke-fhir-client", &client, now)
    }

    fn fhir_client_changed(
        &mut self,
        action: &'static str,
        client: &FhirClientRecord,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let FhirClientRecord { id, practitioner, organization, .. } = client;
        let detail = json!({ "fhir-client": id, "practitioner": practitioner, "organization": organization });
        self.administered(action, detail, now)
    }

    /// Gives a client a token for its secret. None if the two do not belong together or the client is revoked.
    ///
    /// # Errors
    /// [`StoreError::Database`]; to be called within [`Relay::administer`].
    pub fn admit_fhir_client(
        &mut self,
        id: &str,
        secret: &str,
        origin: Origin,
        now: UnixMillis,
    ) -> Result<Option<FhirAdmission>, StoreError> {
        let Some(client) = self.store.fhir_client(id)? else { return Ok(None) };
        let right = bool::from(secret_hash(secret).ct_eq(&client.secret_hash));
        if !right || client.revoked_at.is_some() {
            return Ok(None);
        }
        let token = fhir_token_text(&self.random());
        let record = FhirTokenRecord {
            token: TokenHash::of_fhir(&self.id, &token),
            client: client.id.clone(),
            began_at: now,
            expires_at: now.plus(TOKEN_MS),
        };
        self.store.add_fhir_token(&record, TOKENS, now)?;
        self.audit(&NewAuditRow {
            at: now,
            action: "fhir-sign-in",
            device: None,
            practitioner: Some(client.practitioner),
            organization: Some(client.organization),
            detail: json!({ "fhir-client": client.id, "from": origin.to_string(), "expires-at": record.expires_at }),
        })?;
        Ok(Some(FhirAdmission { token, valid_ms: TOKEN_MS }))
    }

    /// Records that a secret was refused. `id`: as it was presented; only that of a client there is is written.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn refused_fhir_sign_in(&mut self, id: &str, origin: Origin, now: UnixMillis) -> Result<(), StoreError> {
        let client = self.store.fhir_client(id)?;
        let practitioner = client.map(|client| client.practitioner);
        let reason = if practitioner.is_some() { "wrong secret, or revoked" } else { "unknown client" };
        self.refused("refuse-fhir-sign-in", practitioner.as_ref(), origin, reason, now)
    }

    /// Whose a token is, if it is in force.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn fhir_caller(&self, token: &str, now: UnixMillis) -> Result<Option<FhirClientRecord>, StoreError> {
        let found = self.store.fhir_token(&TokenHash::of_fhir(&self.id, token))?;
        let Some(found) = found.filter(|token| now < token.expires_at) else { return Ok(None) };
        Ok(self.store.fhir_client(&found.client)?.filter(|client| client.revoked_at.is_none()))
    }
}

fn secret_hash(secret: &str) -> [u8; 32] {
    let mut hasher = Sha256::new_with_prefix(b"satchel fhir client v1");
    hasher.update(secret.as_bytes());
    hasher.finalize().into()
}
