//! Several registrations of one person: merged into one view by a link that can be taken back.
//!
//! Nothing moves. The replaced Patient says by whom it is replaced (`Patient.link`), which alone decides; both charts stay
//! where they are, go on being written, also by devices that have not heard, and are read as one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::clinical::{ClinicalEdit, ClinicalError, Entry, push};
use crate::reference::visit_references;
use crate::{ElementPath, PathStep, ResourceKey};

/// Extension of a link: whether the replaced Patient was active before, so that unmerging restores it.
const ACTIVE_BEFORE: &str = "urn:satchel:patient-merge:active-before";

/// Registrations of one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonGroup {
    /// FHIR id of the Patient that stands for all; new entries go to its chart.
    pub survivor: String,
    /// FHIR ids of the Patients it replaces, sorted.
    pub replaced: Vec<String>,
    /// The links contradict one another, since people merged differently while apart: a person must look. A Patient replaced
    /// by several stands for itself meanwhile; in a circle the one with the smallest id stands for all.
    pub disputed: bool,
}

/// A resource as the merged view shows it.
#[derive(Clone, PartialEq)]
pub struct ViewedResource {
    /// FHIR id of the Patient in whose chart it is; edits go there, as [`Self::in_own_chart`].
    pub chart: String,
    /// The resource, with references to replaced Patients pointing to the survivor.
    pub resource: Value,
}

/// Merges two registrations of one person; `surviving` and `replaced` are their Patients. Undone by [`unmerge_patients`].
///
/// # Errors
/// [`ClinicalError`] naming the element: one Patient twice, one that is replaced already, no reason.
pub fn merge_patients(
    entry: &Entry<'_>,
    surviving: &Value,
    replaced: &Value,
    reason: &str,
) -> Result<ClinicalEdit, ClinicalError> {
    let (survivor, other) = (patient_id(surviving)?, patient_id(replaced)?);
    if reason.trim().is_empty() {
        return Err(ClinicalError::new("Patient.link", "needs a reason"));
    }
    if survivor == other {
        return Err(ClinicalError::new("Patient.link[0].other", "is the same patient"));
    }
    for patient in [surviving, replaced] {
        if !replaced_by(patient).is_empty() {
            return Err(ClinicalError::new("Patient.link", "says that this patient is replaced already"));
        }
    }
    let (mut surviving, mut replaced) = (surviving.clone(), replaced.clone());
    let mut link = link_to(&survivor, "replaced-by");
    if let Some(active) = replaced.get("active").and_then(Value::as_bool) {
        link["extension"] = json!([{"url": ACTIVE_BEFORE, "valueBoolean": active}]);
    }
    replaced["active"] = false.into();
    push(&mut replaced, "link", link);
    push(&mut surviving, "link", link_to(&other, "replaces"));
    Ok(ClinicalEdit::of(entry, [surviving, replaced])?.because(Some(reason)))
}

/// Takes a merge back: both Patients are on their own again, with whatever was entered on either side since.
///
/// # Errors
/// [`ClinicalError`] naming the element: `replaced` is not replaced by `surviving`, no reason.
pub fn unmerge_patients(
    entry: &Entry<'_>,
    surviving: &Value,
    replaced: &Value,
    reason: &str,
) -> Result<ClinicalEdit, ClinicalError> {
    let (survivor, other) = (patient_id(surviving)?, patient_id(replaced)?);
    if reason.trim().is_empty() {
        return Err(ClinicalError::new("Patient.link", "needs a reason"));
    }
    if !replaced_by(replaced).contains(&survivor) {
        return Err(ClinicalError::new("Patient.link", "does not say that this patient is replaced by the other"));
    }
    let (mut surviving, mut replaced) = (surviving.clone(), replaced.clone());
    let removed = remove_links(&mut replaced, &survivor, "replaced-by");
    remove_links(&mut surviving, &other, "replaces");
    if replaced_by(&replaced).is_empty() {
        restore_active(&mut replaced, &removed);
    }
    Ok(ClinicalEdit::of(entry, [surviving, replaced])?.because(Some(reason)))
}

/// The persons that these Patients are registrations of, sorted by survivor. A link to a Patient that is not among them
/// counts: its chart may simply not be on this device.
pub fn person_groups<'p>(patients: impl IntoIterator<Item = &'p Value>) -> Vec<PersonGroup> {
    let mut targets: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for patient in patients {
        let Ok(id) = patient_id(patient) else { continue };
        targets.entry(id).or_default().extend(replaced_by(patient));
    }
    let mut groups: BTreeMap<String, PersonGroup> = BTreeMap::new();
    for id in targets.keys() {
        let (survivor, disputed) = survivor_of(id, &targets);
        let group = groups.entry(survivor.clone()).or_insert_with(|| PersonGroup {
            survivor: survivor.clone(),
            replaced: Vec::new(),
            disputed: false,
        });
        group.disputed |= disputed;
        if *id != survivor {
            group.replaced.push(id.clone());
        }
    }
    groups.into_values().collect()
}

/// Follows the links from one Patient to the one that stands for it; and whether they contradict one another on the way.
fn survivor_of(id: &str, targets: &BTreeMap<String, BTreeSet<String>>) -> (String, bool) {
    let mut way = vec![id.to_owned()];
    loop {
        let here = way.last().cloned().unwrap_or_default();
        let next: Vec<&String> = targets.get(&here).into_iter().flatten().collect();
        match next.as_slice() {
            [] => return (here, false),
            [only] => match way.iter().position(|seen| seen == *only) {
                Some(start) => return (way[start..].iter().min().cloned().unwrap_or_default(), true),
                None => way.push((*only).clone()),
            },
            _ => return (here, true),
        }
    }
}

/// The charts of a group as one. `resources`: each with the id of the Patient in whose chart it is.
///
/// The survivor's Patient shows, besides its own, the names, numbers and addresses of those it replaces.
pub fn merged_view(group: &PersonGroup, resources: impl IntoIterator<Item = (String, Value)>) -> Vec<ViewedResource> {
    let (mut viewed, mut replaced) = (Vec::new(), Vec::new());
    for (chart, mut resource) in resources {
        if chart != group.survivor && resource["resourceType"] == "Patient" {
            replaced.push(resource);
            continue;
        }
        for other in &group.replaced {
            rename(&mut resource, other, &group.survivor);
        }
        viewed.push(ViewedResource { chart, resource });
    }
    replaced.sort_by_key(|patient| patient["id"].to_string());
    for patient in viewed.iter_mut().filter(|one| one.resource["resourceType"] == "Patient") {
        for other in &replaced {
            add_demographics(&mut patient.resource, other);
        }
    }
    viewed
}

impl ViewedResource {
    /// The resource as it belongs in its own chart, after an edit of what the view showed. For a Patient, edit the stored
    /// one: what the view added to it is not its own.
    pub fn in_own_chart(&self, group: &PersonGroup, edited: &Value) -> Value {
        let mut resource = edited.clone();
        if self.chart != group.survivor {
            rename(&mut resource, &group.survivor, &self.chart);
        }
        resource
    }
}

/// Lists of a Patient that several registrations of one person add up to.
const ADDED_UP: &[&str] = &["identifier", "name", "telecom", "address", "contact", "communication"];

fn add_demographics(survivor: &mut Value, other: &Value) {
    for element in ADDED_UP {
        for item in other.get(*element).and_then(Value::as_array).into_iter().flatten() {
            let known = survivor.get(*element).and_then(Value::as_array).is_some_and(|list| list.contains(item));
            if !known {
                push(survivor, element, item.clone());
            }
        }
    }
}

/// Writes references to one Patient as references to another, in the form they had.
fn rename(resource: &mut Value, from: &str, to: &str) {
    let mut found: Vec<(ElementPath, String)> = Vec::new();
    let names =
        [(format!("Patient/{from}"), format!("Patient/{to}")), (format!("urn:uuid:{from}"), format!("urn:uuid:{to}"))];
    visit_references(resource, &ElementPath::default(), &mut |path, reference| {
        if let Some((_, new)) = names.iter().find(|(old, _)| old == reference) {
            found.push((path.clone(), new.clone()));
        }
    });
    for (path, new) in found {
        // A link says which registrations there are: it keeps its names.
        if path.0.first() == Some(&PathStep::Key("link".into())) && resource["resourceType"] == "Patient" {
            continue;
        }
        let place = path.0.iter().try_fold(&mut *resource, |value, step| match step {
            PathStep::Key(key) => value.get_mut(key),
            PathStep::Index(index) => value.get_mut(index),
        });
        if let Some(place) = place {
            *place = new.into();
        }
    }
}

fn patient_id(patient: &Value) -> Result<String, ClinicalError> {
    match ResourceKey::of(patient) {
        Ok(key) if key.resource_type == "Patient" => Ok(key.id),
        _ => Err(ClinicalError::new("Patient", "is not the type of this resource")),
    }
}

/// Ids of the Patients that a Patient says it is replaced by.
pub(crate) fn replaced_by(patient: &Value) -> BTreeSet<String> {
    let links = patient.get("link").and_then(Value::as_array).into_iter().flatten();
    links.filter(|link| link["type"] == "replaced-by").filter_map(other_of).collect()
}

fn other_of(link: &Value) -> Option<String> {
    let reference = link.pointer("/other/reference")?.as_str()?;
    reference.strip_prefix("Patient/").or_else(|| reference.strip_prefix("urn:uuid:")).map(str::to_owned)
}

fn link_to(id: &str, kind: &str) -> Value {
    json!({"other": {"reference": format!("Patient/{id}")}, "type": kind})
}

/// Removes links and returns them; a list left empty goes too.
fn remove_links(patient: &mut Value, other: &str, kind: &str) -> Vec<Value> {
    let Some(links) = patient.get_mut("link").and_then(Value::as_array_mut) else { return Vec::new() };
    let matches = |link: &Value| link["type"] == kind && other_of(link).as_deref() == Some(other);
    let (removed, kept): (Vec<Value>, Vec<Value>) = links.drain(..).partition(matches);
    *links = kept;
    if links.is_empty() {
        patient.as_object_mut().map(|patient| patient.remove("link"));
    }
    removed
}

/// Gives `active` the value it had before the merge, or none.
fn restore_active(patient: &mut Value, removed: &[Value]) {
    let before = removed.iter().find_map(|link| {
        let extensions = link.get("extension")?.as_array()?;
        extensions.iter().find(|one| one["url"] == ACTIVE_BEFORE)?.get("valueBoolean").cloned()
    });
    match before {
        Some(active) => patient["active"] = active,
        None => drop(patient.as_object_mut().map(|patient| patient.remove("active"))),
    }
}
