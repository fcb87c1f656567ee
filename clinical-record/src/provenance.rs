//! The history as FHIR Provenance resources: one for each change, naming what it touched, who made it, when and why.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::fhir_date::instant;
use crate::{HistoryEntry, RecordDocument, ResourceKey, Touch};

/// Who an Automerge actor is, as FHIR ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeAgent {
    /// The Practitioner.
    pub practitioner: String,
    /// The Organization acted for.
    pub organization: Option<String>,
    /// The Device it was done on.
    pub device: Option<String>,
    /// The author's signature that covers the change: raw bytes, and the media type of its form.
    pub signature: Option<(Vec<u8>, String)>,
}

/// Extension of a target that names the element touched.
const TARGET_PATH: &str = "http://hl7.org/fhir/StructureDefinition/targetPath";
const AGENT_TYPE: &str = "http://terminology.hl7.org/CodeSystem/provenance-participant-type";
const OPERATION: &str = "http://terminology.hl7.org/CodeSystem/v3-DataOperation";

impl RecordDocument {
    /// A Provenance for each change that touched a resource, in causal order. Its id is the change's hash in hex.
    ///
    /// `agent`: who an actor is; a change of one it does not know is attributed to "unknown". Times are the authors' clocks'.
    pub fn provenance(&self, agent: &dyn Fn(&HistoryEntry) -> Option<ChangeAgent>) -> Vec<Value> {
        let entries = self.history(None).into_iter().filter(|entry| !entry.touched.is_empty());
        entries.map(|entry| provenance_of(&entry, agent(&entry).as_ref())).collect()
    }
}

fn provenance_of(entry: &HistoryEntry, agent: Option<&ChangeAgent>) -> Value {
    let mut paths: BTreeMap<&ResourceKey, Vec<String>> = BTreeMap::new();
    for touch in &entry.touched {
        paths.entry(&touch.key).or_default().push(touch.path.to_string());
    }
    let created = entry.touched.iter().all(|touch| touch.path.is_empty() && touch.what == Touch::Created);
    let recorded = instant(entry.time_ms);
    let mut provenance = json!({
        "resourceType": "Provenance",
        "id": entry.hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
        "target": paths.iter().map(|(key, paths)| target(key, paths)).collect::<Vec<_>>(),
        // A clock that says nothing FHIR can write is shown as the epoch rather than invented.
        "recorded": recorded.unwrap_or_else(|| "1970-01-01T00:00:00.000Z".into()),
        "activity": {"coding": [{"system": OPERATION, "code": if created { "CREATE" } else { "UPDATE" }}]},
        "agent": agents(agent),
    });
    if let Some(reason) = entry.message.as_deref().map(str::trim).filter(|reason| !reason.is_empty()) {
        provenance["reason"] = json!([{"text": reason}]);
    }
    if let Some((signature, form)) = agent.and_then(|agent| agent.signature.as_ref()) {
        provenance["signature"] = json!([{
            "type": [{"system": "urn:iso-astm:E1762-95:2013", "code": "1.2.840.10065.1.12.1.1", "display": "Author's Signature"}],
            "when": provenance["recorded"], "who": provenance["agent"][0]["who"],
            "sigFormat": form, "data": STANDARD.encode(signature),
        }]);
    }
    provenance
}

fn target(key: &ResourceKey, paths: &[String]) -> Value {
    let mut target = json!({"reference": key.to_string()});
    let elements = paths.iter().filter(|path| !path.is_empty());
    let named: Vec<Value> = elements
        .map(|path| json!({"url": TARGET_PATH, "valueString": format!("{}.{path}", key.resource_type)}))
        .collect();
    if !named.is_empty() {
        target["extension"] = named.into();
    }
    target
}

fn agents(agent: Option<&ChangeAgent>) -> Value {
    let kind = |code: &str| json!({"coding": [{"system": AGENT_TYPE, "code": code}]});
    let Some(agent) = agent else { return json!([{"type": kind("author"), "who": {"display": "unknown"}}]) };
    let mut author = json!({
        "type": kind("author"), "who": {"reference": format!("Practitioner/{}", agent.practitioner)}});
    if let Some(organization) = &agent.organization {
        author["onBehalfOf"] = json!({"reference": format!("Organization/{organization}")});
    }
    let device = agent
        .device
        .iter()
        .map(|device| json!({"type": kind("assembler"), "who": {"reference": format!("Device/{device}")}}));
    std::iter::once(author).chain(device).collect()
}
