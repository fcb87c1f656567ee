//! The frames by which sealed documents are laid ready on a device, for emergencies without a network.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::frame::codec::{from_cbor, to_cbor};
use crate::frame::{BatchBody, Packed, UnpackError, bounded};
use crate::identity::{SealInvalid, SecretKey, seal};
use crate::ids::{DocumentId, OrganizationId, PatientId, SealingKey};

/// See [`crate::Frame::Sealing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealing {
    /// What the relay is to seal documents to for this device.
    pub key: SealingKey,
}

/// See [`crate::Frame::Stage`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// 1 for the first of a connection, then one more each; the next follows the answer to this one.
    pub stage: u64,
    /// Each replaces what was staged of that document before.
    #[serde(deserialize_with = "bounded::documents")]
    pub documents: Vec<SealedDocument>,
    /// Another one follows the answer to this one, though it may hold nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

/// See [`crate::Frame::Staged`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staged {
    /// Which [`Stage`] is on the device's disk.
    pub stage: u64,
}

/// A whole document, sealed to one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedDocument {
    /// Which.
    #[serde(rename = "i")]
    pub document: DocumentId,
    /// Who manages the chart.
    #[serde(rename = "o")]
    pub organization: OrganizationId,
    /// Whose chart.
    #[serde(rename = "p")]
    pub patient: PatientId,
    /// For how long an opening holds, in milliseconds.
    #[serde(rename = "f")]
    pub for_ms: u64,
    /// A [`Packed`] [`BatchBody`] of this document with its certificates and keys, sealed.
    #[serde(rename = "b")]
    pub sealed: ByteBuf,
}

/// Why a sealed document could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsealError {
    /// The seal is not for this device and document, or was damaged.
    #[error(transparent)]
    Seal(#[from] SealInvalid),
    /// What was sealed is not a body.
    #[error(transparent)]
    Body(#[from] UnpackError),
    /// It holds another document than it says.
    #[error("the sealed body is of another document")]
    OtherDocument,
}

impl SealedDocument {
    /// Seals the body of one document. `entropy`: 32 random bytes, used once.
    #[must_use]
    pub fn seal(
        key: &SealingKey,
        chart: (OrganizationId, PatientId),
        document: DocumentId,
        for_ms: u64,
        body: &BatchBody,
        entropy: [u8; 32],
    ) -> Self {
        let packed = to_cbor(&Packed::pack(body));
        let sealed = ByteBuf::from(seal(key, &document, &packed, entropy));
        let (organization, patient) = chart;
        Self { document, organization, patient, for_ms, sealed }
    }

    /// Opens it with the device's key.
    ///
    /// # Errors
    /// [`UnsealError`].
    pub fn open(&self, secret: &SecretKey) -> Result<BatchBody, UnsealError> {
        let opened = secret.unseal(&self.document, &self.sealed)?;
        let packed: Packed = from_cbor(&opened).ok_or(UnpackError::Encoding)?;
        let body: BatchBody = packed.unpack()?;
        let alone = body.documents.iter().all(|delivered| delivered.document == self.document);
        if alone { Ok(body) } else { Err(UnsealError::OtherDocument) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::DeliveredDocument;

    fn body(document: DocumentId) -> BatchBody {
        let delivered = DeliveredDocument {
            document,
            descriptor: None,
            changes: vec![ByteBuf::from([7; 9])],
            signatures: Vec::new(),
            more: false,
            break_glass_until: None,
        };
        BatchBody { documents: vec![delivered], ..BatchBody::default() }
    }

    fn sealed(inside: DocumentId, outside: DocumentId) -> SealedDocument {
        let chart = (OrganizationId::new("north").unwrap(), PatientId::new("p1").unwrap());
        let key = SecretKey::from_seed([1; 32]).sealing_key();
        SealedDocument::seal(&key, chart, outside, 1_000, &body(inside), [3; 32])
    }

    #[test]
    fn a_sealed_document_comes_back_whole_on_its_device() {
        let id = DocumentId([5; 16]);
        assert_eq!(sealed(id, id).open(&SecretKey::from_seed([1; 32])), Ok(body(id)));
        assert_eq!(sealed(id, id).open(&SecretKey::from_seed([2; 32])), Err(UnsealError::Seal(SealInvalid)));
    }

    #[test]
    fn a_body_of_another_document_is_refused() {
        let found = sealed(DocumentId([6; 16]), DocumentId([5; 16])).open(&SecretKey::from_seed([1; 32]));
        assert_eq!(found, Err(UnsealError::OtherDocument));
    }
}
