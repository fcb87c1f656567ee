//! What documents read as: fills the resource and patient tables from opened documents.

use std::cell::Cell;

use clinical_record::{
    CURRENT_SCHEMA, RecordDocument, RecordError, ResourceKey, Schema, is_entered_in_error, patient_summary,
    resource_summary,
};
use rusqlite::Connection;
use serde_json::Value;
use sync_protocol::Compartment;

use crate::DeviceError;
use crate::store::documents::{self, StoredDocument};
use crate::store::patients::{self, PatientEntry};
use crate::store::resources::{self, ENTERED_IN_ERROR, ResourceEntry};
use crate::store::{changes, histories, inbox};

/// Opens a document from its changes.
///
/// # Errors
/// [`DeviceError::Quarantined`] if its content cannot be applied.
pub(crate) fn open_document(db: &Connection, document: &StoredDocument) -> Result<RecordDocument, DeviceError> {
    if let Some(reason) = &document.unreadable {
        return Err(DeviceError::Quarantined { document: document.id, reason: reason.clone() });
    }
    let loose = changes::loose_of_document(db, document.number)?;
    let loose = loose.iter().map(|change| change.payload.as_slice());
    match histories::saved(db, document.number)? {
        // What is shown was made from just these changes, all of them checked.
        None if !document.stale => given(document, RecordDocument::load_accepted(loose)),
        None => load(document, loose),
        Some(saved) => reopen(&saved, loose)
            .map_err(|error| DeviceError::Quarantined { document: document.id, reason: error.to_string() }),
    }
}

/// Opens a document from its saved form and what came after it.
fn reopen<'a>(saved: &[u8], loose: impl Iterator<Item = &'a [u8]>) -> Result<RecordDocument, RecordError> {
    let mut opened = RecordDocument::load_saved(saved)?;
    let mut loose = loose.peekable();
    if loose.peek().is_some() {
        opened.apply(loose)?;
    }
    Ok(opened.with_schema(schema()))
}

pub(crate) fn load<'a>(
    document: &StoredDocument,
    changes: impl IntoIterator<Item = &'a [u8]>,
) -> Result<RecordDocument, DeviceError> {
    given(document, RecordDocument::load(changes))
}

fn given(
    document: &StoredDocument,
    opened: Result<RecordDocument, RecordError>,
) -> Result<RecordDocument, DeviceError> {
    opened
        .map(|opened| opened.with_schema(schema()))
        .map_err(|error| DeviceError::Quarantined { document: document.id, reason: error.to_string() })
}

thread_local! {
    /// What [`as_version`] puts in place of this version's schema.
    static OTHER_SCHEMA: Cell<Option<&'static Schema>> = const { Cell::new(None) };
}

/// The schema in which documents are read and written.
pub(crate) fn schema() -> &'static Schema {
    OTHER_SCHEMA.get().unwrap_or(&CURRENT_SCHEMA)
}

/// Does something as a version of this software with another schema would: to test that versions get along.
#[doc(hidden)]
pub fn as_version<T>(schema: &'static Schema, work: impl FnOnce() -> T) -> T {
    struct Restore(Option<&'static Schema>);
    impl Drop for Restore {
        fn drop(&mut self) {
            OTHER_SCHEMA.set(self.0);
        }
    }
    let _restore = Restore(OTHER_SCHEMA.replace(Some(schema)));
    work()
}

/// Whether the document is projected as soon as it arrives: the patient list and the directory work before charts do.
pub(crate) fn is_eager(compartment: Compartment) -> bool {
    matches!(compartment, Compartment::PatientIndex | Compartment::Directory)
}

/// Shows what a document reads as now. One that cannot be opened is marked so and left as it was shown.
pub(crate) fn refresh(db: &Connection, document: &StoredDocument) -> Result<(), DeviceError> {
    show(db, document, open_document(db, document))
}

/// Shows what came of opening a document: its content, or that it cannot be opened.
pub(crate) fn show(
    db: &Connection,
    document: &StoredDocument,
    opened: Result<RecordDocument, DeviceError>,
) -> Result<(), DeviceError> {
    match opened {
        Ok(opened) => project(db, document, &opened),
        Err(DeviceError::Quarantined { reason, .. }) => documents::set_unreadable(db, document.number, Some(&reason)),
        Err(error) => Err(error),
    }
}

/// Shows all of a document anew.
pub(crate) fn project(db: &Connection, document: &StoredDocument, opened: &RecordDocument) -> Result<(), DeviceError> {
    resources::clear(db, document.number)?;
    for (key, resource) in opened.resources() {
        put(db, document, &key, &resource)?;
    }
    inbox::put(db, document.number, opened)?;
    documents::set_stale(db, document.number, false)
}

/// Shows some resources of a document anew. `linear`: whether nobody has edited it at the same time as somebody else.
pub(crate) fn project_only(
    db: &Connection,
    document: &StoredDocument,
    (opened, linear): (&RecordDocument, bool),
    keys: &[ResourceKey],
) -> Result<(), DeviceError> {
    for key in keys {
        if let Some(resource) = opened.resource(key) {
            put(db, document, key, &resource)?;
        }
    }
    inbox::put_after_edit(db, document.number, opened, linear)
}

fn put(db: &Connection, document: &StoredDocument, key: &ResourceKey, resource: &Value) -> Result<(), DeviceError> {
    let summary = resource_summary(resource);
    // However the type says it, and wherever in a list of codes.
    let status = if is_entered_in_error(resource) { Some(ENTERED_IN_ERROR.to_owned()) } else { summary.status };
    let entry = ResourceEntry { key: key.clone(), summary: summary.display, date: summary.date, status };
    resources::put(db, document.number, &entry, resource)?;
    if document.descriptor.compartment == Compartment::PatientIndex {
        put_patient(db, document, key, resource)?;
    }
    Ok(())
}

fn put_patient(
    db: &Connection,
    document: &StoredDocument,
    key: &ResourceKey,
    resource: &Value,
) -> Result<(), DeviceError> {
    let Some(chart) = document.chart().filter(|chart| chart.patient.as_str() == key.id) else { return Ok(()) };
    let Some(summary) = patient_summary(resource) else { return Ok(()) };
    let family = summary.family.unwrap_or_default();
    let given = summary.given.join(" ");
    let name = match (family.is_empty(), given.is_empty()) {
        (false, false) => format!("{family}, {given}"),
        _ => format!("{family}{given}"),
    };
    let entry = PatientEntry {
        chart,
        name,
        birth_date: summary.birth_date,
        gender: summary.gender,
        identifiers: summary.identifiers.into_iter().map(|identifier| identifier.value).collect(),
    };
    patients::put(db, &entry, &all_names(resource))
}

/// Every part of every name: people are found by maiden and old names too.
fn all_names(patient: &Value) -> String {
    let mut words = Vec::new();
    for name in patient.get("name").and_then(Value::as_array).into_iter().flatten() {
        words.extend(name.get("family").and_then(Value::as_str));
        words.extend(name.get("text").and_then(Value::as_str));
        words.extend(name.get("given").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str));
    }
    words.join(" ")
}
