//! The gate: asks the rules and mints permits.

use roaring::RoaringBitmap;
use sync_protocol::{DeviceId, DocumentDescriptor, UnixMillis};

use crate::access::facts::{Facts, Subject};
use crate::access::permit::{AppendPermit, ReadPermit};
use crate::access::reach::{DocumentSets, granted_charts};
use crate::access::rules::{AccessClass, Action, Basis, decide};
use crate::store::{DocumentEntry, Store, StoreError};

/// Everything that decisions rest on, in memory.
#[derive(Debug, Default)]
pub struct Gate {
    facts: Facts,
    documents: DocumentSets,
    version: u64,
}

/// What one subject may receive, and until when the answer holds.
#[derive(Clone, Debug)]
pub struct Reach {
    documents: RoaringBitmap,
    until: Option<UnixMillis>,
    version: u64,
}

impl Reach {
    /// The numbers of the documents.
    #[must_use]
    pub fn documents(&self) -> &RoaringBitmap {
        &self.documents
    }
}

impl Gate {
    /// Takes new facts; every reach worked out before is stale from now on.
    pub fn set_facts(&mut self, facts: Facts) {
        self.facts = facts;
        self.version += 1;
    }

    /// Takes note of a document.
    pub fn document_added(&mut self, descriptor: &DocumentDescriptor, number: u32) {
        self.documents.insert(AccessClass::of(descriptor), number);
    }

    /// Forgets all documents, before they are loaded anew.
    pub fn clear_documents(&mut self) {
        self.documents = DocumentSets::default();
        self.version += 1;
    }

    /// Decides for one document; none is deny.
    #[must_use]
    pub fn decide(
        &self,
        subject: &Subject,
        descriptor: &DocumentDescriptor,
        action: Action,
        now: UnixMillis,
    ) -> Option<Basis> {
        decide(&self.facts, subject, descriptor, action, now)
    }

    /// Leave for `subject` to append to the document, if the rules give it.
    #[must_use]
    pub fn append_permit<'a>(
        &self,
        subject: &Subject,
        descriptor: &'a DocumentDescriptor,
        now: UnixMillis,
    ) -> Option<AppendPermit<'a>> {
        self.decide(subject, descriptor, Action::Write, now).map(|_| AppendPermit::mint(descriptor))
    }

    /// Leave to append a change out of custody, if `officer` may decide about custody at the organization that manages the
    /// document. Its author's right does not matter: accepting it is the officer's decision, and recorded as such.
    #[must_use]
    pub fn custody_append_permit<'a>(
        &self,
        officer: &Subject,
        descriptor: &'a DocumentDescriptor,
        _now: UnixMillis,
    ) -> Option<AppendPermit<'a>> {
        let is_officer = |role: &crate::access::PractitionerRole| role.role == crate::access::Role::PrivacyOfficer;
        let decides =
            officer.organization == descriptor.organization && self.facts.roles(officer).iter().any(is_officer);
        decides.then(|| AppendPermit::mint(descriptor))
    }

    /// Leave for `officer` to read one document to decide on a change in custody for it: what the change builds on is a part
    /// of what is decided. `room` is filled with the document's number.
    #[must_use]
    pub fn custody_read_permit<'a>(
        &self,
        officer: &Subject,
        document: &DocumentEntry,
        room: &'a mut RoaringBitmap,
        now: UnixMillis,
    ) -> Option<ReadPermit<'a>> {
        self.custody_append_permit(officer, &document.descriptor, now)?;
        room.clear();
        room.insert(document.number);
        Some(ReadPermit::mint(room, DeviceId([0; 16])))
    }

    /// Works out what `subject` may receive now.
    ///
    /// # Errors
    /// [`StoreError`] if the granted charts cannot be looked up.
    pub fn reach(&self, subject: &Subject, store: &dyn Store, now: UnixMillis) -> Result<Reach, StoreError> {
        let mut documents = self.documents.of_classes(&self.facts, subject);
        let (charts, until) = granted_charts(&self.facts, subject, now);
        for (organization, patient) in charts {
            for (number, descriptor) in store.documents_of_chart(&organization, Some(&patient))? {
                if self.decide(subject, &descriptor, Action::Read, now).is_some() {
                    documents.insert(number);
                }
            }
            for (number, descriptor) in store.documents_of_chart(&organization, None)? {
                if self.decide(subject, &descriptor, Action::Read, now).is_some() {
                    documents.insert(number);
                }
            }
        }
        Ok(Reach { documents, until, version: self.version })
    }

    /// Whether a reach still says what the rules say.
    #[must_use]
    pub fn holds(&self, reach: &Reach, now: UnixMillis) -> bool {
        reach.version == self.version && reach.until.is_none_or(|until| now < until)
    }

    /// Adds a new document to a reach if the rules open it.
    pub fn extend(
        &self,
        reach: &mut Reach,
        subject: &Subject,
        descriptor: &DocumentDescriptor,
        number: u32,
        now: UnixMillis,
    ) {
        if self.decide(subject, descriptor, Action::Read, now).is_some() {
            reach.documents.insert(number);
        }
    }

    /// Leave for a device to read what its practitioner's reach holds; none if the reach is stale.
    #[must_use]
    pub fn read_permit<'a>(&self, reach: &'a Reach, device: DeviceId, now: UnixMillis) -> Option<ReadPermit<'a>> {
        self.holds(reach, now).then(|| ReadPermit::mint(&reach.documents, device))
    }

    /// Orders documents for delivery.
    #[must_use]
    pub fn in_order_of_urgency(&self, wanted: &RoaringBitmap) -> Vec<u32> {
        self.documents.in_order_of_urgency(wanted)
    }
}
