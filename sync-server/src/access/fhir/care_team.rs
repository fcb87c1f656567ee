//! CareTeam.

use serde_json::{Value, json};

use super::element::Element;
use super::{FhirError, party, party_reference, period, period_json, reference_to, sole_reference};
use crate::access::facts::{CareTeam, CareTeamMember, Grantee, Period};

const UNDERSTOOD: [&str; 21] = [
    "resourceType",
    "id",
    "meta",
    "language",
    "text",
    "contained",
    "extension",
    "identifier",
    "status",
    "category",
    "name",
    "subject",
    "encounter",
    "period",
    "participant",
    "reasonCode",
    "reasonReference",
    "managingOrganization",
    "telecom",
    "note",
    "fhir_comments",
];

impl CareTeam {
    /// Reads a FHIR R4 CareTeam. Its one `managingOrganization` manages the chart. Participants who are neither practitioners
    /// nor organizations are passed over: patients and relatives have no devices here. A team that is not active has no
    /// members.
    ///
    /// # Errors
    /// [`FhirError`] naming the element that is missing, wrong or not understood.
    pub fn from_fhir(resource: Value) -> Result<Self, FhirError> {
        let team = Element::resource(&resource, "CareTeam")?;
        team.only(&UNDERSTOOD)?;
        let (id, patient) = (team.need("id")?, team.need("subject")?);
        let organization = team.need("managingOrganization")?;
        if !sync_protocol::is_fhir_id(id.text()?) {
            return Err(id.wrong("is no FHIR id"));
        }
        let read = Self {
            id: id.text()?.to_owned(),
            organization: sole_reference(&organization, "Organization")?
                .parse()
                .map_err(|_| organization.wrong("is no FHIR id"))?,
            patient: reference_to(&patient, "Patient")?.parse().map_err(|_| patient.wrong("is no FHIR id"))?,
            members: members(&team)?,
            source: None,
        };
        Ok(Self { source: Some(resource), ..read })
    }

    /// The care team as a FHIR R4 CareTeam: as it was read, or made anew.
    #[must_use]
    pub fn to_fhir(&self) -> Value {
        if let Some(source) = &self.source
            && Self::from_fhir(source.clone()).is_ok_and(|read| read == *self)
        {
            return source.clone();
        }
        json!({
            "resourceType": "CareTeam",
            "id": self.id,
            "status": "active",
            "subject": { "reference": format!("Patient/{}", self.patient) },
            "managingOrganization": [{ "reference": format!("Organization/{}", self.organization) }],
            "participant": self.members.iter().map(participant).collect::<Vec<_>>(),
        })
    }
}

fn members(team: &Element<'_>) -> Result<Vec<CareTeamMember>, FhirError> {
    if team.get("status").map(|status| status.text()).transpose()?.is_some_and(|status| status != "active") {
        return Ok(Vec::new());
    }
    let whole = period(team.get("period"))?;
    let mut members = Vec::new();
    for participant in team.list("participant")? {
        participant.only(&["id", "extension", "role", "member", "onBehalfOf", "period"])?;
        let Some(member) = participant.get("member") else { continue };
        let own = period(participant.get("period"))?;
        if !matches!(member.reference()?.0.as_str(), "Patient" | "RelatedPerson") {
            members.push(CareTeamMember { member: party(&member)?, period: both(whole, own) });
        }
    }
    Ok(members)
}

/// When both hold.
fn both(one: Period, other: Period) -> Period {
    let ends = [one.end, other.end];
    Period { start: one.start.max(other.start), end: ends.into_iter().flatten().min() }
}

fn participant(member: &CareTeamMember) -> Value {
    let reference: &Grantee = &member.member;
    let mut participant = json!({ "member": party_reference(reference) });
    if member.period != Period::default() {
        participant["period"] = period_json(&member.period);
    }
    participant
}
