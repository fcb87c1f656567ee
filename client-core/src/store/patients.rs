//! The list of patients and the search over it: names by prefix and without diacritics, identifiers, birth dates.

use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use serde_json::Value;
use sync_protocol::{OrganizationId, PatientId};

use super::{search, unreadable};
use crate::{ChartRef, DeviceError};

/// A patient as the list shows them.
#[derive(Clone, PartialEq, Eq)]
pub struct PatientEntry {
    /// The chart.
    pub chart: ChartRef,
    /// Display name; empty if the Patient has none.
    pub name: String,
    /// FHIR date, perhaps partial.
    pub birth_date: Option<String>,
    /// FHIR administrative gender.
    pub gender: Option<String>,
    /// Identifier values.
    pub identifiers: Vec<String>,
}

impl std::fmt::Debug for PatientEntry {
    /// The chart only: debug output must not name people.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PatientEntry").field("chart", &self.chart).finish_non_exhaustive()
    }
}

/// Which patients to list. The default lists all.
#[derive(Clone, Default)]
pub struct PatientFilter {
    /// Words that must all begin a word of name, identifier or birth date; or, where no patient has them, be like a name.
    pub text: Option<String>,
    /// Only charts of this organization.
    pub organization: Option<OrganizationId>,
}

impl std::fmt::Debug for PatientFilter {
    /// What somebody searches for is patient content too.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PatientFilter").field("organization", &self.organization).finish_non_exhaustive()
    }
}

/// Separates identifiers in their column; no identifier has it.
const SEPARATOR: &str = "\n";

/// Adds the patient or replaces what is shown of them. `all_names`: every name, for the search.
pub(crate) fn put(db: &Connection, entry: &PatientEntry, all_names: &str) -> Result<(), DeviceError> {
    let identifiers = entry.identifiers.join(SEPARATOR);
    let sql = "INSERT INTO patient (organization, patient, name, birth_date, gender, identifiers)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)
               ON CONFLICT (patient, organization)
                   DO UPDATE SET name = ?3, birth_date = ?4, gender = ?5, identifiers = ?6
               RETURNING number";
    let number: i64 = db.prepare_cached(sql)?.query_row(
        params![
            entry.chart.organization.as_str(),
            entry.chart.patient.as_str(),
            entry.name,
            entry.birth_date,
            entry.gender,
            identifiers
        ],
        |row| row.get(0),
    )?;
    search::put(db, number, all_names, &entry.identifiers, entry.birth_date.as_deref())
}

/// One patient.
pub(crate) fn find(db: &Connection, chart: &ChartRef) -> Result<Option<PatientEntry>, DeviceError> {
    let sql = "SELECT organization, patient, name, birth_date, gender, identifiers FROM patient
               WHERE patient = ?1 AND organization = ?2";
    let row =
        db.prepare_cached(sql)?.query_row([chart.patient.as_str(), chart.organization.as_str()], read).optional()?;
    row.map(entry).transpose()
}

/// Patients by name, `limit` of them after the first `offset`. Where words are given and no patient has them, those whose
/// names are like them, most alike first.
pub(crate) fn list(
    db: &Connection,
    filter: &PatientFilter,
    limit: usize,
    offset: usize,
) -> Result<Vec<PatientEntry>, DeviceError> {
    let Some(text) = &filter.text else { return page(db, None, filter, limit, offset) };
    let Some(expression) = search::expression(text) else { return Ok(Vec::new()) };
    let found = page(db, Some(&expression), filter, limit, offset)?;
    let none_at_all = found.is_empty() && (offset == 0 || page(db, Some(&expression), filter, 1, 0)?.is_empty());
    if none_at_all { alike(db, text, filter, limit, offset) } else { Ok(found) }
}

/// Patients by name, of those that the index gives for an expression, if there is one.
fn page(
    db: &Connection,
    expression: Option<&str>,
    filter: &PatientFilter,
    limit: usize,
    offset: usize,
) -> Result<Vec<PatientEntry>, DeviceError> {
    let organization = filter.organization.as_ref().map(OrganizationId::as_str);
    let (limit, offset) = (limit.min(1_000_000) as i64, offset.min(i64::MAX as usize) as i64);
    let matching = match expression {
        Some(_) => "number IN (SELECT rowid FROM patient_search WHERE patient_search MATCH ?1)",
        None => "?1 IS NULL",
    };
    let mut statement = db.prepare_cached(&format!(
        "SELECT organization, patient, name, birth_date, gender, identifiers FROM patient
         WHERE {matching} AND (?2 IS NULL OR organization = ?2)
         ORDER BY name COLLATE NOCASE, patient, organization LIMIT ?3 OFFSET ?4"
    ))?;
    let bound: [&dyn ToSql; 4] = [&expression, &organization, &limit, &offset];
    let rows = statement.query_map(bound, read)?;
    rows.map(|row| entry(row?)).collect()
}

fn alike(
    db: &Connection,
    text: &str,
    filter: &PatientFilter,
    limit: usize,
    offset: usize,
) -> Result<Vec<PatientEntry>, DeviceError> {
    let sql = "SELECT organization, patient, name, birth_date, gender, identifiers FROM patient WHERE number = ?1";
    let mut statement = db.prepare_cached(sql)?;
    let mut found = Vec::new();
    for number in search::alike(db, text)? {
        let Some(row) = statement.query_row([number], read).optional()? else { continue };
        let entry = entry(row)?;
        if filter.organization.as_ref().is_none_or(|wanted| *wanted == entry.chart.organization) {
            found.push(entry);
        }
    }
    Ok(found.into_iter().skip(offset).take(limit).collect())
}

pub(crate) fn count(db: &Connection) -> Result<u64, DeviceError> {
    let count: i64 = db.query_row("SELECT count(*) FROM patient", [], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

type PatientRow = (String, String, String, Option<String>, Option<String>, String);

fn read(row: &Row<'_>) -> rusqlite::Result<PatientRow> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
}

fn entry(row: PatientRow) -> Result<PatientEntry, DeviceError> {
    let fail = |_| unreadable("reading a patient");
    let (organization, patient, name, birth_date, gender, identifiers) = row;
    let organization = OrganizationId::new(organization).map_err(fail)?;
    let chart = ChartRef { organization, patient: PatientId::new(patient).map_err(fail)? };
    let identifiers = identifiers.split(SEPARATOR).filter(|text| !text.is_empty()).map(str::to_owned).collect();
    Ok(PatientEntry { chart, name, birth_date, gender, identifiers })
}

/// Calls `visit` with each Patient on this device, as FHIR JSON.
pub(crate) fn each_resource(db: &Connection, mut visit: impl FnMut(ChartRef, Value)) -> Result<(), DeviceError> {
    // In this order, so that each Patient is found by its key.
    let mut statement = db.prepare_cached(
        "SELECT d.organization, d.patient, r.json FROM document d CROSS JOIN resource r
         ON r.document = d.number AND r.resource_type = 'Patient' AND r.id = d.patient
         WHERE d.compartment = 'patient-index'",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let fail = |_| unreadable("reading a patient");
        let organization = OrganizationId::new(row.get::<_, String>(0)?).map_err(fail)?;
        let patient = PatientId::new(row.get::<_, String>(1)?).map_err(fail)?;
        let json = serde_json::from_str(row.get_ref(2)?.as_str().unwrap_or_default());
        visit(ChartRef { organization, patient }, json.map_err(|_| unreadable("reading a patient"))?);
    }
    Ok(())
}

/// Takes a patient off the list.
pub(crate) fn remove(db: &Connection, chart: &ChartRef) -> Result<(), DeviceError> {
    let sql = "DELETE FROM patient WHERE patient = ?1 AND organization = ?2 RETURNING number";
    let number: Option<i64> =
        db.query_row(sql, [chart.patient.as_str(), chart.organization.as_str()], |row| row.get(0)).optional()?;
    number.map_or(Ok(()), |number| search::remove(db, number))
}
