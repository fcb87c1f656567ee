//! What a request's fields must keep beyond their type.

use std::collections::BTreeSet;

use sync_protocol::Compartment;

use crate::access::{Affiliation, Grantee, PractitionerRole};
use crate::admin::{
    Credentials, NewAccount, NewCode, NewFhirClient, NewGrant, NewOrganization, NewPassword, NewPractitioner,
};

/// Letters in a name, at most.
const MAX_NAME: usize = 200;
/// Categories of one role, at most. The value set has fewer.
const MAX_CATEGORIES: usize = 64;
/// The longest that something can be granted for, in milliseconds: ten years.
const MAX_DURATION_MS: i64 = 10 * 366 * 24 * 60 * 60 * 1000;
/// The longest that an enrolment code can be used, in milliseconds: a week.
const MAX_CODE_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// Bytes of a login or a password that are looked at, at most.
const MAX_CREDENTIAL: usize = 1_024;

/// A field that is not as it must be. Names the field, not its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub struct Wrong {
    /// Which field.
    pub field: &'static str,
    /// What it must be.
    pub why: &'static str,
}

/// A request body that can be checked before anything is done with it.
pub trait Checked {
    /// Looks at every field.
    ///
    /// # Errors
    /// [`Wrong`], for the first field that is not as it must be.
    fn check(&self) -> Result<(), Wrong>;
}

impl Checked for NewOrganization {
    fn check(&self) -> Result<(), Wrong> {
        addressable(self.id.as_str())?;
        name(&self.name)
    }
}

impl Checked for NewPractitioner {
    fn check(&self) -> Result<(), Wrong> {
        addressable(self.id.as_str())?;
        name(&self.name)
    }
}

impl Checked for PractitionerRole {
    fn check(&self) -> Result<(), Wrong> {
        let known = self.sensitive.iter().all(|category| sync_protocol::is_fhir_id(category));
        require(self.sensitive.len() <= MAX_CATEGORIES && known, "sensitive", "up to 64 v3-ActCode categories")
    }
}

impl Checked for Affiliation {
    fn check(&self) -> Result<(), Wrong> {
        require(
            self.organization != self.partner,
            "partner",
            "another organization than the one whose charts they are",
        )?;
        compartments(&self.compartments)
    }
}

impl Checked for NewGrant {
    fn check(&self) -> Result<(), Wrong> {
        compartments(&self.compartments)?;
        let to_itself = matches!(&self.grantee, Grantee::Organization(to) if *to == self.organization);
        require(!to_itself, "grantee", "somebody else than the organization that manages the chart")?;
        within("valid_ms", self.valid_ms, MAX_DURATION_MS, "between 1 ms and ten years, in milliseconds")
    }
}

impl Checked for NewCode {
    fn check(&self) -> Result<(), Wrong> {
        within("valid_ms", self.valid_ms, MAX_CODE_MS, "between 1 ms and a week, in milliseconds")
    }
}

impl Checked for NewFhirClient {
    fn check(&self) -> Result<(), Wrong> {
        name(&self.name)
    }
}

impl Checked for NewAccount {
    fn check(&self) -> Result<(), Wrong> {
        Ok(())
    }
}

impl Checked for Credentials {
    fn check(&self) -> Result<(), Wrong> {
        match self {
            Self::Operator { key } => credential("key", key.reveal()),
            Self::Practitioner { login, password } => {
                credential("login", login)?;
                credential("password", password.reveal())
            }
        }
    }
}

impl Checked for NewPassword {
    fn check(&self) -> Result<(), Wrong> {
        credential("current", self.current.reveal())?;
        crate::accounts::password::check_rules(self.new.reveal())
    }
}

fn credential(field: &'static str, text: &str) -> Result<(), Wrong> {
    require(text.len() <= MAX_CREDENTIAL, field, "at most 1024 bytes")
}

/// FHIR allows `.` and `..` as ids; in a path they mean something else to many programs.
pub(super) fn addressable(id: &str) -> Result<(), Wrong> {
    require(!matches!(id, "." | ".."), "id", "a FHIR id other than . and ..")
}

fn name(text: &str) -> Result<(), Wrong> {
    let printable = !text.trim().is_empty() && !text.chars().any(char::is_control);
    require(printable && text.chars().count() <= MAX_NAME, "name", "1 to 200 letters without control characters")
}

fn compartments(given: &[Compartment]) -> Result<(), Wrong> {
    let distinct: BTreeSet<_> = given.iter().collect();
    require(!given.is_empty() && distinct.len() == given.len(), "compartments", "at least one, each once")
}

fn within(field: &'static str, value: i64, most: i64, why: &'static str) -> Result<(), Wrong> {
    require((1..=most).contains(&value), field, why)
}

pub(super) fn require(holds: bool, field: &'static str, why: &'static str) -> Result<(), Wrong> {
    if holds { Ok(()) } else { Err(Wrong { field, why }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: serde_json::Value) -> &'static str {
        let new: NewOrganization = serde_json::from_value(body).unwrap();
        new.check().err().map_or("", |wrong| wrong.field)
    }

    #[test]
    fn names_and_ids_are_for_people_and_paths() {
        use serde_json::json;
        assert_eq!(refused(json!({ "id": "north", "name": "Klinik Nord, 北 & Söhne" })), "");
        for name in ["", "  ", "line\nbreak", "nul\0", &"x".repeat(201)] {
            assert_eq!(refused(json!({ "id": "north", "name": name })), "name", "{name:?}");
        }
        assert_eq!(refused(json!({ "id": "..", "name": "N" })), "id");
    }

    #[test]
    fn a_grant_names_compartments_once_somebody_else_and_an_end() {
        use serde_json::json;
        let good = json!({
            "organization": "north", "patient": "p1", "grantee": { "organization": "south" }, "compartments": ["core"],
            "valid_ms": 1,
        });
        let wrong = |field: &str, value: serde_json::Value| {
            let mut body = good.clone();
            body[field] = value;
            let grant: NewGrant = serde_json::from_value(body).unwrap();
            grant.check().err().map(|wrong| wrong.field)
        };
        assert_eq!(wrong("patient", json!("p1")), None);
        assert_eq!(wrong("compartments", json!([])), Some("compartments"));
        assert_eq!(wrong("compartments", json!(["core", "core"])), Some("compartments"));
        assert_eq!(wrong("grantee", json!({ "organization": "north" })), Some("grantee"));
        for span in [0, -1, i64::MAX] {
            assert_eq!(wrong("valid_ms", json!(span)), Some("valid_ms"));
        }
    }
}
