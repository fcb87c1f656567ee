//! FHIR references: what they name, and which resource that is.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Value;

use crate::resource_key::{is_fhir_id, is_type_name};
use crate::{ElementPath, ResourceKey};

const URN_UUID: &str = "urn:uuid:";

/// A resource that another one refers to. The type is unknown for a `urn:uuid:` reference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReferencedResource {
    /// FHIR type name, when the reference says it.
    pub resource_type: Option<String>,
    /// FHIR id.
    pub id: String,
}

/// Everything the resource refers to, without repeats, sorted; contained and external references left out.
pub fn referenced(resource: &Value) -> impl Iterator<Item = ReferencedResource> {
    let mut found = BTreeSet::new();
    visit_references(resource, &ElementPath::default(), &mut |_, reference| {
        if let Some(id) = reference.strip_prefix(URN_UUID) {
            found.insert(ReferencedResource { resource_type: None, id: id.to_owned() });
        } else if let Some(key) = typed(reference) {
            found.insert(ReferencedResource { resource_type: Some(key.resource_type), id: key.id });
        }
    });
    found.into_iter()
}

/// Calls `visit` with the path and text of every `reference` string.
pub(crate) fn visit_references(value: &Value, path: &ElementPath, visit: &mut impl FnMut(&ElementPath, &str)) {
    match value {
        Value::Object(map) => {
            for (key, child) in map {
                match child {
                    Value::String(text) if key == "reference" => visit(&path.child(key), text),
                    Value::Object(_) | Value::Array(_) => visit_references(child, &path.child(key), visit),
                    _ => {}
                }
            }
        }
        Value::Array(list) => {
            for (index, child) in list.iter().enumerate().filter(|(_, child)| child.is_object() || child.is_array()) {
                visit_references(child, &path.at(index), visit);
            }
        }
        _ => {}
    }
}

/// True for a reference that only an entry of the same Bundle can resolve.
pub(crate) fn is_bundle_local(reference: &str) -> bool {
    reference.starts_with(URN_UUID) || reference.starts_with("urn:oid:")
}

/// How references are resolved to resources.
#[derive(Clone, Debug, Default)]
pub struct References {
    by_url: HashMap<String, ResourceKey>,
    urls: HashSet<String>,
    patients: BTreeSet<String>,
    within_bundle: bool,
}

impl References {
    /// For a resource on its own: `urn:uuid:x` is taken to mean the id `x`, as Bundles write it.
    ///
    /// `patient`: whose chart a resource without any patient reference belongs to.
    pub fn standalone(patient: Option<&str>) -> Self {
        Self { patients: patient.map(str::to_owned).into_iter().collect(), ..Self::default() }
    }

    /// For the entries of one Bundle: `urn:` references must match an entry's `fullUrl`.
    pub(crate) fn within_bundle() -> Self {
        Self { within_bundle: true, ..Self::default() }
    }

    pub(crate) fn add_url(&mut self, full_url: &str, key: Option<&ResourceKey>) {
        self.urls.insert(full_url.to_owned());
        if let Some(key) = key {
            self.by_url.insert(full_url.to_owned(), key.clone());
        }
    }

    pub(crate) fn add_patient(&mut self, id: &str) {
        self.patients.insert(id.to_owned());
    }

    pub(crate) fn has_patient(&self, id: &str) -> bool {
        self.patients.contains(id)
    }

    /// Ids of the patients whose charts these resources may belong to.
    pub(crate) fn patients(&self) -> &BTreeSet<String> {
        &self.patients
    }

    pub(crate) fn has_url(&self, full_url: &str) -> bool {
        self.urls.contains(full_url)
    }

    /// The resource meant; `assumed_type` is its type where only the element says it. `None` when it cannot be told.
    pub fn resolve(&self, reference: &str, assumed_type: &str) -> Option<ResourceKey> {
        if let Some(key) = self.by_url.get(reference) {
            return Some(key.clone());
        }
        match reference.strip_prefix(URN_UUID) {
            Some(id) => (!self.within_bundle && is_fhir_id(id)).then(|| ResourceKey::new(assumed_type, id)),
            None => typed(reference),
        }
    }
}

/// The resource of `Type/id`, `Type/id/_history/1` or an absolute URL that ends so.
fn typed(reference: &str) -> Option<ResourceKey> {
    let reference = reference.split_once("/_history/").map_or(reference, |(before, _)| before);
    let mut segments = reference.rsplit('/');
    let (id, resource_type) = (segments.next()?, segments.next()?);
    let relative = segments.next().is_none();
    let absolute = reference.starts_with("http://") || reference.starts_with("https://");
    ((relative || absolute) && is_fhir_id(id) && is_type_name(resource_type))
        .then(|| ResourceKey::new(resource_type, id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn relative_absolute_and_versioned_references_name_their_resource() {
        let expected = Some(ResourceKey::new("Patient", "p1"));
        for reference in ["Patient/p1", "https://example.org/fhir/Patient/p1", "Patient/p1/_history/3"] {
            assert_eq!(typed(reference), expected, "{reference}");
        }
        for other in ["#p1", "Patient?identifier=1", "p1", "urn:oid:1.2", "x/Patient/p1", "Patient/", "patient/p1"] {
            assert_eq!(typed(other), None, "{other}");
        }
    }

    #[test]
    fn a_urn_resolves_by_full_url_in_a_bundle_and_by_id_alone_outside() {
        let mut bundle = References::within_bundle();
        bundle.add_url("urn:uuid:x", Some(&ResourceKey::new("Patient", "p9")));
        assert_eq!(bundle.resolve("urn:uuid:x", "Patient"), Some(ResourceKey::new("Patient", "p9")));
        assert_eq!(bundle.resolve("urn:uuid:y", "Patient"), None);
        let alone = References::standalone(None);
        assert_eq!(alone.resolve("urn:uuid:y", "Patient"), Some(ResourceKey::new("Patient", "y")));
    }

    #[test]
    fn referenced_resources_are_listed_once() {
        let resource = json!({"subject": {"reference": "urn:uuid:p"}, "performer": [
            {"reference": "Practitioner/d"}, {"reference": "Practitioner/d"}, {"reference": "#c"}]});
        let found: Vec<_> = referenced(&resource).map(|found| (found.resource_type, found.id)).collect();
        assert_eq!(found, [(None, "p".to_owned()), (Some("Practitioner".to_owned()), "d".to_owned())]);
    }
}
