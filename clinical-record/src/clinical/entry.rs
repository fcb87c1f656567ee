//! What all clinical edits share: who enters something for whom and when, codes and quantities, and the finished edit.

use serde::Deserialize;
use serde_json::{Number, Value, json};

use super::ClinicalError;
use crate::{DocumentEditor, DocumentKey, RecordError, References, place, validate};

pub(super) const LOINC: &str = "http://loinc.org";
pub(super) const UCUM: &str = "http://unitsofmeasure.org";

/// Who enters something, for whom, when, and the FHIR ids it gets.
#[derive(Clone, Copy)]
pub struct Entry<'e> {
    /// FHIR id of the Patient.
    pub patient: &'e str,
    /// FHIR id of the Encounter it happens in.
    pub encounter: Option<&'e str>,
    /// FHIR id of the Practitioner who enters it.
    pub author: &'e str,
    /// FHIR dateTime with zone, by the author's clock. Shown, never used to order.
    pub now: &'e str,
    /// FHIR id of the new resource; edits of an existing one do not use it.
    pub id: &'e str,
}

impl Entry<'_> {
    pub(super) fn patient_reference(&self) -> Value {
        reference("Patient", self.patient)
    }

    pub(super) fn author_reference(&self) -> Value {
        reference("Practitioner", self.author)
    }

    /// Adds the encounter, where there is one.
    pub(super) fn in_encounter(&self, resource: &mut Value) {
        if let Some(encounter) = self.encounter {
            resource["encounter"] = reference("Encounter", encounter);
        }
    }

    /// A remark by the author; `None` for a blank one.
    pub(super) fn annotation(&self, text: Option<&str>) -> Option<Value> {
        let text = text.map(str::trim).filter(|text| !text.is_empty())?;
        Some(json!({"authorReference": self.author_reference(), "time": self.now, "text": text}))
    }

    /// Adds a remark at the end of `note`.
    pub(super) fn remark(&self, resource: &mut Value, text: Option<&str>) {
        if let Some(note) = self.annotation(text) {
            push(resource, "note", note);
        }
    }
}

/// A code of a code system.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Code {
    /// URI of the code system.
    pub system: String,
    /// The code.
    pub code: String,
    /// Its name in the code system.
    pub display: Option<String>,
}

/// A concept: codes that mean the same, words, or both.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Concept {
    /// The codes.
    #[serde(default)]
    pub codes: Vec<Code>,
    /// The words.
    pub text: Option<String>,
}

impl Concept {
    /// A concept in words only.
    pub fn words(text: impl Into<String>) -> Self {
        Self { codes: Vec::new(), text: Some(text.into()) }
    }

    /// A concept of one code, with its name as its words.
    pub fn code(system: &str, code: &str, display: &str) -> Self {
        let (system, code) = (system.to_owned(), code.to_owned());
        Self { codes: vec![Code { system, code, display: Some(display.to_owned()) }], text: Some(display.to_owned()) }
    }

    /// The CodeableConcept for the element at `path`.
    pub(super) fn element(&self, path: &str) -> Result<Value, ClinicalError> {
        let text = self.text.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let mut codings = Vec::with_capacity(self.codes.len());
        for (position, code) in self.codes.iter().enumerate() {
            let part = |name: &str| format!("{path}.coding[{position}].{name}");
            required(part("system"), &code.system)?;
            required(part("code"), &code.code)?;
            let mut coding = json!({"system": code.system.trim(), "code": code.code.trim()});
            set(&mut coding, "display", code.display.as_deref().map(Value::from));
            codings.push(coding);
        }
        let mut concept = json!({});
        set(&mut concept, "coding", (!codings.is_empty()).then(|| codings.into()));
        set(&mut concept, "text", text.map(Value::from));
        if concept == json!({}) { Err(ClinicalError::new(path, "is missing")) } else { Ok(concept) }
    }
}

/// A number with its unit.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Quantity {
    /// The number, digits as entered: `1.50` keeps its zero.
    pub value: Number,
    /// UCUM code of the unit.
    pub unit: String,
}

impl Quantity {
    pub(super) fn element(&self, path: &str) -> Result<Value, ClinicalError> {
        required(format!("{path}.unit"), &self.unit)?;
        Ok(json!({"value": self.value, "unit": self.unit, "system": UCUM, "code": self.unit}))
    }
}

/// Something unusual about an edit that may well be right: shown before it is saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditWarning {
    /// The element.
    pub path: String,
    /// What is unusual, as the end of a sentence.
    pub problem: &'static str,
}

/// Resources to put, each with the document it belongs in.
#[derive(Clone, PartialEq)]
pub struct ClinicalEdit {
    /// Put them in this order. Resources of one document make one change.
    pub resources: Vec<(DocumentKey, Value)>,
    /// Why, for the history, where the use case asks for it.
    pub reason: Option<String>,
    /// What to show before saving.
    pub warnings: Vec<EditWarning>,
}

impl ClinicalEdit {
    /// Checks and places finished resources.
    pub(crate) fn of(entry: &Entry<'_>, resources: impl IntoIterator<Item = Value>) -> Result<Self, ClinicalError> {
        let references = References::standalone(Some(entry.patient));
        let mut placed = Vec::new();
        for resource in resources {
            if let Some(issue) = validate(&resource).into_iter().next() {
                return Err(issue.into());
            }
            let name = resource["resourceType"].as_str().unwrap_or_default();
            let key = place(&resource, &references).map_err(|error| ClinicalError::placement(name, &error))?;
            placed.push((key, resource));
        }
        Ok(Self { resources: placed, reason: None, warnings: Vec::new() })
    }

    pub(crate) fn because(mut self, reason: Option<&str>) -> Self {
        self.reason = reason.map(str::trim).filter(|reason| !reason.is_empty()).map(str::to_owned);
        self
    }

    /// Puts the resources of one document, with the reason.
    ///
    /// # Errors
    /// As [`DocumentEditor::put_resource`].
    pub fn put_into(&self, document: &DocumentKey, editor: &mut DocumentEditor<'_>) -> Result<(), RecordError> {
        if let Some(reason) = &self.reason {
            editor.set_message(reason.clone());
        }
        let mut of_document = self.resources.iter().filter(|(key, _)| key == document);
        of_document.try_for_each(|(_, resource)| editor.put_resource(resource).map(drop))
    }
}

pub(super) fn reference(resource_type: &str, id: &str) -> Value {
    json!({"reference": format!("{resource_type}/{id}")})
}

/// Refuses a blank text.
pub(super) fn required(path: impl Into<String>, text: &str) -> Result<(), ClinicalError> {
    if text.trim().is_empty() { Err(ClinicalError::new(path, "is missing")) } else { Ok(()) }
}

/// Sets an element that has a value.
pub(super) fn set(resource: &mut Value, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        resource[name] = value;
    }
}

/// Sets an element of text, leaving out a blank one.
pub(super) fn set_text(resource: &mut Value, name: &str, text: Option<&str>) {
    set(resource, name, text.map(str::trim).filter(|text| !text.is_empty()).map(Value::from));
}

/// Adds a value at the end of a list, beginning it where there is none.
pub(crate) fn push(resource: &mut Value, name: &str, value: Value) {
    match resource.get_mut(name).and_then(Value::as_array_mut) {
        Some(list) => list.push(value),
        None => resource[name] = json!([value]),
    }
}

/// Refuses a resource of another type, or one that was entered in error.
pub(super) fn expect_type(resource: &Value, resource_type: &str) -> Result<(), ClinicalError> {
    if resource["resourceType"] != resource_type {
        return Err(ClinicalError::new(resource_type, "is not the type of this resource"));
    }
    if crate::entered_in_error::is_retracted(resource) {
        return Err(ClinicalError::new(resource_type, "was entered in error and is not edited"));
    }
    Ok(())
}

/// Refuses a change from a status that does not allow it.
pub(super) fn expect_status(resource: &Value, name: &str, allowed: &[&str]) -> Result<(), ClinicalError> {
    let resource_type = resource["resourceType"].as_str().unwrap_or_default();
    match resource.get(name).and_then(Value::as_str) {
        Some(status) if allowed.contains(&status) => Ok(()),
        _ => Err(ClinicalError::new(
            format!("{resource_type}.{name}"),
            format!("does not allow this: it must be {}", allowed.join(" or ")),
        )),
    }
}
