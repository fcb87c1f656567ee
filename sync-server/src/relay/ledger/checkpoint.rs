//! Checkpoints: the relay's word on where its audit trail stood, to be kept outside, so that a cut end is noticed.

use serde::{Deserialize, Serialize};
use sync_protocol::identity::{Purpose, SecretKey};
use sync_protocol::{PublicKey, RelayId, Signature, UnixMillis};
use utoipa::ToSchema;

use crate::admin::schema;
use crate::relay::Relay;
use crate::store::StoreError;

/// Where the audit trail stood at some time, signed by the relay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditCheckpoint {
    /// Which relay's trail.
    #[schema(value_type = schema::HexId)]
    pub relay: RelayId,
    /// The last row; 0 before the first.
    pub seq: u64,
    /// Its hash: it covers all rows before it.
    #[serde(with = "hex::serde")]
    #[schema(value_type = schema::HexHash)]
    pub hash: [u8; 32],
    /// When.
    #[schema(value_type = schema::Moment)]
    pub at: UnixMillis,
    /// The relay's key for this.
    #[schema(value_type = schema::HexHash)]
    pub key: PublicKey,
    /// By that key.
    #[schema(value_type = schema::HexSignature)]
    pub signature: Signature,
}

impl AuditCheckpoint {
    fn sign(key: &SecretKey, relay: RelayId, seq: u64, hash: [u8; 32], at: UnixMillis) -> Self {
        let mut made = Self { relay, seq, hash, at, key: key.public(), signature: Signature([0; 64]) };
        made.signature = made.over(|fields| key.sign(Purpose::AuditCheckpoint, fields));
        made
    }

    /// Whether `relay` with the key `key` signed it.
    #[must_use]
    pub fn holds(&self, relay: &RelayId, key: &PublicKey) -> bool {
        let signed = self.over(|fields| key.verify(Purpose::AuditCheckpoint, fields, &self.signature).is_ok());
        signed && self.relay == *relay && self.key == *key
    }

    fn over<T>(&self, act: impl FnOnce(&[&[u8]]) -> T) -> T {
        act(&[&self.relay.0, &self.seq.to_be_bytes(), &self.hash, &self.at.0.to_be_bytes()])
    }
}

impl Relay {
    /// The relay's word on where its audit trail stands.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn audit_checkpoint(&mut self, now: UnixMillis) -> Result<AuditCheckpoint, StoreError> {
        let key = self.audit_key()?;
        let last = self.store.last_audit_row()?;
        let (seq, hash) = last.unwrap_or_default();
        Ok(AuditCheckpoint::sign(&key, self.id, seq, hash, now))
    }

    pub(in crate::relay) fn audit_key(&mut self) -> Result<SecretKey, StoreError> {
        Ok(SecretKey::from_seed(self.random_setting("audit-key")?))
    }
}
