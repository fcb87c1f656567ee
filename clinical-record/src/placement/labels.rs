//! Security labels that move a resource to a sensitive document.

use std::collections::BTreeSet;

use serde_json::Value;

/// v3-ActCode information sensitivity codes (http://terminology.hl7.org/CodeSystem/v3-ActCode).
#[rustfmt::skip]
const SENSITIVITY: &[&str] = &[
    "ADOL", "BH", "CEL", "COGN", "DIA", "DRGIS", "DVD", "EMOTDIS", "EMP", "ETH", "ETHUD", "GDIS", "HIV", "MH",
    "OPIOIDUD", "PDS", "PHY", "PRS", "PSY", "PSYTHPN", "SDV", "SEX", "SICKLE", "SOC", "STD", "SUD", "TBOO", "VIO",
    "VIOLENCE",
];

/// v3-Confidentiality codes above normal: restricted, very restricted.
const RESTRICTED: &[&str] = &["R", "V"];

/// The part of the sensitive compartment; `None` for content without such a label.
///
/// With several categories their codes are joined by `+`, sorted: only who may read all of them may read the resource.
/// A confidentiality code counts only without a category, which is the finer statement.
pub(super) fn sensitive_part(resource: &Value) -> Option<String> {
    let labels = resource.pointer("/meta/security")?.as_array()?;
    let matching = |system: &str, codes: &[&str]| -> BTreeSet<String> {
        labels
            .iter()
            .filter(|label| is_of_system(label, system))
            .filter_map(|label| label.get("code")?.as_str())
            .filter(|code| codes.contains(code))
            .map(str::to_owned)
            .collect()
    };
    let mut codes = matching("ActCode", SENSITIVITY);
    if codes.is_empty() {
        codes = matching("Confidentiality", RESTRICTED);
    }
    (!codes.is_empty()).then(|| codes.into_iter().collect::<Vec<_>>().join("+"))
}

/// True for the code system's current and older URLs and OIDs, and when the label names no system: in doubt, protect.
fn is_of_system(label: &Value, name: &str) -> bool {
    let oid = if name == "ActCode" { "urn:oid:2.16.840.1.113883.5.4" } else { "urn:oid:2.16.840.1.113883.5.25" };
    match label.get("system").and_then(Value::as_str) {
        Some(system) => system.ends_with(name) || system == oid,
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn part(labels: &Value) -> Option<String> {
        sensitive_part(&json!({"meta": {"security": labels}}))
    }

    #[test]
    fn several_categories_are_joined_in_order() {
        assert_eq!(part(&json!([{"code": "SUD"}, {"code": "HIV"}, {"code": "HIV"}])), Some("HIV+SUD".into()));
    }

    #[test]
    fn confidentiality_counts_when_restricted_and_alone() {
        let system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
        assert_eq!(part(&json!([{"system": system, "code": "V"}])), Some("V".into()));
        assert_eq!(part(&json!([{"system": system, "code": "N"}])), None);
        assert_eq!(part(&json!([{"system": system, "code": "R"}, {"code": "PSY"}])), Some("PSY".into()));
    }

    #[test]
    fn a_code_of_another_system_is_no_label() {
        assert_eq!(part(&json!([{"system": "http://example.org/colours", "code": "R"}])), None);
        assert_eq!(part(&json!([])), None);
    }
}
