//! Consent.

use serde_json::{Map, Value, json};
use sync_protocol::Compartment;

use super::element::Element;
use super::{FhirError, party, party_reference, period, period_json, reference_to, sole_reference};
use crate::access::facts::{Consent, ConsentStatus, Effect, Period, Provision};

/// Code system of compartments in `Consent.provision.class`.
const COMPARTMENT: &str = "https://satchel.example/CodeSystem/compartment";
/// Code system of sensitive categories in `Consent.provision.securityLabel`.
const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const ACTION: &str = "http://terminology.hl7.org/CodeSystem/consentaction";
const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";

/// Elements that say how a consent came about, not what it says.
const AROUND: [&str; 22] = [
    "resourceType",
    "id",
    "meta",
    "language",
    "text",
    "contained",
    "extension",
    "identifier",
    "status",
    "scope",
    "category",
    "patient",
    "dateTime",
    "performer",
    "organization",
    "sourceAttachment",
    "sourceReference",
    "policy",
    "policyRule",
    "verification",
    "provision",
    "fhir_comments",
];
const OF_PROVISION: [&str; 9] =
    ["id", "extension", "type", "period", "actor", "action", "securityLabel", "class", "provision"];

impl Consent {
    /// Reads a FHIR R4 Consent. The one `organization` in it manages the chart.
    ///
    /// Understood are: type, period, actors (Practitioner, Organization; none means everyone), the actions `access` and
    /// `correct`, compartments as `class`, v3-ActCode categories as `securityLabel`, and one level of exceptions.
    ///
    /// # Errors
    /// [`FhirError`] naming the element that is missing, wrong or not understood.
    pub fn from_fhir(resource: Value) -> Result<Self, FhirError> {
        let consent = Element::resource(&resource, "Consent")?;
        consent.only(&AROUND)?;
        let (id, patient) = (consent.need("id")?, consent.need("patient")?);
        let organization = consent.need("organization")?;
        let read = Self {
            id: fhir_id(&id)?,
            organization: sole_reference(&organization, "Organization")?
                .parse()
                .map_err(|_| organization.wrong("is no FHIR id"))?,
            patient: reference_to(&patient, "Patient")?.parse().map_err(|_| patient.wrong("is no FHIR id"))?,
            status: status(&consent.need("status")?)?,
            provision: provision(&consent.need("provision")?, None)?,
            source: None,
        };
        Ok(Self { source: Some(resource), ..read })
    }

    /// The consent as a FHIR R4 Consent: as it was read, or made anew.
    #[must_use]
    pub fn to_fhir(&self) -> Value {
        if let Some(source) = &self.source
            && Self::from_fhir(source.clone()).is_ok_and(|read| read == *self)
        {
            return source.clone();
        }
        json!({
            "resourceType": "Consent",
            "id": self.id,
            "status": self.status,
            "scope": { "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy",
            }] },
            "category": [{ "coding": [{ "system": "http://loinc.org", "code": "59284-0" }] }],
            "patient": { "reference": format!("Patient/{}", self.patient) },
            "organization": [{ "reference": format!("Organization/{}", self.organization) }],
            "policyRule": { "coding": [{ "system": ACT_CODE, "code": "OPTIN" }] },
            "provision": provision_json(&self.provision),
        })
    }
}

fn fhir_id(id: &Element<'_>) -> Result<String, FhirError> {
    let text = id.text()?;
    if sync_protocol::is_fhir_id(text) { Ok(text.to_owned()) } else { Err(id.wrong("is no FHIR id")) }
}

fn status(element: &Element<'_>) -> Result<ConsentStatus, FhirError> {
    let text = Value::from(element.text()?);
    serde_json::from_value(text).map_err(|_| element.wrong("is no status of a Consent"))
}

/// Reads a provision; one within another must have the opposite effect and holds no others.
fn provision(element: &Element<'_>, within: Option<Effect>) -> Result<Provision, FhirError> {
    element.only(&OF_PROVISION)?;
    let kind = element.need("type")?;
    let effect = match kind.text()? {
        "permit" => Effect::Permit,
        "deny" => Effect::Deny,
        _ => return Err(kind.wrong("must be permit or deny")),
    };
    if within == Some(effect) {
        return Err(kind.wrong("an exception must be the opposite of what it excepts from"));
    }
    let exceptions = element.list("provision")?;
    if within.is_some() && !exceptions.is_empty() {
        return Err(exceptions[0].wrong("an exception from an exception is not understood here"));
    }
    Ok(Provision {
        effect,
        actors: element.list("actor")?.iter().map(actor).collect::<Result<_, _>>()?,
        compartments: element.list("class")?.iter().map(compartment).collect::<Result<_, _>>()?,
        categories: element.list("securityLabel")?.iter().map(category).collect::<Result<_, _>>()?,
        may_write: actions(element, effect)?,
        period: period(element.get("period"))?,
        exceptions: exceptions.iter().map(|one| provision(one, Some(effect))).collect::<Result<_, _>>()?,
    })
}

fn actor(element: &Element<'_>) -> Result<crate::access::Grantee, FhirError> {
    element.only(&["id", "extension", "role", "reference"])?;
    party(&element.need("reference")?)
}

fn compartment(element: &Element<'_>) -> Result<Compartment, FhirError> {
    let code = element.code_of(COMPARTMENT)?;
    let known = code.parse().map_err(|_| element.wrong("is no compartment"))?;
    if known == Compartment::Directory {
        return Err(element.wrong("the directory is nobody's chart"));
    }
    Ok(known)
}

fn category(element: &Element<'_>) -> Result<String, FhirError> {
    let code = element.code_of(ACT_CODE)?;
    if sync_protocol::is_fhir_id(code) { Ok(code.to_owned()) } else { Err(element.wrong("is no category")) }
}

/// Whether the actions let something be written. Without any, a permit is to read and a denial denies everything.
fn actions(provision: &Element<'_>, effect: Effect) -> Result<bool, FhirError> {
    let (mut reads, mut writes) = (false, false);
    let actions = provision.list("action")?;
    for action in &actions {
        action.only(&["id", "extension", "coding", "text"])?;
        for coding in action.need("coding")?.items()? {
            match coding.code_of(ACTION)? {
                "access" => reads = true,
                "correct" => writes = true,
                _ => return Err(coding.wrong("only access and correct are understood here")),
            }
        }
    }
    if !actions.is_empty() && !reads {
        return Err(actions[0].wrong("correct without access is not understood here"));
    }
    Ok(writes && effect == Effect::Permit)
}

fn provision_json(provision: &Provision) -> Value {
    let coded = |system: &str, code: &str| json!({ "system": system, "code": code });
    let mut json = Map::new();
    let mut put = |name: &str, values: Vec<Value>| {
        if !values.is_empty() {
            json.insert(name.to_owned(), values.into());
        }
    };
    let action = |code| json!({ "coding": [coded(ACTION, code)] });
    let actions = if provision.may_write { vec![action("access"), action("correct")] } else { vec![action("access")] };
    let role = json!({ "coding": [coded(PARTICIPATION, "IRCP")] });
    let actor = |party| json!({ "role": role, "reference": party_reference(party) });
    put("actor", provision.actors.iter().map(actor).collect());
    put("action", actions);
    put("securityLabel", provision.categories.iter().map(|code| coded(ACT_CODE, code)).collect());
    put("class", provision.compartments.iter().map(|kind| coded(COMPARTMENT, kind.as_str())).collect());
    put("provision", provision.exceptions.iter().map(provision_json).collect());
    json.insert("type".into(), json!(provision.effect));
    if provision.period != Period::default() {
        json.insert("period".into(), period_json(&provision.period));
    }
    json.into()
}
