//! Writes of clients: signed here, and appended by the same path and gate as those of any device.

use sync_protocol::frame::{Answer, PushBody, PushedDocument};
use sync_protocol::identity::ChangeSignature;
use sync_protocol::{ChangeHash, DocumentDescriptor, UnixMillis};

use super::{Sight, subject};
use crate::access::{Action, Subject};
use crate::relay::Relay;
use crate::store::{Position, StoreError};

/// Changes to one document, made of it as it stood at a position.
#[derive(Clone)]
pub struct GatewayDocument {
    /// To which document.
    pub descriptor: DocumentDescriptor,
    /// Its newest change when they were made; 0 for a new document.
    pub built_on: Position,
    /// In causal order, by the author of the caller's [`Sight`].
    pub changes: Vec<Vec<u8>>,
    /// The last of them.
    pub tip: ChangeHash,
}

impl std::fmt::Debug for GatewayDocument {
    /// Counts only: changes are patient content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GatewayDocument").field("changes", &self.changes.len()).finish_non_exhaustive()
    }
}

/// A document that was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrittenDocument {
    /// Its number.
    pub document: u32,
    /// Its newest change now.
    pub upto: Position,
}

/// Why a write was not done. Nothing of it is kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayRefusal {
    /// The token is not in force any more.
    #[error("the token is not in force")]
    NotSignedIn,
    /// The client may not write there.
    #[error("not permitted")]
    NotPermitted,
    /// Somebody else wrote in the meantime: make the changes anew.
    #[error("the document has changed")]
    Stale,
    /// The relay's own checks refused a change that its own gateway made.
    #[error("the change was refused")]
    Refused,
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Relay {
    /// Whether a client may read and write a document, there or not yet.
    ///
    /// Where the practitioner has opened the chart in an emergency, nobody writes through the API: whether the right rests
    /// on that alone would have to be told apart, and whoever gave the reason works on their device.
    #[must_use]
    pub fn fhir_may_write(&self, sight: &Sight, descriptor: &DocumentDescriptor, now: UnixMillis) -> bool {
        let subject = subject(&sight.client);
        descriptor.validate().is_ok()
            && !self.has_opened(&subject, descriptor, now)
            && self.gate.decide(&subject, descriptor, Action::Read, now)
            && self.gate.append_permit(&subject, descriptor, now).is_some()
    }

    fn has_opened(&self, subject: &Subject, descriptor: &DocumentDescriptor, now: UnixMillis) -> bool {
        // A store that cannot be read opens nothing.
        self.store.openings_after(now).map_or(true, |openings| {
            openings.iter().any(|opening| {
                opening.subject == *subject
                    && opening.organization == descriptor.organization
                    && Some(&opening.patient) == descriptor.patient.as_ref()
            })
        })
    }

    /// Appends what a client wrote, all of it or nothing, if every document still stands where the changes were made.
    ///
    /// # Errors
    /// [`GatewayRefusal`]; to be called within [`Relay::administer`], which rolls back.
    pub fn fhir_write(
        &mut self,
        token: &str,
        documents: &[GatewayDocument],
        now: UnixMillis,
    ) -> Result<Vec<WrittenDocument>, GatewayRefusal> {
        let sight = self.fhir_sight(token, now)?.ok_or(GatewayRefusal::NotSignedIn)?;
        // All of it before anything is appended: rolling back what was appended is dear.
        for written in documents {
            let known = self.store.document(&written.descriptor.id())?;
            let has_room = known.is_some() || self.gate.has_room_for(&written.descriptor);
            if !has_room || !self.fhir_may_write(&sight, &written.descriptor, now) {
                return Err(GatewayRefusal::NotPermitted);
            }
            let stands = match &known {
                Some(known) => self.store.last_position(known.number)?,
                None => Position::default(),
            };
            if stands != written.built_on {
                return Err(GatewayRefusal::Stale);
            }
        }
        let body = self.signed(&sight, documents)?;
        let certificate = self.gateways.get(&sight.client.id).map(|gateway| gateway.certificate.clone());
        let certificate = certificate.ok_or(StoreError::NotFound("gateway"))?;
        let answers = self.append_of_gateway(&certificate, &body, now)?;
        if answers.iter().any(|answer| *answer != Answer::Accepted) {
            return Err(GatewayRefusal::Refused);
        }
        documents.iter().map(|written| self.stands_now(&written.descriptor)).collect()
    }

    fn stands_now(&self, descriptor: &DocumentDescriptor) -> Result<WrittenDocument, GatewayRefusal> {
        let known = self.store.document(&descriptor.id())?.ok_or(StoreError::NotFound("document"))?;
        Ok(WrittenDocument { document: known.number, upto: self.store.last_position(known.number)? })
    }

    fn signed(&self, sight: &Sight, documents: &[GatewayDocument]) -> Result<PushBody, StoreError> {
        let gateway = self.gateways.get(&sight.client.id).ok_or(StoreError::NotFound("gateway"))?;
        let sign = |written: &GatewayDocument| {
            let id = written.descriptor.id();
            ChangeSignature::sign(&gateway.secret, sight.author, &id, written.tip)
        };
        let pushed = |written: &GatewayDocument| PushedDocument {
            descriptor: written.descriptor.clone(),
            changes: written.changes.iter().map(|bytes| bytes.clone().into()).collect(),
            signatures: vec![sign(written)],
        };
        Ok(PushBody { certificates: Vec::new(), documents: documents.iter().map(pushed).collect() })
    }
}
