//! One element of a resource, with its path for errors.

use serde_json::Value;

use super::FhirError;

/// An element that is there.
#[derive(Clone, Debug)]
pub(super) struct Element<'a> {
    path: String,
    value: &'a Value,
}

impl<'a> Element<'a> {
    /// A whole resource of one type.
    pub fn resource(value: &'a Value, kind: &str) -> Result<Self, FhirError> {
        let element = Self { path: kind.to_owned(), value };
        match element.get("resourceType").map(|kind| kind.value) {
            Some(Value::String(found)) if found == kind => Ok(element),
            _ => Err(element.wrong(&format!("resourceType must be {kind}"))),
        }
    }

    /// The element of that name, if it is there.
    pub fn get(&self, name: &str) -> Option<Self> {
        let value = self.value.get(name)?;
        Some(Self { path: format!("{}.{name}", self.path), value })
    }

    /// The element of that name.
    pub fn need(&self, name: &str) -> Result<Self, FhirError> {
        let missing = || FhirError { element: format!("{}.{name}", self.path), reason: "is missing".into() };
        self.get(name).ok_or_else(missing)
    }

    /// The items of a list.
    pub fn items(&self) -> Result<Vec<Self>, FhirError> {
        let Value::Array(items) = self.value else { return Err(self.wrong("must be a list")) };
        let item = |(at, value)| Self { path: format!("{}[{at}]", self.path), value };
        Ok(items.iter().enumerate().map(item).collect())
    }

    /// The items of a list that may be absent.
    pub fn list(&self, name: &str) -> Result<Vec<Self>, FhirError> {
        self.get(name).map_or(Ok(Vec::new()), |list| list.items())
    }

    /// Its text.
    pub fn text(&self) -> Result<&'a str, FhirError> {
        self.value.as_str().ok_or_else(|| self.wrong("must be text"))
    }

    /// Refuses every element beside these.
    pub fn only(&self, names: &[&str]) -> Result<(), FhirError> {
        let Value::Object(object) = self.value else { return Err(self.wrong("must be an object")) };
        // Primitive extensions stand under the name with an underscore.
        let unknown = object.keys().find(|name| !names.contains(&name.strip_prefix('_').unwrap_or(name.as_str())));
        match unknown {
            None => Ok(()),
            Some(name) if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') => {
                Err(FhirError { element: format!("{}.{name}", self.path), reason: "is not understood here".into() })
            }
            Some(_) => Err(self.wrong("holds an element that is not one of FHIR")),
        }
    }

    /// Type and id of the resource that a Reference refers to.
    pub fn reference(&self) -> Result<(String, String), FhirError> {
        let reference = self.need("reference")?;
        let text = reference.text()?;
        let mut ends = text.rsplit('/');
        match (ends.next(), ends.next()) {
            (Some(id), Some(kind)) if !text.contains("/_history/") && !text.contains(['?', '#']) => {
                Ok((kind.to_owned(), id.to_owned()))
            }
            _ => Err(reference.wrong("must be Type/id")),
        }
    }

    /// The code of a Coding of one system.
    pub fn code_of(&self, system: &str) -> Result<&'a str, FhirError> {
        self.only(&["id", "extension", "system", "version", "code", "display", "userSelected"])?;
        let given = self.need("system")?;
        if given.text()? != system {
            return Err(given.wrong(&format!("must be {system}")));
        }
        self.need("code")?.text()
    }

    /// An error about this element.
    pub fn wrong(&self, reason: &str) -> FhirError {
        FhirError { element: self.path.clone(), reason: reason.to_owned() }
    }
}
