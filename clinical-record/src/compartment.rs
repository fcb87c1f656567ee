//! Names of documents: whose chart, which compartment, which part of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What kind of content a document holds. Access is decided per compartment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compartment {
    /// Patient demographics and identifiers.
    PatientIndex,
    /// Allergies, conditions, medications, immunizations, care team and plans.
    Core,
    /// One encounter with its observations, procedures and notes.
    Encounter,
    /// Reports, laboratory observations, imaging.
    Results,
    /// One category of specially protected content.
    Sensitive,
    /// Orders, tasks, appointments, messages: what a referral hands over.
    Workflow,
    /// Claims and coverage.
    Administrative,
    /// Organizations, locations and practitioners; belongs to no patient.
    Directory,
}

/// The text names no compartment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a compartment name")]
pub struct CompartmentError;

impl Compartment {
    /// Every compartment.
    pub const ALL: [Self; 8] = [
        Self::PatientIndex,
        Self::Core,
        Self::Encounter,
        Self::Results,
        Self::Sensitive,
        Self::Workflow,
        Self::Administrative,
        Self::Directory,
    ];

    /// The name used in policies, on the wire and in storage.
    pub const fn as_str(self) -> &'static str {
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
}

impl fmt::Display for Compartment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Compartment {
    type Err = CompartmentError;

    fn from_str(name: &str) -> Result<Self, CompartmentError> {
        Self::ALL.into_iter().find(|compartment| compartment.as_str() == name).ok_or(CompartmentError)
    }
}

/// Which document a resource belongs in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DocumentKey {
    /// Id of the Patient; `None` for the directory.
    pub patient: Option<String>,
    /// What kind of document.
    pub compartment: Compartment,
    /// Encounter: the Encounter's id, or [`Self::NO_ENCOUNTER`]. Sensitive: the category codes, sorted, joined by `+`.
    /// Otherwise empty.
    pub part: String,
}

impl DocumentKey {
    /// The part for observations, procedures and notes made outside any encounter. Not a possible FHIR-issued collision:
    /// no server assigns a lone hyphen as an id.
    pub const NO_ENCOUNTER: &'static str = "-";

    /// The document of organizations, locations and practitioners.
    pub fn directory() -> Self {
        Self { patient: None, compartment: Compartment::Directory, part: String::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_compartment_name_reads_back() {
        for compartment in Compartment::ALL {
            assert_eq!(compartment.as_str().parse(), Ok(compartment));
            assert_eq!(serde_json::to_value(compartment).unwrap(), compartment.as_str());
        }
        assert_eq!("Core".parse::<Compartment>(), Err(CompartmentError));
    }
}
