//! What a document is about: organization, patient and compartment; its id follows from them.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{DocumentId, IdError, OrganizationId, PatientId};

/// What kind of clinical content a document holds; the finest thing that sharing can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compartment {
    /// Patient demographics and identifiers.
    PatientIndex,
    /// Allergies, conditions, medications, immunizations, care plans and the like.
    Core,
    /// One encounter with its observations, procedures and notes.
    Encounter,
    /// Diagnostic reports, laboratory observations, imaging.
    Results,
    /// One sensitive category (v3-ActCode) of a patient.
    Sensitive,
    /// Service requests, tasks, appointments, communications.
    Workflow,
    /// Claims, benefits, coverage.
    Administrative,
    /// Organizations, locations, practitioners: not a patient's.
    Directory,
}

impl Compartment {
    /// All compartments, most urgent to deliver first.
    pub const ALL: [Self; 8] = [
        Self::Directory,
        Self::PatientIndex,
        Self::Core,
        Self::Workflow,
        Self::Encounter,
        Self::Results,
        Self::Sensitive,
        Self::Administrative,
    ];

    /// The kebab-case name, as in frames, policies and the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PatientIndex => "patient-index",
            Self::Core => "core",
            Self::Encounter => "encounter",
            Self::Results => "results",
            Self::Sensitive => "sensitive",
            Self::Workflow => "workflow",
            Self::Administrative => "administrative",
            Self::Directory => "directory",
        }
    }

    /// Place in the order of delivery: 0 goes first.
    #[must_use]
    pub fn urgency(self) -> u8 {
        // The list is the order; its length fits.
        Self::ALL.iter().position(|c| *c == self).map_or(u8::MAX, |at| at as u8)
    }
}

impl std::fmt::Display for Compartment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Compartment {
    type Err = DescriptorError;

    fn from_str(text: &str) -> Result<Self, DescriptorError> {
        Self::ALL.into_iter().find(|c| c.as_str() == text).ok_or(DescriptorError::UnknownCompartment)
    }
}

/// Why a descriptor does not describe a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptorError {
    /// Not one of [`Compartment::ALL`].
    #[error("unknown compartment")]
    UnknownCompartment,
    /// A compartment of a chart without a patient, or `directory` with one.
    #[error("compartment {0} and the presence of a patient do not fit")]
    PatientMismatch(Compartment),
    /// `encounter` and `sensitive` need a part, the others have none; a part is a FHIR id.
    #[error("compartment {0} and its part do not fit")]
    PartMismatch(Compartment),
    /// An id in it is malformed.
    #[error(transparent)]
    Id(#[from] IdError),
}

/// What a document holds. Two devices that describe the same thing mean the same document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DocumentDescriptor {
    /// The organization that manages it.
    #[serde(rename = "o")]
    pub organization: OrganizationId,
    /// Whose chart it belongs to; none for `directory`.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub patient: Option<PatientId>,
    /// What kind of content.
    #[serde(rename = "c")]
    pub compartment: Compartment,
    /// Encounter id or sensitive category; empty for the other compartments.
    #[serde(rename = "k", default, skip_serializing_if = "String::is_empty")]
    pub part: String,
}

impl DocumentDescriptor {
    /// The document's id: the first 16 bytes of SHA-256 over the length-prefixed fields.
    ///
    /// Derived, so that devices that start the same document offline start one document, and so that nobody can give an
    /// existing document another label: a changed descriptor is another id.
    #[must_use]
    pub fn id(&self) -> DocumentId {
        let mut hasher = Sha256::new_with_prefix(b"satchel document v1");
        let patient = self.patient.as_ref().map_or("", |p| p.as_str());
        for field in [self.organization.as_str(), patient, self.compartment.as_str(), &self.part] {
            hasher.update((field.len() as u64).to_be_bytes());
            hasher.update(field.as_bytes());
        }
        let digest: [u8; 32] = hasher.finalize().into();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        DocumentId(id)
    }

    /// Checks that patient and part are present exactly where the compartment has them.
    ///
    /// # Errors
    /// [`DescriptorError::PatientMismatch`], [`DescriptorError::PartMismatch`].
    pub fn validate(&self) -> Result<(), DescriptorError> {
        if self.patient.is_none() != (self.compartment == Compartment::Directory) {
            return Err(DescriptorError::PatientMismatch(self.compartment));
        }
        let wants_part = matches!(self.compartment, Compartment::Encounter | Compartment::Sensitive);
        if wants_part != crate::ids::is_fhir_id(&self.part) || (!wants_part && !self.part.is_empty()) {
            return Err(DescriptorError::PartMismatch(self.compartment));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor() -> DocumentDescriptor {
        DocumentDescriptor {
            organization: OrganizationId::new("north").unwrap(),
            patient: Some(PatientId::new("p1").unwrap()),
            compartment: Compartment::Encounter,
            part: "e1".into(),
        }
    }

    #[test]
    fn the_same_description_gives_the_same_id_everywhere() {
        assert_eq!(descriptor().id().to_string(), "7e86bcf5300857a6d3d96439d34fa9b6");
    }

    #[test]
    fn any_changed_field_gives_another_id() {
        let base = descriptor().id();
        let mut other = descriptor();
        other.organization = OrganizationId::new("south").unwrap();
        assert_ne!(other.id(), base);
        let mut other = descriptor();
        other.compartment = Compartment::Sensitive;
        assert_ne!(other.id(), base);
        let mut other = descriptor();
        other.part = "e2".into();
        assert_ne!(other.id(), base);
        // The length prefix keeps ("p1", "e1") apart from ("p1e", "1").
        let mut other = descriptor();
        other.patient = Some(PatientId::new("p1e").unwrap());
        other.part = "1".into();
        assert_ne!(other.id(), base);
    }

    #[test]
    fn patient_and_part_stand_only_where_the_compartment_has_them() {
        assert_eq!(descriptor().validate(), Ok(()));
        let no_part = DocumentDescriptor { part: String::new(), ..descriptor() };
        assert_eq!(no_part.validate(), Err(DescriptorError::PartMismatch(Compartment::Encounter)));
        let stray_part = DocumentDescriptor { compartment: Compartment::Core, ..descriptor() };
        assert_eq!(stray_part.validate(), Err(DescriptorError::PartMismatch(Compartment::Core)));
        let directory = DocumentDescriptor { compartment: Compartment::Directory, part: String::new(), ..descriptor() };
        assert_eq!(directory.validate(), Err(DescriptorError::PatientMismatch(Compartment::Directory)));
    }
}
