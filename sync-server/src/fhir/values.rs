//! What searches compare: values of a resource, by parameter, and dates as ranges of time.

use clinical_record::facts::folded_words;
use serde_json::Value;

use super::parameters::{self, Kind};
use crate::access::parse_date_time;

/// One value of one parameter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexedValue {
    /// Of which parameter; with `:text` the words of a concept.
    pub name: String,
    /// System of a token, type of a reference, a text as written.
    pub system: String,
    /// Code, id, folded text.
    pub value: String,
    /// Range of time, in milliseconds, both ends in it.
    pub range: Option<(i64, i64)>,
}

/// The values of a resource.
#[must_use]
pub fn of(resource_type: &str, resource: &Value) -> Vec<IndexedValue> {
    let mut found = Vec::new();
    for parameter in parameters::of(resource_type) {
        for path in parameter.paths {
            let mut at = Vec::new();
            collect(resource, path, &mut at);
            for value in at {
                add(parameter.name, parameter.kind, value, &mut found);
            }
        }
    }
    found
}

fn add(name: &str, kind: Kind, value: &Value, found: &mut Vec<IndexedValue>) {
    match kind {
        Kind::Token => add_token(name, value, found),
        Kind::Text => {
            if let Some(text) = value.as_str() {
                found.push(indexed(name, text, folded(text)));
            }
        }
        Kind::Date => {
            found.extend(range(value).map(|range| IndexedValue { range: Some(range), ..indexed(name, "", "".into()) }));
        }
        Kind::Reference => {
            let target = value.get("reference").and_then(Value::as_str).and_then(target);
            found.extend(target.map(|(kind, id)| indexed(name, kind, id.to_owned())));
        }
        Kind::Chart => {}
    }
}

fn add_token(name: &str, value: &Value, found: &mut Vec<IndexedValue>) {
    let text = |value: &Value, member: &str| value.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
    match value {
        Value::String(code) => found.push(indexed(name, "", code.clone())),
        Value::Bool(yes) => found.push(indexed(name, "", yes.to_string())),
        Value::Object(members) => {
            let words = format!("{name}:text");
            for shown in ["text", "display"].iter().filter_map(|member| value.get(member)?.as_str()) {
                found.push(indexed(&words, shown, folded(shown)));
            }
            if let Some(Value::Array(codings)) = members.get("coding") {
                codings.iter().for_each(|coding| add_token(name, coding, found));
            }
            for member in ["code", "value"].iter().filter(|member| members.contains_key(**member)) {
                found.push(indexed(name, &text(value, "system"), text(value, member)));
            }
        }
        _ => {}
    }
}

fn indexed(name: &str, system: &str, value: String) -> IndexedValue {
    IndexedValue { name: name.to_owned(), system: system.to_owned(), value, range: None }
}

/// A text as searches compare it: words in lower case, without accents.
#[must_use]
pub fn folded(text: &str) -> String {
    folded_words(text).join(" ")
}

/// Type and id that a reference names; the type is empty where the reference does not say it.
#[must_use]
pub fn target(reference: &str) -> Option<(&str, &str)> {
    if let Some(id) = reference.strip_prefix("urn:uuid:") {
        return Some(("", id));
    }
    let reference = reference.split_once("/_history/").map_or(reference, |(before, _)| before);
    let (before, id) = reference.rsplit_once('/')?;
    let kind = before.rsplit('/').next().unwrap_or(before);
    (clinical_record::is_fhir_id(id) && super::types::known(kind).is_some()).then_some((kind, id))
}

/// The range of time that an element names: dateTime, or a Period.
fn range(value: &Value) -> Option<(i64, i64)> {
    if let Some(text) = value.as_str() {
        return date_range(text);
    }
    let end_of = |member: &str| value.get(member).and_then(Value::as_str).and_then(date_range);
    match (end_of("start"), end_of("end")) {
        (None, None) => None,
        (start, end) => Some((start.map_or(i64::MIN, |range| range.0), end.map_or(i64::MAX, |range| range.1))),
    }
}

/// The range of time that a date or dateTime names, to its own precision.
#[must_use]
pub fn date_range(text: &str) -> Option<(i64, i64)> {
    let low = parse_date_time(text, false)?.0;
    let high = parse_date_time(text, true)?.0;
    // A second is as precise as a time without a fraction is.
    let exact = if text.contains('.') { 0 } else { 999 };
    Some((low, if text.contains('T') { low + exact } else { high - 1 }))
}

/// Values at a dotted path, through lists.
fn collect<'a>(value: &'a Value, path: &str, found: &mut Vec<&'a Value>) {
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    let children = match value.get(name) {
        Some(Value::Array(list)) => list.as_slice(),
        Some(child) => std::slice::from_ref(child),
        None => &[],
    };
    for child in children {
        if rest.is_empty() {
            found.push(child);
        } else {
            collect(child, rest, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn values(resource_type: &str, resource: &Value, name: &str) -> Vec<(String, String)> {
        let found = of(resource_type, resource).into_iter().filter(|one| one.name == name);
        found.map(|one| (one.system, one.value)).collect()
    }

    #[test]
    fn tokens_come_from_codes_concepts_codings_and_identifiers() {
        let condition = json!({"clinicalStatus": {"coding": [{"system": "s", "code": "active"}]},
            "identifier": [{"system": "i", "value": "7"}], "code": {"text": "Ästhma", "coding": [{"code": "c"}]}});
        assert_eq!(values("Condition", &condition, "clinical-status"), [("s".into(), "active".into())]);
        assert_eq!(values("Condition", &condition, "identifier"), [("i".into(), "7".into())]);
        assert_eq!(values("Condition", &condition, "code"), [(String::new(), "c".into())]);
        assert_eq!(values("Condition", &condition, "code:text"), [("Ästhma".into(), "asthma".into())]);
        assert_eq!(values("Patient", &json!({"active": true}), "active"), [(String::new(), "true".into())]);
    }

    #[test]
    fn names_are_folded_and_a_reference_is_read_by_type_and_id() {
        let patient = json!({"name": [{"family": "Müller-Silva", "given": ["Ana", "Zoë"]}]});
        let given: Vec<_> = values("Patient", &patient, "given").into_iter().map(|(_, value)| value).collect();
        assert_eq!(given, ["ana", "zoe"]);
        assert_eq!(target("Encounter/e1/_history/2"), Some(("Encounter", "e1")));
        assert_eq!(target("https://x.example/fhir/Encounter/e1"), Some(("Encounter", "e1")));
        assert_eq!(target("urn:uuid:e1"), Some(("", "e1")));
        assert_eq!(target("#e1"), None);
    }

    #[test]
    fn a_date_is_a_range_to_its_own_precision_and_a_period_may_be_open() {
        let day = 24 * 60 * 60 * 1000;
        assert_eq!(date_range("1970-01-02"), Some((day, 2 * day - 1)));
        assert_eq!(date_range("1970-01-01T00:00:01Z"), Some((1000, 1999)));
        assert_eq!(date_range("1970-01-01T01:00:00.250+01:00"), Some((250, 250)));
        assert_eq!(range(&json!({"start": "1970-01-02"})), Some((day, i64::MAX)));
        assert_eq!(range(&json!({})), None);
        assert_eq!(date_range("soon"), None);
    }
}
