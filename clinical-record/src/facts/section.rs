//! Where a resource stands in a chart, and what its standing means: a medicine that is taken, a task that is open.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::entered_in_error::is_retracted;

/// A section of a chart as people look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChartSection {
    /// Warnings.
    Flags,
    /// Allergies and intolerances.
    Allergies,
    /// Problems and diagnoses.
    Problems,
    /// Orders, statements and administrations of medicines.
    Medications,
    /// Vaccinations.
    Immunizations,
    /// Vital signs.
    VitalSigns,
    /// Laboratory results and reports.
    Results,
    /// Other observations: social history, surveys, examinations.
    Findings,
    /// Visits.
    Encounters,
    /// Procedures.
    Procedures,
    /// Notes.
    Notes,
    /// Care plans, goals, care teams.
    Plans,
    /// Tasks.
    Tasks,
    /// Orders, referrals, appointments, messages.
    Requests,
    /// Claims and coverage.
    Administrative,
    /// Everything else, the Patient included.
    Other,
}

impl ChartSection {
    /// Every section, in the order in which a chart shows them.
    pub const ALL: [Self; 16] = [
        Self::Flags,
        Self::Allergies,
        Self::Problems,
        Self::Medications,
        Self::Immunizations,
        Self::VitalSigns,
        Self::Results,
        Self::Findings,
        Self::Encounters,
        Self::Procedures,
        Self::Notes,
        Self::Plans,
        Self::Tasks,
        Self::Requests,
        Self::Administrative,
        Self::Other,
    ];

    /// The section of a resource.
    pub fn of(resource: &Value) -> Self {
        match resource["resourceType"].as_str().unwrap_or_default() {
            "Flag" | "DetectedIssue" => Self::Flags,
            "AllergyIntolerance" => Self::Allergies,
            "Condition" => Self::Problems,
            "MedicationRequest" | "MedicationStatement" | "MedicationAdministration" | "MedicationDispense" => {
                Self::Medications
            }
            "Immunization" => Self::Immunizations,
            "Observation" if has_category(resource, "vital-signs") => Self::VitalSigns,
            "Observation" if has_category(resource, "laboratory") => Self::Results,
            "Observation" => Self::Findings,
            "DiagnosticReport" | "ImagingStudy" | "Specimen" => Self::Results,
            "Encounter" => Self::Encounters,
            "Procedure" => Self::Procedures,
            "DocumentReference" | "Composition" | "ClinicalImpression" => Self::Notes,
            "CarePlan" | "Goal" | "CareTeam" => Self::Plans,
            "Task" => Self::Tasks,
            "ServiceRequest" | "Appointment" | "Communication" | "CommunicationRequest" | "DeviceRequest" => {
                Self::Requests
            }
            "Claim" | "ExplanationOfBenefit" | "Coverage" | "ClaimResponse" | "Account" => Self::Administrative,
            _ => Self::Other,
        }
    }

    /// The name used in storage and in programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flags => "flags",
            Self::Allergies => "allergies",
            Self::Problems => "problems",
            Self::Medications => "medications",
            Self::Immunizations => "immunizations",
            Self::VitalSigns => "vital-signs",
            Self::Results => "results",
            Self::Findings => "findings",
            Self::Encounters => "encounters",
            Self::Procedures => "procedures",
            Self::Notes => "notes",
            Self::Plans => "plans",
            Self::Tasks => "tasks",
            Self::Requests => "requests",
            Self::Administrative => "administrative",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for ChartSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ChartSection {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::as_str).join(", ");
        Self::ALL.into_iter().find(|one| one.as_str() == name).ok_or_else(|| format!("sections are {}", names()))
    }
}

/// True for a medicine that the patient is on: ordered or stated, and neither stopped nor taken back.
pub fn is_current_medication(resource: &Value) -> bool {
    let status = resource["status"].as_str().unwrap_or_default();
    let current = match resource["resourceType"].as_str() {
        Some("MedicationRequest") => matches!(status, "active" | "on-hold"),
        Some("MedicationStatement") => matches!(status, "active" | "intended" | "on-hold"),
        _ => false,
    };
    current && resource["doNotPerform"] != true && !is_retracted(resource)
}

/// True for a Task that somebody still has to do something about.
pub fn is_open_task(resource: &Value) -> bool {
    const OPEN: [&str; 7] = ["draft", "requested", "received", "accepted", "ready", "in-progress", "on-hold"];
    resource["resourceType"] == "Task" && resource["status"].as_str().is_some_and(|status| OPEN.contains(&status))
}

/// By when a Task is to be done, as FHIR writes it.
pub fn due_date(task: &Value) -> Option<String> {
    let due = task.pointer("/restriction/period/end").or_else(|| task.pointer("/executionPeriod/end"))?;
    due.as_str().map(str::to_owned)
}

/// Who has to do a Task: `Practitioner/id` or the like, or a name.
pub fn owner_of(task: &Value) -> Option<String> {
    let owner = task.get("owner")?;
    owner.get("reference").or_else(|| owner.get("display"))?.as_str().map(str::to_owned)
}

/// Ids of the Patients by which a Patient says it is replaced, sorted; see [`crate::person`].
pub fn replaced_by(patient: &Value) -> Vec<String> {
    crate::person::replaced_by(patient).into_iter().collect()
}

fn has_category(observation: &Value, wanted: &str) -> bool {
    let categories = observation["category"].as_array().into_iter().flatten();
    let mut codings = categories.flat_map(|category| category["coding"].as_array().into_iter().flatten());
    codings.any(|coding| coding["code"] == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_observation_stands_where_its_category_says() {
        let of = |code: &str| json!({"resourceType": "Observation", "category": [{"coding": [{"code": code}]}]});
        assert_eq!(ChartSection::of(&of("vital-signs")), ChartSection::VitalSigns);
        assert_eq!(ChartSection::of(&of("laboratory")), ChartSection::Results);
        assert_eq!(ChartSection::of(&of("social-history")), ChartSection::Findings);
        assert_eq!(ChartSection::of(&json!({"resourceType": "Basic"})), ChartSection::Other);
    }

    #[test]
    fn every_section_reads_back_by_its_name() {
        for section in ChartSection::ALL {
            assert_eq!(section.as_str().parse(), Ok(section));
            assert_eq!(serde_json::to_value(section).unwrap(), section.as_str());
        }
    }

    #[test]
    fn a_stopped_or_forbidden_medicine_is_not_taken() {
        let order = |status: &str| json!({"resourceType": "MedicationRequest", "status": status});
        assert!(is_current_medication(&order("active")) && is_current_medication(&order("on-hold")));
        assert!(!is_current_medication(&order("stopped")) && !is_current_medication(&order("entered-in-error")));
        let mut not = order("active");
        not["doNotPerform"] = true.into();
        assert!(!is_current_medication(&not));
    }
}
