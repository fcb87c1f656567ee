//! Notes: plain text whose concurrent edits merge by character, signed with who wrote them.

use clinical_record::clinical::{NewNote, note_text_path};
use clinical_record::{RecordError, ResourceKey};
use sync_protocol::UnixMillis;

use super::{EditReceipt, Occasion};
use crate::{ChartRef, Device, DeviceError};

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
        let occasion = Occasion { chart, encounter, now };
        let written = self.write_note(&occasion, &NewNote { text: text.to_owned(), ..NewNote::default() })?;
        let nothing = || DeviceError::Invalid("an edit of nothing");
        let resource = written.resources.into_iter().next().ok_or_else(nothing)?;
        let (document, change) = written.changes.into_iter().next().ok_or_else(nothing)?;
        Ok(EditReceipt { document, chart: Some(chart.clone()), resource, change: Some(change) })
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
            editor.append_text(note, &note_text_path(), text)?;
            Ok::<_, RecordError>(note.clone())
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
            editor.splice_text(note, &note_text_path(), position, delete, insert)?;
            Ok::<_, RecordError>(note.clone())
        })
    }
}
