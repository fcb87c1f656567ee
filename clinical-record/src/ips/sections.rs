//! The sections of the summary, as data.

/// Which resources a section takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Medications,
    Allergies,
    Problems,
    Immunizations,
    Procedures,
    Devices,
    Results,
    VitalSigns,
    PastIllness,
    PlanOfCare,
    Alerts,
}

/// A section of the International Patient Summary.
pub(super) struct Section {
    pub(super) content: Content,
    pub(super) loinc: &'static str,
    pub(super) title: &'static str,
    /// Present even when there is nothing to put in it.
    pub(super) mandatory: bool,
}

const fn section(content: Content, loinc: &'static str, title: &'static str, mandatory: bool) -> Section {
    Section { content, loinc, title, mandatory }
}

/// In the order of the implementation guide.
pub(super) const SECTIONS: &[Section] = &[
    section(Content::Medications, "10160-0", "History of Medication use Narrative", true),
    section(Content::Allergies, "48765-2", "Allergies and adverse reactions Document", true),
    section(Content::Problems, "11450-4", "Problem list - Reported", true),
    section(Content::Immunizations, "11369-6", "History of Immunization Narrative", false),
    section(Content::Procedures, "47519-4", "History of Procedures Document", false),
    section(Content::Devices, "46264-8", "History of medical device use", false),
    section(Content::Results, "30954-2", "Relevant diagnostic tests/laboratory data Narrative", false),
    section(Content::VitalSigns, "8716-3", "Vital signs", false),
    section(Content::PastIllness, "11348-0", "History of Past illness Narrative", false),
    section(Content::PlanOfCare, "18776-5", "Plan of care note", false),
    section(Content::Alerts, "104605-1", "Alert", false),
];
