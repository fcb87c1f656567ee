//! Drafts: work that a privacy officer returned, as its author had it. Removed by its author only.

use clinical_record::{ElementPath, ResourceKey};
use rusqlite::{Connection, Row, params};
use serde_json::{Value, json};
use sync_protocol::{ChangeHash, Compartment, DocumentDescriptor, DocumentId, OrganizationId, PatientId, UnixMillis};

use super::{bytes, documents, unreadable};
use crate::{ChartRef, DeviceError, own_words};

/// One element of a draft, before and after the author changed it.
#[derive(Clone, PartialEq)]
pub struct DraftStep {
    /// The change that did it.
    pub change: ChangeHash,
    /// When, by the author's clock.
    pub made_at: UnixMillis,
    /// Why, where the author said so.
    pub message: Option<String>,
    /// The element; empty for the whole resource.
    pub path: ElementPath,
    /// What it was; none if it was not there.
    pub before: Option<Value>,
    /// What the author made it; none if it was removed.
    pub after: Option<Value>,
}

/// Work on one resource that was returned.
#[derive(Clone, PartialEq)]
pub struct Draft {
    /// Names it on this device.
    pub number: u64,
    /// The document it was meant for.
    pub document: DocumentId,
    /// What that document is about.
    pub descriptor: DocumentDescriptor,
    /// The resource.
    pub resource: ResourceKey,
    /// Why it was returned, in the privacy officer's words.
    pub reason: String,
    /// When the author last worked on it, by this device's clock.
    pub made_at: UnixMillis,
    /// When it became a draft, by this device's clock.
    pub returned_at: UnixMillis,
    /// What the author did, in order.
    pub steps: Vec<DraftStep>,
    /// The whole resource as the author had it, FHIR JSON. None once the chart was taken back: then only what the author
    /// wrote is left, and what elements were before is not.
    pub json: Option<Value>,
}

impl Draft {
    /// The chart; none for the directory.
    #[must_use]
    pub fn chart(&self) -> Option<ChartRef> {
        documents::chart_of(&self.descriptor)
    }
}

impl std::fmt::Debug for DraftStep {
    /// Which change, not what it wrote.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DraftStep").field("change", &self.change).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Draft {
    /// Where it belongs, not what it says.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Draft").field("number", &self.number).field("resource", &self.resource).finish_non_exhaustive()
    }
}

/// Keeps a draft; its number is given by the store.
pub(crate) fn put(db: &Connection, draft: &Draft) -> Result<(), DeviceError> {
    let descriptor = &draft.descriptor;
    db.execute(
        "INSERT INTO draft (document, organization, patient, compartment, part, resource_type, resource_id, reason,
                            made_ms, returned_ms, steps, resource)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        params![
            draft.document.0,
            descriptor.organization.as_str(),
            descriptor.patient.as_ref().map(PatientId::as_str),
            descriptor.compartment.as_str(),
            descriptor.part,
            draft.resource.resource_type,
            draft.resource.id,
            draft.reason,
            draft.made_at.0,
            draft.returned_at.0,
            steps_json(&draft.steps).to_string(),
            draft.json.as_ref().map(Value::to_string)
        ],
    )?;
    Ok(())
}

const COLUMNS: &str = "number, document, organization, patient, compartment, part, resource_type, resource_id, reason,
                       made_ms, returned_ms, steps, resource";

pub(crate) fn all(db: &Connection) -> Result<Vec<Draft>, DeviceError> {
    select(db, "1 OR ?1", 0)
}

pub(crate) fn find(db: &Connection, number: u64) -> Result<Option<Draft>, DeviceError> {
    Ok(select(db, "number = ?1", number)?.pop())
}

fn select(db: &Connection, condition: &str, number: u64) -> Result<Vec<Draft>, DeviceError> {
    let mut statement = db.prepare_cached(&format!("SELECT {COLUMNS} FROM draft WHERE {condition} ORDER BY number"))?;
    let mut rows = statement.query([i64::try_from(number).unwrap_or(i64::MAX)])?;
    let mut drafts = Vec::new();
    while let Some(row) = rows.next()? {
        drafts.push(read(row)?);
    }
    Ok(drafts)
}

fn read(row: &Row<'_>) -> Result<Draft, DeviceError> {
    let fail = || unreadable("reading a draft");
    let organization = OrganizationId::new(row.get::<_, String>(2)?).map_err(|_| fail())?;
    let patient = row.get::<_, Option<String>>(3)?.map(PatientId::new).transpose().map_err(|_| fail())?;
    let compartment = row.get::<_, String>(4)?.parse::<Compartment>().map_err(|_| fail())?;
    let steps: Value = serde_json::from_str(&row.get::<_, String>(11)?).map_err(|_| fail())?;
    let json: Option<String> = row.get(12)?;
    Ok(Draft {
        number: row.get::<_, i64>(0)?.unsigned_abs(),
        document: DocumentId(bytes(row, 1)?),
        descriptor: DocumentDescriptor { organization, patient, compartment, part: row.get(5)? },
        resource: ResourceKey::new(row.get::<_, String>(6)?, row.get::<_, String>(7)?),
        reason: row.get(8)?,
        made_at: UnixMillis(row.get(9)?),
        returned_at: UnixMillis(row.get(10)?),
        steps: steps_of(&steps).ok_or_else(fail)?,
        json: json.map(|text| serde_json::from_str(&text)).transpose().map_err(|_| fail())?,
    })
}

fn steps_json(steps: &[DraftStep]) -> Value {
    let json = |step: &DraftStep| {
        let path = step.path.to_string();
        let mut json = json!({"change": step.change, "at": step.made_at.0, "message": step.message, "path": path});
        // Absent is not the same as null.
        for (name, value) in [("before", &step.before), ("after", &step.after)] {
            if let Some(value) = value {
                json[name] = value.clone();
            }
        }
        json
    };
    steps.iter().map(json).collect()
}

fn steps_of(json: &Value) -> Option<Vec<DraftStep>> {
    let step = |json: &Value| {
        Some(DraftStep {
            change: serde_json::from_value(json.get("change")?.clone()).ok()?,
            made_at: UnixMillis(json.get("at")?.as_i64()?),
            message: json.get("message").and_then(Value::as_str).map(str::to_owned),
            path: json.get("path")?.as_str()?.parse().ok()?,
            before: json.get("before").cloned(),
            after: json.get("after").cloned(),
        })
    };
    json.as_array()?.iter().map(step).collect()
}

/// Removes a draft, on its author's word. False if it is not there.
pub(crate) fn remove(db: &Connection, number: u64) -> Result<bool, DeviceError> {
    Ok(db.execute("DELETE FROM draft WHERE number = ?1", [i64::try_from(number).unwrap_or(i64::MAX)])? > 0)
}

/// The document may no longer be had: of its drafts only what the author wrote stays.
pub(crate) fn reduce(db: &Connection, document: &DocumentId) -> Result<(), DeviceError> {
    for mut draft in all(db)?.into_iter().filter(|draft| draft.document == *document) {
        if draft.json.is_none() && draft.steps.iter().all(|step| step.before.is_none()) {
            continue;
        }
        for step in &mut draft.steps {
            if let (Some(before), Some(after)) = (step.before.take(), &mut step.after) {
                *after = own_words::of(&before, after);
            }
        }
        let number = i64::try_from(draft.number).unwrap_or(i64::MAX);
        db.execute(
            "UPDATE draft SET resource = NULL, steps = ?2 WHERE number = ?1",
            params![number, steps_json(&draft.steps).to_string()],
        )?;
    }
    Ok(())
}
