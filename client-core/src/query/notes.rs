//! Full-text search over notes.

use clinical_record::Compartment;
use clinical_record::facts::{folded_words, searchable_text, snippet};
use serde::{Deserialize, Serialize};
use sync_protocol::UnixMillis;

use super::{Page, concealed};
use crate::store::rows::{self, StoredRow};
use crate::{ChartRef, Device, DeviceError};

/// A note that was found.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NoteRow {
    /// The organization whose chart it is in.
    pub organization: String,
    /// The registration that it is of.
    pub patient: String,
    /// `Type/id`.
    pub resource: String,
    /// One line for a person.
    pub summary: String,
    /// When, as FHIR writes it.
    pub date: Option<String>,
    /// What stands around the first word found.
    pub snippet: String,
}

concealed!(NoteRow);

/// Where notes and remarks are.
const COMPARTMENTS: [Compartment; 5] =
    [Compartment::Core, Compartment::Encounter, Compartment::Results, Compartment::Sensitive, Compartment::Workflow];

impl Device {
    /// Notes, reports and remarks that have words beginning as each of those of `text`; accents and case do not matter. Of one
    /// person or of everybody, the newest first. What was entered in error is left out.
    ///
    /// # Errors
    /// [`DeviceError::UnknownPatient`], [`DeviceError::LeaseExpired`]; storage.
    pub fn search_notes(
        &mut self,
        text: &str,
        chart: Option<&ChartRef>,
        page: Page,
        now: UnixMillis,
    ) -> Result<Vec<NoteRow>, DeviceError> {
        self.check_lease(now)?;
        let words = folded_words(text);
        let scope = match chart {
            Some(chart) => Some(self.scope(chart, now)?),
            None => {
                self.ensure_compartments_projected(&COMPARTMENTS)?;
                None
            }
        };
        if words.is_empty() {
            return Ok(Vec::new());
        }
        // Quoted, so that no word is taken for an operator.
        let expression: Vec<_> = words.iter().map(|word| format!("\"{word}\"*")).collect();
        let mut found = rows::notes(&self.db, &expression.join(" "))?;
        found.retain(|row| scope.as_ref().is_none_or(|scope| scope.contains(&row.chart)));
        let given = page.of(&found);
        self.record_rows(given.iter().copied(), now)?;
        Ok(given.into_iter().map(|row| note(row, &words)).collect())
    }
}

fn note(row: &StoredRow, words: &[String]) -> NoteRow {
    let text = row.json.as_ref().and_then(searchable_text).unwrap_or_default();
    NoteRow {
        organization: row.chart.organization.to_string(),
        patient: row.chart.patient.to_string(),
        resource: row.key.to_string(),
        summary: row.summary.clone(),
        date: row.date.clone(),
        snippet: snippet(&text, words),
    }
}
