//! Changes of generated and of given charts, as devices would make them, without devices.

use std::collections::BTreeMap;

use clinical_record::{BundleLimits, DocumentKey, EncodedChange, PlacedEntry, RecordDocument, read_bundle, sample};
use serde_json::{Value, json};
use sync_protocol::{AuthorId, DocumentDescriptor, OrganizationId, PatientId};

use crate::failure::Failure;

/// Documents of up to this many resources are also written resource by resource, as at the bedside.
const SHORT: usize = 12;
/// Edits of each document.
const EDITS: usize = 3;
const STARTED_MS: i64 = 1_750_000_000_000;

/// A document: how it began, and single edits that came later.
pub struct History {
    pub descriptor: DocumentDescriptor,
    pub written: Vec<EncodedChange>,
    pub edits: Vec<EncodedChange>,
}

/// The documents of a generated chart: those of a bundle, or a small one, in turn.
///
/// # Errors
/// Whatever goes wrong.
pub fn generated(seed: u64) -> Result<Vec<History>, Failure> {
    if seed % 4 < 2 {
        return histories(sample::bundle(seed).to_string().as_bytes(), seed);
    }
    let resources = sample::small_chart(seed, 4).into_iter().flatten();
    let entries: Vec<Value> = resources.map(|resource| json!({"resource": resource})).collect();
    let bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": entries});
    histories(bundle.to_string().as_bytes(), seed)
}

/// The documents of a bundle.
///
/// # Errors
/// Whatever goes wrong.
pub fn histories(bundle: &[u8], seed: u64) -> Result<Vec<History>, Failure> {
    let read = read_bundle(bundle, &BundleLimits::default(), &|_| true)?;
    let mut documents: BTreeMap<DocumentKey, Vec<PlacedEntry>> = BTreeMap::new();
    for entry in read.entries {
        documents.entry(entry.key.clone()).or_default().push(entry);
    }
    documents.into_iter().map(|(key, entries)| history(&key, &entries, seed)).collect()
}

fn history(key: &DocumentKey, entries: &[PlacedEntry], seed: u64) -> Result<History, Failure> {
    let descriptor = DocumentDescriptor {
        organization: OrganizationId::new(format!("clinic-{}", seed % 7))?,
        patient: key.patient.as_deref().map(PatientId::new).transpose()?,
        compartment: key.compartment.as_str().parse()?,
        part: key.part.replace('+', "."),
    };
    let author = AuthorId(std::array::from_fn(|at| (seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (at % 8 * 8)) as u8));
    let mut clock = STARTED_MS + (seed as i64) * 86_413_007;
    let mut document = RecordDocument::new();
    let at_once = if entries.len() <= SHORT { 1 } else { entries.len() };
    let mut written = Vec::new();
    for some in entries.chunks(at_once) {
        clock += 61_003;
        let (_, change) = document.edit(&author.actor(0), clock, |editor| {
            some.iter().try_for_each(|entry| editor.put_resource(&entry.resource).map(drop))
        })?;
        written.extend(change);
    }
    let mut edits = Vec::new();
    for (number, entry) in entries.iter().cycle().step_by(entries.len() / EDITS + 1).take(EDITS).enumerate() {
        clock += 3_600_011;
        let edited = edited(&entry.resource, seed + number as u64);
        edits.extend(document.edit(&author.actor(0), clock, |editor| editor.put_resource(&edited))?.1);
    }
    Ok(History { descriptor, written, edits })
}

/// The resource with one thing changed, as a clinician would.
fn edited(resource: &Value, dice: u64) -> Value {
    let mut edited = resource.clone();
    let number = 40 + dice % 160;
    match edited["resourceType"].as_str().unwrap_or_default() {
        "Observation" if edited.get("valueQuantity").is_some() => edited["valueQuantity"]["value"] = json!(number),
        "MedicationRequest" => {
            edited["dosageInstruction"] = json!([{"text": format!("{} mg twice daily", number * 5)}]);
        }
        "Condition" => {
            let code = ["active", "resolved", "inactive", "remission"][dice as usize % 4];
            let system = "http://terminology.hl7.org/CodeSystem/condition-clinical";
            edited["clinicalStatus"] = json!({"coding": [{"system": system, "code": code}]});
        }
        "Patient" => {
            edited["telecom"] = json!([{"system": "phone", "value": format!("555-01{number:03}"), "use": "home"}]);
        }
        "Encounter" => edited["status"] = json!(["arrived", "in-progress", "finished"][dice as usize % 3]),
        "AllergyIntolerance" => edited["criticality"] = json!(["low", "high"][dice as usize % 2]),
        _ => edited["note"] = json!([{"text": format!("Reviewed, see line {number}.")}]),
    }
    edited
}
