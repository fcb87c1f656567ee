//! What a chart listing shows of a resource, and a patient list of a Patient.

use serde::Serialize;
use serde_json::Value;

/// Demographics for a patient list and for search.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PatientSummary {
    /// Family name of the name in use.
    pub family: Option<String>,
    /// Given names of the name in use, in order.
    pub given: Vec<String>,
    /// FHIR date as written: `1970`, `1970-01` or `1970-01-31`.
    pub birth_date: Option<String>,
    /// FHIR administrative gender code.
    pub gender: Option<String>,
    /// Identifiers that have a value.
    pub identifiers: Vec<PatientIdentifier>,
    /// True when the record says the patient died, with or without a date.
    pub deceased: bool,
    /// `Patient.active`; `None` when not said.
    pub active: Option<bool>,
}

/// One identifier of a patient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PatientIdentifier {
    /// URI of the namespace.
    pub system: Option<String>,
    /// The identifier within it.
    pub value: String,
}

/// One line of a chart listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ResourceSummary {
    /// What it is, for a person; the type's name when nothing better is there.
    pub display: String,
    /// The clinically relevant FHIR date or dateTime, as written.
    pub date: Option<String>,
    /// Status code, whichever element the type keeps it in.
    pub status: Option<String>,
}

/// Reads the demographics of a Patient; `None` for other types.
pub fn patient_summary(patient: &Value) -> Option<PatientSummary> {
    if patient.get("resourceType")?.as_str()? != "Patient" {
        return None;
    }
    let name = name_in_use(patient);
    let given = name.and_then(|name| name.get("given")).map(strings).unwrap_or_default();
    let identifiers = list(patient, "identifier").iter().filter_map(|identifier| {
        Some(PatientIdentifier { system: text(identifier, "/system"), value: text(identifier, "/value")? })
    });
    Some(PatientSummary {
        family: name.and_then(|name| text(name, "/family")),
        given,
        birth_date: text(patient, "/birthDate"),
        gender: text(patient, "/gender"),
        identifiers: identifiers.collect(),
        deceased: patient.get("deceasedDateTime").is_some()
            || patient.get("deceasedBoolean").and_then(Value::as_bool).unwrap_or_default(),
        active: patient.get("active").and_then(Value::as_bool),
    })
}

/// Reads what a listing shows of any resource.
pub fn resource_summary(resource: &Value) -> ResourceSummary {
    ResourceSummary {
        display: display_of(resource),
        date: first_text(resource, DATES),
        status: text(resource, "/verificationStatus/coding/0/code")
            .filter(|code| code == "entered-in-error")
            .or_else(|| first_text(resource, STATUSES)),
    }
}

/// Where types keep their date, the clinically most relevant first.
#[rustfmt::skip]
const DATES: &[&str] = &[
    "/effectiveDateTime", "/effectivePeriod/start", "/effectiveInstant", "/performedDateTime", "/performedPeriod/start",
    "/occurrenceDateTime", "/occurrencePeriod/start", "/onsetDateTime", "/onsetPeriod/start", "/period/start",
    "/billablePeriod/start", "/context/period/start", "/recordedDate", "/authoredOn", "/started", "/start",
    "/startDate", "/sent", "/dateTime", "/date", "/authored", "/assertedDate", "/recorded", "/created", "/issued",
    "/birthDate",
];

const STATUSES: &[&str] = &["/status", "/lifecycleStatus", "/clinicalStatus/coding/0/code", "/clinicalStatus/text"];

/// Where types keep what they are about, as CodeableConcept.
#[rustfmt::skip]
const CONCEPTS: &[&str] = &[
    "/code", "/medicationCodeableConcept", "/vaccineCode", "/type/0", "/type", "/description", "/serviceType/0",
    "/category/0", "/category", "/scope", "/modality/0", "/relationship/0",
];

const TITLES: &[&str] = &["/title", "/description", "/content/0/attachment/title", "/name"];

fn display_of(resource: &Value) -> String {
    let resource_type = text(resource, "/resourceType").unwrap_or_default();
    if let Some(name) = name_in_use(resource).and_then(person_name) {
        return name;
    }
    let title = first_text(resource, TITLES).or_else(|| CONCEPTS.iter().find_map(|at| concept(resource.pointer(at)?)));
    match (title, measured(resource)) {
        (Some(title), Some(value)) => format!("{title}: {value}"),
        (Some(title), None) => title,
        (None, _) => resource_type,
    }
}

/// `120/80 mm[Hg]`-style text of an Observation's value, or of its components.
fn measured(resource: &Value) -> Option<String> {
    let quantity = |holder: &Value| {
        let quantity = holder.get("valueQuantity")?;
        let unit = text(quantity, "/unit").or_else(|| text(quantity, "/code")).unwrap_or_default();
        Some((quantity.get("value")?.to_string(), unit))
    };
    if let Some((value, unit)) = quantity(resource) {
        return Some(format!("{value} {unit}").trim_end().to_owned());
    }
    let parts: Vec<_> = list(resource, "component").iter().filter_map(quantity).collect();
    if let Some((_, unit)) = parts.first() {
        let values: Vec<_> = parts.iter().map(|(value, _)| value.as_str()).collect();
        return Some(format!("{} {unit}", values.join("/")).trim_end().to_owned());
    }
    text(resource, "/valueString").or_else(|| concept(resource.get("valueCodeableConcept")?))
}

fn name_in_use(resource: &Value) -> Option<&Value> {
    let names = list(resource, "name");
    let with_use = |wanted| names.iter().find(|name| name.get("use").and_then(Value::as_str) == Some(wanted));
    with_use("official").or_else(|| with_use("usual")).or_else(|| names.first())
}

fn person_name(name: &Value) -> Option<String> {
    let mut parts = name.get("given").map(strings).unwrap_or_default();
    parts.extend(text(name, "/family"));
    text(name, "/text").or_else(|| (!parts.is_empty()).then(|| parts.join(" ")))
}

fn concept(value: &Value) -> Option<String> {
    first_text(value, &["/text", "/coding/0/display", "/coding/0/code", "/display", "/code"])
}

fn first_text(value: &Value, pointers: &[&str]) -> Option<String> {
    pointers.iter().find_map(|pointer| text(value, pointer))
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer)?.as_str().map(str::to_owned)
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_official_name_wins_and_null_given_names_are_skipped() {
        let patient = json!({"resourceType": "Patient", "id": "p", "birthDate": "1970-01", "deceasedDateTime": "2020",
            "name": [{"use": "maiden", "family": "A"}, {"use": "official", "family": "B", "given": [null, "C"]}],
            "identifier": [{"system": "urn:s", "value": "1"}, {"system": "urn:t"}]});
        let summary = patient_summary(&patient).unwrap();
        assert_eq!((summary.family.as_deref(), summary.given), (Some("B"), vec!["C".to_owned()]));
        assert_eq!((summary.identifiers.len(), summary.deceased, summary.active), (1, true, None));
        assert_eq!(resource_summary(&patient).display, "C B");
    }

    #[test]
    fn an_observation_shows_its_value_as_written() {
        let observation: Value = serde_json::from_str(
            r#"{"resourceType": "Observation", "status": "final", "effectiveDateTime": "2024-02-01",
                "code": {"text": "Weight"}, "valueQuantity": {"value": 70.50, "unit": "kg"}}"#,
        )
        .unwrap();
        let expected = ResourceSummary {
            display: "Weight: 70.50 kg".into(),
            date: Some("2024-02-01".into()),
            status: Some("final".into()),
        };
        assert_eq!(resource_summary(&observation), expected);
    }

    #[test]
    fn a_retracted_condition_says_so() {
        let condition =
            json!({"resourceType": "Condition", "verificationStatus": {"coding": [{"code": "entered-in-error"}]}});
        assert_eq!(resource_summary(&condition).status.as_deref(), Some("entered-in-error"));
        assert_eq!(resource_summary(&condition).display, "Condition");
    }
}
