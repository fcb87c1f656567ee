//! How concurrent edits of each element come together: by themselves, or as a conflict that a clinician decides.
//!
//! One table ([`MERGE_RULES`]) says it, element by element. The writer uses it to keep as one value what must not be mixed,
//! the reader to show collections that were begun apart as one, the conflict finder to know what to ask about. What the
//! table does not name is asked about: the default is a conflict.

mod choice;
mod items;
mod markdown;
mod rows;

pub(crate) use choice::{CHOICE_SUFFIX, choice_stem, doubled_choices, is_choice_type};
pub(crate) use items::united_items;
pub use markdown::merging_markdown;
pub use rows::MERGE_RULES;

use crate::text_form::ANY_POSITION;

/// What happens when two people change one element while apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merging {
    /// Typed text: both people's letters stay, in an order that is the same everywhere.
    Letters,
    /// A collection: what either adds stays, what either removes goes. Collections begun apart are shown as one.
    Items(Inside),
    /// One element: two different values are a conflict.
    Value(Inside),
    /// Kept up by software, not entered: one of the values is shown, the others stay in the history only.
    Bookkeeping,
}

/// What happens to the parts of one element or of one entry of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inside {
    /// Each part for itself, by the rule it has.
    Apart,
    /// The parts are one value and are never mixed: `5 mg` and `10 mL` do not become `10 mg`.
    Whole,
    /// The parts mean something only together: different parts changed apart are a conflict over the whole.
    Together,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct MergeRule {
    /// The resource types; every type when empty.
    pub types: &'static [&'static str],
    /// The element as `a.b[].c`; `**.c` means `c` at any depth.
    pub element: &'static str,
    /// What happens.
    pub merging: Merging,
    /// Why, in words for a clinician.
    pub why: &'static str,
}

impl MergeRule {
    fn applies(&self, resource_type: &str, trail: &[&str]) -> bool {
        (self.types.is_empty() || self.types.contains(&resource_type)) && matches(self.element, trail)
    }
}

/// The rule of the element at `trail` (names from the resource down, `*` for list positions).
pub(crate) fn merging_of(resource_type: &str, trail: &[&str]) -> Merging {
    let Some(rule) = rule_at(resource_type, trail) else { return Merging::Value(Inside::Apart) };
    match rule {
        // Whoever changes part of a unit replaces or questions the unit: a collection in it is not one of its own.
        Merging::Items(inside) if within_unit(resource_type, trail) => Merging::Value(inside),
        rule => rule,
    }
}

/// True when the element at `trail` is written as one value, never in parts.
pub(crate) fn is_whole(resource_type: &str, trail: &[&str]) -> bool {
    if let [list @ .., ANY_POSITION] = trail {
        return rule_at(resource_type, list) == Some(Merging::Items(Inside::Whole));
    }
    rule_at(resource_type, trail) == Some(Merging::Value(Inside::Whole))
}

/// True for what is one value wherever it stands: a reference, a quantity, a period, a range, a ratio, a coding.
pub(crate) fn is_compound_value(value: &serde_json::Value) -> bool {
    let has = |name: &str| value.get(name).is_some_and(|part| !part.is_null());
    let measured = value.get("value").is_some_and(serde_json::Value::is_number);
    let coded = has("code") && has("system");
    measured || coded || ["reference", "start", "end", "low", "high", "numerator"].into_iter().any(has)
}

/// True when concurrent values of the element at `trail` are nobody's decision.
pub(crate) fn is_bookkeeping(resource_type: &str, trail: &[&str]) -> bool {
    (1..=trail.len()).any(|end| rule_at(resource_type, &trail[..end]) == Some(Merging::Bookkeeping))
}

/// True when the element at `trail` is a collection.
pub(crate) fn is_collection(resource_type: &str, trail: &[&str]) -> bool {
    matches!(merging_of(resource_type, trail), Merging::Items(_))
}

/// True when the parts of the resource's element `name` are judged together.
pub(crate) fn is_together(resource_type: &str, name: &str) -> bool {
    rule_at(resource_type, &[name]) == Some(Merging::Value(Inside::Together))
}

/// True when the type has any element whose parts are judged together.
pub(crate) fn has_together(resource_type: &str) -> bool {
    MERGE_RULES
        .iter()
        .any(|rule| rule.merging == Merging::Value(Inside::Together) && rule.types.contains(&resource_type))
}

fn within_unit(resource_type: &str, trail: &[&str]) -> bool {
    (1..trail.len()).any(|end| {
        is_whole(resource_type, &trail[..end])
            || rule_at(resource_type, &trail[..end]) == Some(Merging::Value(Inside::Together))
    })
}

/// The first row that applies; rows of named types come before those of every type.
fn rule_at(resource_type: &str, trail: &[&str]) -> Option<Merging> {
    MERGE_RULES.iter().find(|rule| rule.applies(resource_type, trail)).map(|rule| rule.merging)
}

/// Compares `a.b[].c` with the names of a trail, from the end, so that `**.c` can stand for any beginning.
fn matches(pattern: &str, trail: &[&str]) -> bool {
    let (pattern, anywhere) = pattern.strip_prefix("**.").map_or((pattern, false), |rest| (rest, true));
    let mut left = trail.iter().rev();
    for step in pattern.rsplit('.') {
        let name = step.strip_suffix("[]");
        if name.is_some() && left.next() != Some(&ANY_POSITION) {
            return false;
        }
        if left.next() != Some(&name.unwrap_or(step)) {
            return false;
        }
    }
    anywhere || left.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_its_trail_and_with_two_stars_any_depth() {
        assert!(matches("dosageInstruction[].route", &["dosageInstruction", "*", "route"]));
        assert!(!matches("dosageInstruction[].route", &["dosageInstruction", "route"]));
        assert!(!matches("status", &["contained", "*", "status"]));
        assert!(matches("**.coding", &["code", "coding"]));
        assert!(matches("**.coding", &["coding"]));
        assert!(!matches("**.coding", &["coding", "*"]));
    }

    #[test]
    fn codings_of_a_concept_are_a_collection_of_whole_entries_but_not_within_a_status() {
        assert_eq!(merging_of("Condition", &["code", "coding"]), Merging::Items(Inside::Whole));
        assert!(is_whole("Condition", &["code", "coding", "*"]));
        assert!(is_whole("AllergyIntolerance", &["verificationStatus"]));
        assert!(!is_collection("AllergyIntolerance", &["verificationStatus", "coding"]));
    }

    #[test]
    fn a_dosage_is_judged_together_and_a_dose_is_one_value() {
        assert!(is_together("MedicationRequest", "dosageInstruction"));
        assert!(is_whole("MedicationRequest", &["dosageInstruction", "*", "doseAndRate", "*"]));
        assert!(!is_collection("MedicationRequest", &["dosageInstruction"]));
        assert!(!is_collection("MedicationRequest", &["dosageInstruction", "*", "doseAndRate"]));
    }

    #[test]
    fn what_the_table_does_not_name_is_a_conflict() {
        assert_eq!(merging_of("Basic", &["anything"]), Merging::Value(Inside::Apart));
        assert!(is_bookkeeping("Basic", &["meta", "lastUpdated"]) && !is_bookkeeping("Basic", &["meta", "profile"]));
    }

    #[test]
    fn every_row_is_reached_by_its_own_element() {
        for rule in MERGE_RULES {
            let trail: Vec<&str> = rule
                .element
                .trim_start_matches("**.")
                .split('.')
                .flat_map(|step| step.strip_suffix("[]").map_or(vec![step], |name| vec![name, ANY_POSITION]))
                .collect();
            let types = if rule.types.is_empty() { &["Basic"] } else { rule.types };
            for resource_type in types {
                assert_eq!(rule_at(resource_type, &trail), Some(rule.merging), "{resource_type}.{}", rule.element);
            }
        }
    }
}
