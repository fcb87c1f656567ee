//! Checks resources against FHIR R4 where they enter and leave: element names, lists, types, required elements, formats, codes.
//!
//! The definitions are those of the fhirbolt crates. Not checked: profiles, invariants in FHIRPath, codes outside the value
//! sets of [`codes`], and required elements that may repeat.

mod codes;
mod formats;
mod primitive;
mod required;
mod walk;

use std::fmt;

use serde_json::Value;

/// One thing that is not as R4 wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationIssue {
    /// The element, as FHIRPath writes it: `Patient.name[0].family`.
    pub path: String,
    /// What is wrong there.
    pub problem: ValidationProblem,
}

/// What can be wrong with an element. Carries no content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValidationProblem {
    /// Not a JSON object with a resourceType that R4 has.
    #[error("not a resource of a type that FHIR R4 has")]
    UnknownType,
    /// R4 has no such element here.
    #[error("FHIR R4 has no such element here")]
    UnknownElement,
    /// One value where R4 wants a list.
    #[error("must be a list")]
    NotAList,
    /// A list where R4 wants one value.
    #[error("must not be a list")]
    IsAList,
    /// An empty list, object or string, or a null.
    #[error("must not be empty")]
    Empty,
    /// Another JSON type than R4 wants.
    #[error("must be {0}")]
    WrongType(&'static str),
    /// An element that must be there is not.
    #[error("is missing")]
    Missing,
    /// Several types of one choice element.
    #[error("only one type of this choice may be given")]
    SeveralOfChoice,
    /// A string or number in another form than R4 wants.
    #[error("must be {0}")]
    BadFormat(&'static str),
    /// A code that the element's value set does not have.
    #[error("is not a code that FHIR R4 allows here")]
    UnknownCode,
}

impl fmt::Display for ValidationIssue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.problem)
    }
}

/// What is wrong with a resource, in the order of its elements; empty when nothing is.
///
/// Unknown extensions are nothing wrong: their content is checked like any element's.
pub fn validate(resource: &Value) -> Vec<ValidationIssue> {
    let mut walk = walk::Walk::default();
    walk.resource(resource, None);
    walk.issues
}

#[cfg(test)]
mod tests {
    use super::ValidationProblem::*;
    use super::*;
    use serde_json::json;

    fn issues(resource: &Value) -> Vec<(String, ValidationProblem)> {
        validate(resource).into_iter().map(|issue| (issue.path, issue.problem)).collect()
    }

    fn one(path: &str, problem: ValidationProblem) -> Vec<(String, ValidationProblem)> {
        vec![(path.to_owned(), problem)]
    }

    #[test]
    fn a_patient_with_extensions_everywhere_is_valid() {
        let patient = json!({"resourceType": "Patient", "id": "p", "meta": {"versionId": "1"},
            "extension": [{"url": "http://e", "extension": [{"url": "x", "valueDecimal": 1.50}]}],
            "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"},
            "contained": [{"resourceType": "Organization", "id": "o", "name": "O"}],
            "name": [{"family": "A", "given": [null, "B"], "_given": [{"extension": [{"url": "u", "valueCode": "unknown"}]}, null]}],
            "birthDate": "1970-02", "_birthDate": {"extension": [{"url": "u", "valueDateTime": "1970-02-03T10:00:00Z"}]},
            "multipleBirthInteger": 2, "deceasedBoolean": false});
        assert_eq!(issues(&patient), []);
    }

    #[test]
    fn an_error_names_the_path_of_its_element() {
        let base = json!({"resourceType": "Patient", "id": "p", "name": [{"family": "A"}, {"family": "B"}]});
        for (pointer, value, path, problem) in [
            ("/name/1/familly", json!("x"), "Patient.name[1].familly", UnknownElement),
            ("/name/1/given", json!("x"), "Patient.name[1].given", NotAList),
            ("/name/1/family", json!(["x"]), "Patient.name[1].family", IsAList),
            ("/name/1/family", json!(""), "Patient.name[1].family", Empty),
            ("/name/1/given", json!([]), "Patient.name[1].given", Empty),
            ("/name/1/given", json!(["a", null]), "Patient.name[1].given[1]", Empty),
            ("/name/1/family", json!(7), "Patient.name[1].family", WrongType("a string")),
            ("/active", json!("yes"), "Patient.active", WrongType("true or false")),
            ("/birthDate", json!("1970-13-01"), "Patient.birthDate", BadFormat("a date: 1970, 1970-01 or 1970-01-31")),
            ("/gender", json!("f"), "Patient.gender", UnknownCode),
            ("/multipleBirthInteger", json!(1.5), "Patient.multipleBirthInteger", WrongType("an integer")),
            ("/link", json!([{"type": "refer"}]), "Patient.link[0].other", Missing),
            ("/maritalStatus", json!({}), "Patient.maritalStatus", Empty),
            ("/extension", json!([{"valueString": "x"}]), "Patient.extension[0].url", Missing),
        ] {
            let mut patient = base.clone();
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            patient.pointer_mut(parent).unwrap()[name] = value;
            assert_eq!(issues(&patient), one(path, problem), "{pointer}");
        }
    }

    #[test]
    fn choices_backbones_and_contained_resources_are_followed() {
        let observation = json!({"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"},
            "valueString": "a", "valueBoolean": true, "component": [{"valueQuantity": {"value": "7"}}],
            "contained": [{"resourceType": "Patient", "id": "p", "nam": []}]});
        let mut expected = one("Observation.component[0].valueQuantity.value", WrongType("a number"));
        expected.extend(one("Observation.component[0].code", Missing));
        expected.extend(one("Observation.contained[0].nam", UnknownElement));
        expected.extend(one("Observation.value[x]", SeveralOfChoice));
        assert_eq!(issues(&observation), expected);
    }

    #[test]
    fn required_elements_and_types_are_asked_for() {
        let order = json!({"resourceType": "MedicationRequest", "id": "m", "status": "active", "intent": "order"});
        let mut expected = one("MedicationRequest.medication[x]", Missing);
        expected.extend(one("MedicationRequest.subject", Missing));
        assert_eq!(issues(&order), expected);
        assert_eq!(issues(&json!({"resourceType": "Potion", "id": "x"})), one("Potion", UnknownType));
        assert_eq!(issues(&json!([])), one("", UnknownType));
    }

    #[test]
    fn a_recursive_type_is_followed_all_the_way_down() {
        let nested = json!({"resourceType": "Composition", "id": "c", "status": "final", "type": {"text": "t"}, "date": "2024",
            "author": [{"display": "a"}], "title": "t",
            "section": [{"section": [{"section": [{"titel": "x"}]}]}]});
        assert_eq!(issues(&nested), one("Composition.section[0].section[0].section[0].titel", UnknownElement));
    }
}
