//! Satchel's wire: ids, frames, signatures and the two session state machines.
//!
//! No IO, no clock, no entropy, no SQL and no Automerge: what time it is, what is random and what is stored comes from the
//! caller, so that the same code runs in a relay, on a phone, in a browser and in a simulation.

mod checksum;
mod document;
mod fragments;
pub mod frame;
pub mod identity;
mod ids;
pub mod limits;
pub mod session;

pub use checksum::Checksum;
pub use document::{Compartment, DescriptorError, DocumentDescriptor};
pub use fragments::{FRAGMENT_BYTES, Fragment, fragments};
pub use frame::{Frame, FrameError, SUBPROTOCOL, decode, encode};
pub use ids::{
    AuthorId, ChangeHash, DeviceId, DocumentId, EpochId, IdError, Nonce, OpeningId, OrganizationId, PatientId,
    PractitionerId, PublicKey, ReferralId, RelayId, SealingKey, Signature, TrailHash, UnixMillis, is_fhir_id,
};
