//! Reads a Bundle into resources placed in documents, and says exactly what could not be read.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::metadata::metadata_to_keep;
use super::problem::{BundleError, EntryProblem, ProblemCause};
use crate::encode::{MAX_DEPTH, fits_depth};
use crate::reference::{References, is_bundle_local, visit_references};
use crate::resource_key::{is_fhir_id, is_type_name};
use crate::{DocumentKey, ElementPath, ResourceKey, place};

/// How much a Bundle may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BundleLimits {
    /// Largest file, in bytes. Parsed, a file takes several times its size in memory.
    pub max_bytes: usize,
    /// Most entries.
    pub max_entries: usize,
}

impl Default for BundleLimits {
    /// 64 MiB, 100,000 entries.
    fn default() -> Self {
        Self { max_bytes: 64 * 1024 * 1024, max_entries: 100_000 }
    }
}

/// A Bundle, as far as it could be read.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadBundle {
    /// What can be put into documents, in the order of the Bundle; of identical entries only the first.
    pub entries: Vec<PlacedEntry>,
    /// Entries that were left out, in the order of the Bundle.
    pub problems: Vec<EntryProblem>,
    /// Names of Bundle elements that are not kept, sorted: an export of what was imported will lack them.
    pub warnings: Vec<String>,
}

/// A resource and the document it belongs in.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacedEntry {
    /// Position in `Bundle.entry`, from 0.
    pub index: usize,
    /// The document.
    pub key: DocumentKey,
    /// The resource.
    pub resource: Value,
    /// The entry besides the resource, where that is not the default.
    pub metadata: Option<Value>,
}

/// Reads a Bundle of FHIR JSON. `known_patient` tells whether a patient's id is known outside the Bundle.
///
/// # Errors
/// [`BundleError`] when nothing can be read. What is wrong with single entries is in [`ReadBundle::problems`].
pub fn read_bundle(
    bytes: &[u8],
    limits: &BundleLimits,
    known_patient: &dyn Fn(&str) -> bool,
) -> Result<ReadBundle, BundleError> {
    let (bundle, warnings) = parse(bytes, limits)?;
    Ok(read_entries(bundle.into_iter().enumerate().collect(), Vec::new(), warnings, known_patient))
}

/// Reads entries, each with its position.
pub(super) fn read_entries(
    numbered: Vec<(usize, Value)>,
    mut problems: Vec<EntryProblem>,
    warnings: Vec<String>,
    known_patient: &dyn Fn(&str) -> bool,
) -> ReadBundle {
    let mut references = References::within_bundle();
    let mut candidates = Vec::with_capacity(numbered.len());
    for (index, entry) in numbered {
        let full_url = entry.get("fullUrl").and_then(Value::as_str).map(str::to_owned);
        let candidate = Candidate::read(index, entry);
        if let Some(full_url) = full_url {
            references.add_url(&full_url, candidate.as_ref().ok().map(|candidate| &candidate.key));
        }
        match candidate {
            Ok(candidate) => candidates.push(candidate),
            Err(problem) => problems.push(*problem),
        }
    }
    let candidates = without_twins(candidates, &mut problems);
    for candidate in candidates.iter().filter(|candidate| candidate.key.resource_type == "Patient") {
        references.add_patient(&candidate.key.id);
    }
    let mut entries = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        match document_of(&candidate, &references, known_patient) {
            Ok(key) => entries.push(candidate.placed(key)),
            Err(cause) => problems.push(EntryProblem::of(candidate.index, &candidate.key, cause)),
        }
    }
    problems.sort_by_key(|problem| problem.index);
    ReadBundle { entries, problems, warnings }
}

/// The entries of a Bundle, and the names of its elements that are not kept.
fn parse(bytes: &[u8], limits: &BundleLimits) -> Result<(Vec<Value>, Vec<String>), BundleError> {
    if bytes.len() > limits.max_bytes {
        return Err(BundleError::TooLarge { size: bytes.len(), limit: limits.max_bytes });
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let bundle: Value = serde_json::from_slice(bytes)
        .map_err(|error| BundleError::NotJson { line: error.line(), column: error.column() })?;
    let Value::Object(mut bundle) = bundle else { return Err(BundleError::NotABundle) };
    if bundle.get("resourceType").and_then(Value::as_str) != Some("Bundle") {
        return Err(BundleError::NotABundle);
    }
    let entries = match bundle.remove("entry") {
        Some(Value::Array(entries)) => entries,
        None => Vec::new(),
        Some(_) => return Err(BundleError::EntryNotAList),
    };
    if entries.len() > limits.max_entries {
        return Err(BundleError::TooManyEntries { count: entries.len(), limit: limits.max_entries });
    }
    let kept = |name: &str, value: &Value| name == "resourceType" || (name == "type" && value == "transaction");
    let mut warnings: Vec<String> =
        bundle.iter().filter(|(name, value)| !kept(name, value)).map(|(name, _)| name.clone()).collect();
    // Whatever order the file has them in.
    warnings.sort();
    Ok((entries, warnings))
}

/// An entry whose resource has a type and an id.
struct Candidate {
    index: usize,
    key: ResourceKey,
    resource: Value,
    rest: Map<String, Value>,
}

impl Candidate {
    fn read(index: usize, entry: Value) -> Result<Self, Box<EntryProblem>> {
        let mut rest = match entry {
            Value::Object(rest) => rest,
            _ => Map::new(),
        };
        let resource = rest.remove("resource").unwrap_or_default();
        match key_of(&resource) {
            Ok(key) if fits_depth(&resource, MAX_DEPTH) => Ok(Self { index, key, resource, rest }),
            Ok(key) => Err(Box::new(EntryProblem::of(index, &key, ProblemCause::TooDeep { limit: MAX_DEPTH }))),
            Err(cause) => {
                let text = |name: &str| resource.get(name).and_then(Value::as_str);
                let resource_type = text("resourceType").filter(|name| is_type_name(name)).map(str::to_owned);
                let id = text("id").filter(|id| is_fhir_id(id)).map(str::to_owned);
                Err(Box::new(EntryProblem { index, resource_type, id, cause }))
            }
        }
    }

    fn placed(self, key: DocumentKey) -> PlacedEntry {
        let metadata = metadata_to_keep(&self.key, self.rest);
        PlacedEntry { index: self.index, key, resource: self.resource, metadata }
    }
}

fn key_of(resource: &Value) -> Result<ResourceKey, ProblemCause> {
    if !resource.is_object() {
        return Err(ProblemCause::NoResource);
    }
    match resource.get("resourceType").and_then(Value::as_str) {
        Some(name) if is_type_name(name) => {}
        _ => return Err(ProblemCause::NoResourceType),
    }
    if resource.get("id").is_none() {
        return Err(ProblemCause::NoId);
    }
    ResourceKey::of(resource).map_err(|_| ProblemCause::InvalidId)
}

/// Drops repeats of identical entries; entries with one key and different content all become problems.
fn without_twins(candidates: Vec<Candidate>, problems: &mut Vec<EntryProblem>) -> Vec<Candidate> {
    let mut first: HashMap<ResourceKey, usize> = HashMap::new();
    let (mut repeats, mut disputed) = (HashSet::new(), HashSet::new());
    for (position, candidate) in candidates.iter().enumerate() {
        let Some(&twin) = first.get(&candidate.key) else {
            first.insert(candidate.key.clone(), position);
            continue;
        };
        let twin = &candidates[twin];
        repeats.insert(candidate.index);
        if twin.resource != candidate.resource || twin.rest != candidate.rest {
            let differs = |index, other| EntryProblem::of(index, &candidate.key, ProblemCause::DifferentTwin { other });
            problems.push(differs(candidate.index, twin.index));
            if disputed.insert(twin.index) {
                problems.push(differs(twin.index, candidate.index));
            }
        }
    }
    candidates.into_iter().filter(|one| !repeats.contains(&one.index) && !disputed.contains(&one.index)).collect()
}

fn document_of(
    candidate: &Candidate,
    references: &References,
    known_patient: &dyn Fn(&str) -> bool,
) -> Result<DocumentKey, ProblemCause> {
    let mut unresolved = None;
    visit_references(&candidate.resource, &ElementPath::default(), &mut |path, reference| {
        if unresolved.is_none() && is_bundle_local(reference) && !references.has_url(reference) {
            unresolved = Some(path.to_string());
        }
    });
    if let Some(path) = unresolved {
        return Err(ProblemCause::UnresolvedReference { path });
    }
    let key = place(&candidate.resource, references)?;
    match &key.patient {
        Some(patient) if !references.has_patient(patient) && !known_patient(patient) => {
            Err(ProblemCause::UnknownPatient)
        }
        _ => Ok(key),
    }
}
