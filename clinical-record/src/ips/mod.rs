//! The International Patient Summary: a document Bundle whose Composition has the mandatory sections, each with a narrative.
//!
//! Made from the resources that the reader may see; what is not among them is not in the summary, and an empty mandatory
//! section says that nothing is available, never that nothing is wrong.

mod narrative;
mod page;
mod sections;
mod select;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

pub use self::page::{PageSection, SummaryPage, summary_page};

use self::narrative::{escape, table};
use self::sections::{SECTIONS, Section};
use crate::reference::visit_references;
use crate::{ElementPath, PathStep, ResourceKey, resource_summary};

const BUNDLE_PROFILE: &str = "http://hl7.org/fhir/uv/ips/StructureDefinition/Bundle-uv-ips";
const COMPOSITION_PROFILE: &str = "http://hl7.org/fhir/uv/ips/StructureDefinition/Composition-uv-ips";

/// What the summary needs besides the chart.
#[derive(Clone, Copy)]
pub struct SummaryRequest<'r> {
    /// UUID of the Bundle, which identifies this version of the document.
    pub bundle_id: &'r str,
    /// FHIR id of the Composition.
    pub composition_id: &'r str,
    /// FHIR instant.
    pub now: &'r str,
    /// Who makes it: a Practitioner, PractitionerRole, Organization or Device resource.
    pub author: &'r Value,
    /// Base of the entries' full URLs, without a slash at the end.
    pub base: &'r str,
}

/// Why there is no summary.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SummaryError {
    /// The resources hold no Patient.
    #[error("there is no Patient among the resources")]
    NoPatient,
    /// The resources hold several; merge their views first.
    #[error("there are {0} Patients among the resources")]
    SeveralPatients(usize),
    /// The author is no resource with a type and an id.
    #[error("the author is not a resource with a type and an id")]
    NoAuthor,
}

/// The International Patient Summary of a chart. `chart`: its resources, in any order.
///
/// # Errors
/// [`SummaryError`].
pub fn international_patient_summary(chart: &[Value], request: &SummaryRequest<'_>) -> Result<Value, SummaryError> {
    let author = ResourceKey::of(request.author).map_err(|_| SummaryError::NoAuthor)?;
    let patients: Vec<&Value> = chart.iter().filter(|resource| resource["resourceType"] == "Patient").collect();
    let [patient] = patients.as_slice() else {
        return Err(if patients.is_empty() {
            SummaryError::NoPatient
        } else {
            SummaryError::SeveralPatients(patients.len())
        });
    };
    let mut included: BTreeMap<ResourceKey, Value> = BTreeMap::new();
    let mut sections = Vec::new();
    for section in SECTIONS {
        let chosen = select::for_section(section, chart);
        if chosen.is_empty() && !section.mandatory {
            continue;
        }
        sections.push(written(section, &chosen));
        included.extend(chosen.iter().filter_map(|one| Some((ResourceKey::of(one).ok()?, (*one).clone()))));
    }
    add_medications(chart, &mut included);
    included.insert(author.clone(), request.author.clone());
    included.extend(ResourceKey::of(patient).ok().map(|key| (key, (*patient).clone())));
    let composition = composition(patient, &author, &sections, request);
    let entries = std::iter::once(composition).chain(included.values().cloned());
    Ok(document(entries, &included, request))
}

fn composition(patient: &Value, author: &ResourceKey, sections: &[Value], request: &SummaryRequest<'_>) -> Value {
    let name = resource_summary(patient).display;
    let born = patient["birthDate"].as_str().unwrap_or("unknown");
    let id = patient["id"].as_str().unwrap_or_default();
    json!({
        "resourceType": "Composition", "id": request.composition_id, "meta": {"profile": [COMPOSITION_PROFILE]},
        "text": {"status": "generated", "div": narrative::div(&format!(
            "<p>International Patient Summary of {}, born {}</p>", escape(&name), escape(born)))},
        "status": "final",
        "type": {"coding": [{"system": "http://loinc.org", "code": "60591-5", "display": "Patient summary Document"}]},
        "subject": {"reference": format!("Patient/{id}")}, "date": request.now,
        "author": [{"reference": author.to_string()}], "title": "International Patient Summary", "section": sections,
    })
}

fn written(section: &Section, chosen: &[&Value]) -> Value {
    let mut written = json!({
        "title": section.title,
        "code": {"coding": [{"system": "http://loinc.org", "code": section.loinc, "display": section.title}]},
    });
    if chosen.is_empty() {
        written["text"] = json!({"status": "generated", "div": narrative::div("<p>No information available</p>")});
        written["emptyReason"] = json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/list-empty-reason",
            "code": "unavailable", "display": "Unavailable"}], "text": "No information available"});
        return written;
    }
    written["text"] = json!({"status": "generated", "div": table(chosen)});
    written["entry"] = chosen
        .iter()
        .filter_map(|one| Some(json!({"reference": ResourceKey::of(one).ok()?.to_string()})))
        .collect::<Vec<_>>()
        .into();
    written
}

/// Adds the Medications that chosen orders name by reference.
fn add_medications(chart: &[Value], included: &mut BTreeMap<ResourceKey, Value>) {
    let named: BTreeSet<String> = included
        .values()
        .filter_map(|order| order.pointer("/medicationReference/reference")?.as_str())
        .filter_map(|reference| reference.rsplit(['/', ':']).next().map(str::to_owned))
        .collect();
    for medication in chart.iter().filter(|one| one["resourceType"] == "Medication") {
        if let Ok(key) = ResourceKey::of(medication)
            && named.contains(&key.id)
        {
            included.insert(key, medication.clone());
        }
    }
}

/// The document Bundle. References between its entries become `Type/id`, which their full URLs resolve.
fn document(
    resources: impl Iterator<Item = Value>,
    included: &BTreeMap<ResourceKey, Value>,
    request: &SummaryRequest<'_>,
) -> Value {
    let by_id: BTreeMap<&str, &ResourceKey> = included.keys().map(|key| (key.id.as_str(), key)).collect();
    let entries: Vec<Value> = resources
        .filter_map(|mut resource| {
            let key = ResourceKey::of(&resource).ok()?;
            resolve_urns(&mut resource, &by_id);
            Some(json!({"fullUrl": format!("{}/{key}", request.base), "resource": resource}))
        })
        .collect();
    json!({
        "resourceType": "Bundle", "id": request.bundle_id, "meta": {"profile": [BUNDLE_PROFILE]},
        "identifier": {"system": "urn:ietf:rfc:3986", "value": format!("urn:uuid:{}", request.bundle_id)},
        "type": "document", "timestamp": request.now, "entry": entries,
    })
}

/// Writes `urn:uuid:` references as `Type/id`; one that no entry answers becomes an identifier, which need not resolve.
fn resolve_urns(resource: &mut Value, by_id: &BTreeMap<&str, &ResourceKey>) {
    let mut found: Vec<(ElementPath, String)> = Vec::new();
    visit_references(resource, &ElementPath::default(), &mut |path, reference| {
        if reference.starts_with("urn:uuid:") {
            found.push((path.clone(), reference.to_owned()));
        }
    });
    for (path, urn) in found {
        let holder = path.0[..path.0.len() - 1].iter().try_fold(&mut *resource, |value, step| match step {
            PathStep::Key(key) => value.get_mut(key),
            PathStep::Index(index) => value.get_mut(index),
        });
        let Some(holder) = holder.and_then(Value::as_object_mut) else { continue };
        match by_id.get(urn.trim_start_matches("urn:uuid:")) {
            Some(key) => drop(holder.insert("reference".into(), key.to_string().into())),
            None => {
                holder.remove("reference");
                holder.insert("identifier".into(), json!({"system": "urn:ietf:rfc:3986", "value": urn}));
            }
        }
    }
}

#[cfg(test)]
mod tests;
