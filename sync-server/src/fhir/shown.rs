//! A resource as the API shows it: with its version, when the relay last took a change of it, and what waits to be decided.

use clinical_record::{RecordDocument, ResourceKey};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use sync_protocol::UnixMillis;

/// Extension in `Resource.meta`, one for each element with concurrent values that nobody has decided between. What is shown is
/// what every device shows meanwhile.
pub const CONFLICT: &str = "urn:satchel:conflict";

/// Elements of a resource that wait for a decision, each with a hash of the values in question.
pub type Conflicts = Vec<(String, String)>;

/// The conflicts of a document, by resource.
#[must_use]
pub fn conflicts(document: &RecordDocument) -> std::collections::HashMap<ResourceKey, Conflicts> {
    let mut found = std::collections::HashMap::<_, Conflicts>::new();
    if document.is_linear() {
        return found;
    }
    for conflict in document.conflicts() {
        let path = conflict.path.to_string();
        let values: Vec<_> = conflict.values.iter().map(|one| hex::encode(one.change)).collect();
        found.entry(conflict.key).or_default().push((path, values.join(" ")));
    }
    found
}

/// The version of a resource: what it says and what of it is in conflict. Equal on every relay, and after the index is
/// made anew.
#[must_use]
pub fn version(stored: &Value, conflicts: &[(String, String)]) -> String {
    let mut hasher = Sha256::new_with_prefix(b"satchel fhir version v1");
    hasher.update(stored.to_string());
    for (path, values) in conflicts {
        hasher.update(format!("\n{path} {values}"));
    }
    hex::encode(&hasher.finalize()[..8])
}

/// The resource with what the API adds to it, all of it in `meta`.
#[must_use]
pub fn shown(mut stored: Value, version: &str, updated: UnixMillis, conflicts: &[(String, String)]) -> Value {
    let Some(resource) = stored.as_object_mut() else { return stored };
    let meta = resource.entry("meta").or_insert_with(|| Value::Object(Map::new()));
    let Some(meta) = meta.as_object_mut() else { return stored };
    meta.insert("versionId".into(), version.into());
    meta.insert("lastUpdated".into(), instant(updated).into());
    if !conflicts.is_empty() {
        let extensions = meta.entry("extension").or_insert_with(|| json!([]));
        if let Some(list) = extensions.as_array_mut() {
            list.extend(conflicts.iter().map(|(path, _)| json!({ "url": CONFLICT, "valueString": path })));
        }
    }
    stored
}

/// What a client sent, as it is to be stored: without what the API had added. `stored`: what is there.
#[must_use]
pub fn without_additions(mut sent: Value, stored: Option<&Value>) -> Value {
    let Some(resource) = sent.as_object_mut() else { return sent };
    let Some(Value::Object(meta)) = resource.get_mut("meta") else { return sent };
    if let Some(Value::Array(list)) = meta.get_mut("extension") {
        list.retain(|extension| extension["url"] != CONFLICT);
        if list.is_empty() {
            meta.remove("extension");
        }
    }
    for name in ["versionId", "lastUpdated"] {
        match stored.and_then(|stored| stored.pointer(&format!("/meta/{name}"))) {
            Some(own) => drop(meta.insert(name.into(), own.clone())),
            None => drop(meta.remove(name)),
        }
    }
    if meta.is_empty() {
        resource.remove("meta");
    }
    sent
}

/// A moment as FHIR writes an instant.
#[must_use]
pub fn instant(at: UnixMillis) -> String {
    crate::access::format_date_time(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_api_adds_goes_again_when_it_comes_back() {
        let conflicts = [("status".to_owned(), "a b".to_owned())];
        for stored in [
            json!({"resourceType": "Flag", "id": "f"}),
            json!({"resourceType": "Flag", "id": "f", "meta": {"versionId": "of-elsewhere", "tag": [{"code": "x"}]}}),
            json!({"resourceType": "Flag", "id": "f", "meta": {"extension": [{"url": "u", "valueCode": "c"}]}}),
        ] {
            let shown = shown(stored.clone(), "v", UnixMillis(0), &conflicts);
            assert_eq!(shown["meta"]["versionId"], "v");
            assert_eq!(shown["meta"]["lastUpdated"], "1970-01-01T00:00:00.000Z");
            assert_eq!(without_additions(shown, Some(&stored)), stored);
        }
    }

    #[test]
    fn a_version_changes_with_the_content_and_with_a_conflict() {
        let one = json!({"resourceType": "Flag", "id": "f", "status": "active"});
        let two = json!({"resourceType": "Flag", "id": "f", "status": "inactive"});
        let conflict = [("status".to_owned(), "a b".to_owned())];
        assert_eq!(version(&one, &[]), version(&one, &[]));
        assert_ne!(version(&one, &[]), version(&two, &[]));
        assert_ne!(version(&one, &[]), version(&one, &conflict));
    }
}
