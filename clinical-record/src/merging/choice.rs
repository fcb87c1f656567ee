//! Choice elements (`deceased[x]`): FHIR spells each type as an element of its own, though only one may be there.
//!
//! Two people who choose different types while apart write different elements, which merge without a trace. The finder
//! looks for such pairs, so that they are a conflict over the choice.

/// Ends the name of a choice element.
pub(crate) const CHOICE_SUFFIX: &str = "[x]";

/// Choice elements of the types clinicians edit.
#[rustfmt::skip]
const STEMS: &[&str] = &[
    "abatement", "asNeeded", "deceased", "dose", "effective", "medication", "multipleBirth", "occurrence", "onset",
    "performed", "rate", "reported", "statusReason", "value",
];

/// R4 data types a choice element's name can end in.
#[rustfmt::skip]
const TYPES: &[&str] = &[
    "Address", "Age", "Annotation", "Attachment", "Base64Binary", "Boolean", "Canonical", "Code", "CodeableConcept",
    "Coding", "ContactPoint", "Count", "Date", "DateTime", "Decimal", "Distance", "Duration", "HumanName", "Id",
    "Identifier", "Instant", "Integer", "Markdown", "Meta", "Money", "Oid", "Period", "PositiveInt", "Quantity",
    "Range", "Ratio", "Reference", "SampledData", "Signature", "String", "Time", "Timing", "UnsignedInt", "Uri",
    "Url", "Uuid",
];

/// True for the name of a data type as choice elements spell it.
pub(crate) fn is_choice_type(name: &str) -> bool {
    TYPES.binary_search(&name).is_ok()
}

/// The choice element that `name` is one type of: `deceased` for `deceasedBoolean`.
pub(crate) fn choice_stem(name: &str) -> Option<&'static str> {
    STEMS.iter().copied().find(|stem| name.strip_prefix(stem).is_some_and(is_choice_type))
}

/// The choice elements of which `names` holds more than one type. `names`: the keys of one object, sorted.
pub(crate) fn doubled_choices<'n>(names: impl Iterator<Item = &'n str>) -> Vec<&'static str> {
    let mut last = None;
    let mut doubled: Vec<&'static str> = Vec::new();
    for stem in names.filter_map(choice_stem) {
        if last == Some(stem) && doubled.last() != Some(&stem) {
            doubled.push(stem);
        }
        last = Some(stem);
    }
    doubled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_told_by_its_stem_and_type() {
        assert_eq!(choice_stem("deceasedBoolean"), Some("deceased"));
        assert_eq!(choice_stem("valueCodeableConcept"), Some("value"));
        for other in ["valueSet", "doseAndRate", "performer", "deceased", "_valueString"] {
            assert_eq!(choice_stem(other), None, "{other}");
        }
        assert!(TYPES.is_sorted());
    }

    #[test]
    fn a_choice_made_twice_is_found_once() {
        let names = ["status", "valueCodeableConcept", "valueQuantity", "valueSet", "valueString"];
        assert_eq!(doubled_choices(names.into_iter()), ["value"]);
        assert_eq!(doubled_choices(["deceasedBoolean", "valueString"].into_iter()), Vec::<&str>::new());
    }
}
