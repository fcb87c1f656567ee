//! One AuditEvent.

use serde_json::{Value, json};
use sync_protocol::{OrganizationId, RelayId};

use super::codes::{DCM, Kind, OWN};
use super::time::instant;
use super::{ChartOf, EventDocument, EventEntry, Observer};
use crate::store::AuditRow;

const OUTCOME_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";
const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
const SOURCE_TYPE: &str = "http://terminology.hl7.org/CodeSystem/security-source-type";
const SNOMED: &str = "http://snomed.info/sct";

/// What happened: when, and how our own word for it is.
pub(super) struct Happened<'a> {
    pub at: sync_protocol::UnixMillis,
    pub action: &'a str,
    pub observer: Observer,
}

/// An event before it is written as JSON.
pub(super) struct Draft<'a> {
    row: &'a AuditRow,
    relay: RelayId,
    kind: Kind,
    happened: Happened<'a>,
    chart: ChartOf,
    documents: Vec<&'a EventDocument>,
    entry: Option<&'a EventEntry>,
    detail: Value,
}

impl<'a> Draft<'a> {
    pub fn of_row(
        relay: &RelayId,
        row: &'a AuditRow,
        kind: Kind,
        chart: ChartOf,
        documents: Vec<&'a EventDocument>,
    ) -> Self {
        let detail: Value = serde_json::from_str(&row.detail).unwrap_or_default();
        // Emergency access names its chart itself, whether or not there is one.
        let named = || Some((detail["organization"].as_str()?.parse().ok()?, detail["patient"].as_str()?.to_owned()));
        let chart = chart.or_else(named);
        let happened = Happened { at: row.at, action: &row.action, observer: Observer::Relay(*relay) };
        Self { row, relay: *relay, kind, happened, chart, documents, entry: None, detail }
    }

    pub fn of_entry(relay: &RelayId, row: &'a AuditRow, kind: Kind, of: &'a EventEntry) -> Self {
        let entry = &of.entry;
        let chart = entry.organization.clone().zip(entry.patient.as_ref().map(ToString::to_string));
        let observer = row.device.map_or(Observer::Relay(*relay), Observer::Device);
        let happened = Happened { at: entry.at, action: &entry.action, observer };
        Self { row, relay: *relay, kind, happened, chart, documents: Vec::new(), entry: Some(of), detail: Value::Null }
    }

    pub fn render(&self, n: usize) -> Value {
        let (outcome, why) = self.outcome();
        let mut event = json!({
            "resourceType": "AuditEvent",
            "id": format!("row-{}-{n}", self.row.seq),
            "type": coding(self.kind.kind),
            "subtype": self.subtypes(),
            "action": self.kind.action,
            "recorded": instant(self.happened.at),
            "outcome": outcome,
            "agent": self.agents(),
            "source": { "site": format!("urn:satchel:relay:{}", self.relay), "observer": who(self.happened.observer), "type": [self.source_type()] },
        });
        let entities = self.entities();
        if let Some(profile) = self.kind.profile().filter(|_| self.chart.is_some() && entities.len() > 1) {
            event["meta"] = json!({ "profile": [profile] });
        }
        if !entities.is_empty() {
            event["entity"] = entities.into();
        }
        if let Some(why) = why {
            event["outcomeDesc"] = why.into();
        }
        if let Some(purpose) = self.purpose() {
            event["purposeOfEvent"] = json!([{ "coding": [{ "system": OUTCOME_REASON, "code": purpose }] }]);
        }
        event
    }

    fn subtypes(&self) -> Vec<Value> {
        let own = json!({ "system": OWN, "code": self.happened.action });
        self.kind.subtype.map(coding).into_iter().chain([own]).collect()
    }

    /// Outcome and what is to be said of it: a push of which something was not accepted is a minor failure.
    fn outcome(&self) -> (&'static str, Option<String>) {
        let counts = self.detail["documents-accepted-custody-refused"].as_array().into_iter().flatten();
        let ids: Vec<String> = self.documents.iter().map(|one| one.descriptor.id().to_string()).collect();
        let of_these = counts.filter(|one| ids.iter().any(|id| one[0].as_str() == Some(id)));
        let (custody, refused) = of_these.fold((0, 0), |(custody, refused), one| {
            (custody + one[2].as_u64().unwrap_or_default(), refused + one[3].as_u64().unwrap_or_default())
        });
        if custody + refused > 0 {
            return ("4", Some(format!("{custody} changes went to custody, {refused} were refused")));
        }
        let reason = self.detail["reason"].as_str().filter(|_| self.kind.outcome != "0");
        (self.kind.outcome, reason.map(ToOwned::to_owned))
    }

    fn purpose(&self) -> Option<&str> {
        let of_entry = self.entry.map(|of| of.entry.purpose.as_str());
        of_entry.or_else(|| self.detail["purpose"].as_str()).filter(|purpose| is_code(purpose))
    }

    fn agents(&self) -> Vec<Value> {
        let relay = agent((DCM, "110153", "Source Role ID"), &who(Observer::Relay(self.relay)), false);
        let mut agents = vec![with_network(relay, Observer::Relay(self.relay))];
        if let Some(device) = self.row.device {
            let observer = Observer::Device(device);
            let destination = agent((DCM, "110152", "Destination Role ID"), &who(observer), false);
            agents.push(with_network(destination, observer));
        }
        let person = match &self.row.practitioner {
            Some(id) => json!({ "reference": format!("Practitioner/{id}") }),
            None if self.detail["by"] == "operator" => {
                json!({ "identifier": { "system": "urn:satchel:account", "value": "operator" } })
            }
            None => Value::Null,
        };
        if !person.is_null() {
            agents.push(agent((PARTICIPATION, "IRCP", "information recipient"), &person, true));
        }
        if let Some((organization, _)) = &self.chart {
            let custodian = json!({ "reference": format!("Organization/{organization}") });
            agents.push(agent((SNOMED, "159541003", "Record keeping/library clerk"), &custodian, false));
        }
        agents
    }

    fn entities(&self) -> Vec<Value> {
        let mut entities = Vec::new();
        if let Some((organization, patient)) = &self.chart {
            entities.push(self.patient(organization, patient));
        }
        let document = |id: String, name: &str, upto: Option<u64>| {
            let mut entity = json!({
                "what": { "identifier": { "system": "urn:satchel:document", "value": id } },
                "type": coding((ENTITY_TYPE, "2", "System Object")),
                "role": coding((ROLE, "4", "Domain Resource")),
                "name": name,
            });
            if let Some(upto) = upto {
                entity["detail"] = json!([{ "type": "position", "valueString": upto.to_string() }]);
            }
            entity
        };
        for one in &self.documents {
            entities.push(document(one.descriptor.id().to_string(), one.descriptor.compartment.as_str(), one.upto));
        }
        for id in self.entry.into_iter().flat_map(|of| &of.entry.documents) {
            entities.push(document(id.to_string(), "document", None));
        }
        entities
    }

    fn patient(&self, organization: &OrganizationId, patient: &str) -> Value {
        let mut entity = json!({
            "what": { "reference": format!("Patient/{patient}") },
            "type": coding((ENTITY_TYPE, "1", "Person")),
            "role": coding((ROLE, "1", "Patient")),
            "detail": [{ "type": "organization", "valueString": organization }],
        });
        if self.entry.is_some_and(|of| of.entry.break_glass) {
            entity["detail"] = json!([
                { "type": "organization", "valueString": organization },
                { "type": "break-glass", "valueString": "true" },
            ]);
        }
        entity
    }

    fn source_type(&self) -> Value {
        match self.happened.observer {
            Observer::Relay(_) => coding((SOURCE_TYPE, "4", "Application Server")),
            Observer::Device(_) => coding((SOURCE_TYPE, "1", "User Device")),
        }
    }
}

/// Names an event within its bundle: made from the row's hash, so that the same row always gives the same.
pub(super) fn full_url(row: &AuditRow, n: usize) -> String {
    let mut id = [0; 16];
    id.copy_from_slice(&row.hash[..16]);
    let last = u32::from_be_bytes([id[12], id[13], id[14], id[15]]).wrapping_add(n as u32);
    id[12..].copy_from_slice(&last.to_be_bytes());
    let text = hex::encode(id);
    format!("urn:uuid:{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
}

fn coding((system, code, display): (&str, &str, &str)) -> Value {
    json!({ "system": system, "code": code, "display": display })
}

fn agent(kind: (&str, &str, &str), who: &Value, requestor: bool) -> Value {
    json!({ "type": { "coding": [coding(kind)] }, "who": who, "requestor": requestor })
}

/// BALP wants to know by which address; ours are keys, not hosts.
fn with_network(mut agent: Value, observer: Observer) -> Value {
    let address = match observer {
        Observer::Relay(id) => format!("urn:satchel:relay:{id}"),
        Observer::Device(id) => format!("urn:satchel:device:{id}"),
    };
    agent["network"] = json!({ "address": address, "type": "5" });
    agent
}

fn who(observer: Observer) -> Value {
    let (system, value) = match observer {
        Observer::Relay(id) => ("urn:satchel:relay", id.to_string()),
        Observer::Device(id) => ("urn:satchel:device", id.to_string()),
    };
    json!({ "identifier": { "system": system, "value": value } })
}

/// What a FHIR code may look like; anything else that a device gave as purpose stays out.
fn is_code(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
