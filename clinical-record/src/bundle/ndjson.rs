//! Resources as NDJSON, one a line, as FHIR Bulk Data writes them.

use serde_json::Value;

use super::metadata::default_metadata;
use super::problem::{BundleError, EntryProblem, ProblemCause};
use super::read::read_entries;
use super::{BundleLimits, ReadBundle};
use crate::ResourceKey;

/// One line for each resource, each ended by a line feed.
pub fn write_ndjson<'r>(resources: impl IntoIterator<Item = &'r Value>) -> String {
    let mut lines = String::new();
    for resource in resources {
        // JSON escapes line breaks, so a resource never spans lines.
        lines.push_str(&resource.to_string());
        lines.push('\n');
    }
    lines
}

/// Reads NDJSON of any mixture of types. Positions in the result count lines from 0; blank lines are passed over.
///
/// # Errors
/// [`BundleError`] for a file beyond the limits. What is wrong with single lines is in [`ReadBundle::problems`].
pub fn read_ndjson(
    bytes: &[u8],
    limits: &BundleLimits,
    known_patient: &dyn Fn(&str) -> bool,
) -> Result<ReadBundle, BundleError> {
    if bytes.len() > limits.max_bytes {
        return Err(BundleError::TooLarge { size: bytes.len(), limit: limits.max_bytes });
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let lines = bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty());
    let (mut entries, mut problems, mut count) = (Vec::new(), Vec::new(), 0);
    for (index, line) in lines {
        count += 1;
        match serde_json::from_slice::<Value>(line) {
            Ok(resource) => entries.push((index, as_entry(resource))),
            Err(error) => {
                let cause = ProblemCause::NotJson { column: error.column() };
                problems.push(EntryProblem { index, resource_type: None, id: None, cause });
            }
        }
    }
    if count > limits.max_entries {
        return Err(BundleError::TooManyEntries { count, limit: limits.max_entries });
    }
    Ok(read_entries(entries, problems, Vec::new(), known_patient))
}

/// The entry of a transaction that would create the resource.
fn as_entry(resource: Value) -> Value {
    let key = ResourceKey::of(&resource);
    let mut entry = key.map_or_else(|_| serde_json::json!({}), |key| default_metadata(&key));
    entry["resource"] = resource;
    entry
}
