//! Notes: plain text whose concurrent edits merge by character, signed with who wrote them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clinical_record::{ElementPath, PathStep, ResourceKey};
use serde_json::json;
use sync_protocol::UnixMillis;

use super::EditReceipt;
use crate::random::fresh_id;
use crate::{ChartRef, Device, DeviceError, fhir_time};

impl Device {
    /// Adds a note to a chart as a DocumentReference. `encounter`: FHIR id of the Encounter it belongs to.
    ///
    /// # Errors
    /// [`DeviceError::UnknownPatient`], [`DeviceError::UnknownResource`] for an encounter that is not in the chart,
    /// [`DeviceError::ChangeTooLarge`], [`DeviceError::LeaseExpired`]; storage.
    pub fn add_note(
        &mut self,
        chart: &ChartRef,
        text: &str,
        encounter: Option<&str>,
        now: UnixMillis,
    ) -> Result<EditReceipt, DeviceError> {
        let author = format!("Practitioner/{}", self.enrolled_identity()?.practitioner);
        let id = fresh_id(&mut *self.randomness);
        let mut note = json!({
            "resourceType": "DocumentReference",
            "id": id,
            "status": "current",
            "docStatus": "preliminary",
            "type": {"coding": [{"system": "http://loinc.org", "code": "34109-9", "display": "Note"}]},
            "subject": {"reference": format!("Patient/{}", chart.patient)},
            "date": fhir_time::instant(now),
            "author": [{"reference": author}],
            "content": [{"attachment": {"contentType": "text/plain; charset=utf-8", "data": STANDARD.encode(text)}}],
        });
        if let Some(encounter) = encounter {
            self.holding_or_fail(chart, &ResourceKey::new("Encounter", encounter), now)?;
            note["context"] = json!({"encounter": [{"reference": format!("Encounter/{encounter}")}]});
        }
        self.put_resource(chart, &note, now)
    }

    /// Adds text at the end of a note.
    ///
    /// # Errors
    /// [`DeviceError::UnknownResource`]; [`DeviceError::Content`] if it is not a plain text note.
    pub fn append_to_note(
        &mut self,
        chart: &ChartRef,
        note: &ResourceKey,
        text: &str,
        now: UnixMillis,
    ) -> Result<EditReceipt, DeviceError> {
        let descriptor = self.holding_or_fail(chart, note, now)?;
        self.edit_document(&descriptor, now, |editor| {
            editor.append_text(note, &text_of_note(), text)?;
            Ok(note.clone())
        })
    }

    /// Replaces `delete` characters at `position` of a note by `insert`. Positions count Unicode code points.
    ///
    /// # Errors
    /// As [`Device::append_to_note`]; [`DeviceError::Content`] for a position beyond the end.
    pub fn splice_note(
        &mut self,
        chart: &ChartRef,
        note: &ResourceKey,
        position: usize,
        delete: usize,
        insert: &str,
        now: UnixMillis,
    ) -> Result<EditReceipt, DeviceError> {
        let descriptor = self.holding_or_fail(chart, note, now)?;
        self.edit_document(&descriptor, now, |editor| {
            editor.splice_text(note, &text_of_note(), position, delete, insert)?;
            Ok(note.clone())
        })
    }
}

/// `content[0].attachment.data`
fn text_of_note() -> ElementPath {
    let key = |name: &str| PathStep::Key(name.to_owned());
    ElementPath(vec![key("content"), PathStep::Index(0), key("attachment"), key("data")])
}
