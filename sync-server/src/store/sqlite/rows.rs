//! Column values to types and back.

use rusqlite::Row;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sync_protocol::{DocumentDescriptor, OrganizationId, PatientId};

use crate::store::{Scope, StoreError};

/// The `OR` of an insert that met a row with its key.
pub(super) fn exists(what: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::ConstraintViolation) if is_foreign_key(&error) => {
            StoreError::NotFound("organization or practitioner")
        }
        Some(rusqlite::ErrorCode::ConstraintViolation) => StoreError::Exists(what),
        _ => StoreError::Database(error),
    }
}

fn is_foreign_key(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|e| e.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY)
}

/// Asks that a statement met exactly what it was meant for.
pub(super) fn found(what: &'static str, rows: usize) -> Result<(), StoreError> {
    if rows == 0 { Err(StoreError::NotFound(what)) } else { Ok(()) }
}

pub(super) fn to_json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Damaged("value"))
}

pub(super) fn from_json<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Damaged(what))
}

/// The condition that a row is within a scope; parameter 1 is [`organizations_of`] it. `column`: never from outside.
pub(super) fn within(scope: &Scope, column: &'static str) -> String {
    match scope {
        Scope::All => "?1 IS NULL".into(),
        Scope::Of(_) => format!("{column} IN (SELECT value FROM json_each(?1))"),
    }
}

/// A scope's organizations as one parameter.
pub(super) fn organizations_of(scope: &Scope) -> Result<Option<String>, StoreError> {
    match scope {
        Scope::All => Ok(None),
        Scope::Of(organizations) => to_json(organizations).map(Some),
    }
}

/// Reads an id or other parsed text from a column.
pub(super) fn parse<T: std::str::FromStr>(what: &'static str, text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|_| StoreError::Damaged(what))
}

/// Reads a fixed-length byte string from a column.
pub(super) fn bytes<const N: usize>(what: &'static str, blob: &[u8]) -> Result<[u8; N], StoreError> {
    blob.try_into().map_err(|_| StoreError::Damaged(what))
}

/// Reads organization, patient, compartment and part from columns `first` to `first + 3`.
pub(super) fn descriptor(row: &Row<'_>, first: usize) -> Result<DocumentDescriptor, StoreError> {
    let patient: Option<String> = row.get(first + 1)?;
    Ok(DocumentDescriptor {
        organization: parse::<OrganizationId>("organization id", &row.get::<_, String>(first)?)?,
        patient: patient.map(|p| parse::<PatientId>("patient id", &p)).transpose()?,
        compartment: parse("compartment", &row.get::<_, String>(first + 2)?)?,
        part: row.get(first + 3)?,
    })
}
