//! Documents that were edited last, kept open: whoever writes on in a chart does not wait for its history to be read again.
//!
//! What is kept is used only while the database holds exactly the changes that it was made from.

use std::collections::VecDeque;

use clinical_record::RecordDocument;
use rusqlite::Connection;

use crate::DeviceError;
use crate::projection;
use crate::store::changes::{self, Mark};
use crate::store::documents::StoredDocument;

/// Bytes of changes in all documents kept, at most.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Documents kept, at most: those of one chart that are written in turn.
const MAX_DOCUMENTS: usize = 4;

/// A document that is open for an edit.
pub(crate) struct Opened {
    pub record: RecordDocument,
    /// Whether each change builds on the one before: an edit made here leaves that as it is.
    pub linear: bool,
    bytes: usize,
}

/// The documents that are kept, the last edited one at the end.
#[derive(Default)]
pub(crate) struct KeptOpen(VecDeque<(i64, Mark, Opened)>);

impl KeptOpen {
    /// Gives out a document: the one kept, if nothing has come or gone since, or else newly opened.
    ///
    /// # Errors
    /// [`DeviceError::Quarantined`] if its content cannot be applied; storage.
    pub fn take(&mut self, db: &Connection, document: &StoredDocument) -> Result<Opened, DeviceError> {
        let kept = self.0.iter().position(|(number, ..)| *number == document.number).and_then(|at| self.0.remove(at));
        if let Some((_, mark, opened)) = kept
            && document.unreadable.is_none()
            && changes::mark(db, document.number)? == mark
        {
            return Ok(Opened { record: opened.record.with_schema(projection::schema()), ..opened });
        }
        let record = projection::open_document(db, document)?;
        let bytes = changes::payload_bytes(db, document.number)?;
        Ok(Opened { linear: record.is_linear(), record, bytes })
    }

    /// Keeps a document as it is after an edit. `change`: bytes of the edit's change, which is in the database.
    pub fn keep(
        &mut self,
        db: &Connection,
        document: &StoredDocument,
        opened: Opened,
        change: usize,
    ) -> Result<(), DeviceError> {
        let opened = Opened { bytes: opened.bytes + change, ..opened };
        self.0.push_back((document.number, changes::mark(db, document.number)?, opened));
        while self.0.len() > MAX_DOCUMENTS || self.bytes() > MAX_BYTES {
            self.0.pop_front();
        }
        Ok(())
    }

    /// Keeps none any longer: what may no longer be had leaves memory too.
    pub fn close_all(&mut self) {
        self.0.clear();
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(|(_, _, opened)| opened.bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use clinical_record::ResourceKey;
    use serde_json::{Value, json};
    use sync_protocol::UnixMillis;

    use super::*;
    use crate::compaction::SavingLimits;
    use crate::testing::{NOW, enrolled};
    use crate::{ChartRef, Device, NewPatient};

    fn chart(device: &mut Device) -> ChartRef {
        device.register_patient(&NewPatient { family: Some("Silva".into()), ..NewPatient::default() }, NOW).unwrap()
    }

    fn allergy(chart: &ChartRef, note: &str) -> Value {
        json!({
            "resourceType": "AllergyIntolerance", "id": "a", "note": [{"text": note}],
            "patient": {"reference": format!("Patient/{}", chart.patient)},
        })
    }

    fn put(device: &mut Device, chart: &ChartRef, note: &str, later: i64) {
        device.put_resource(chart, &allergy(chart, note), UnixMillis(NOW.0 + later)).unwrap();
    }

    fn kept(device: &Device) -> usize {
        device.kept_open.0.len()
    }

    #[test]
    fn edits_of_a_document_that_is_kept_open_are_those_of_one_opened_anew() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [mut kept, mut anew] = folders.each_ref().map(|folder| enrolled(folder.path()));
        let charts = [chart(&mut kept), chart(&mut anew)];
        assert_eq!(charts[0], charts[1]);
        for (number, note) in ["one", "two", "one", "three"].into_iter().enumerate() {
            put(&mut kept, &charts[0], note, number as i64);
            anew.kept_open.close_all();
            put(&mut anew, &charts[1], note, number as i64);
        }
        let [one, other] = [&mut kept, &mut anew].map(|device| {
            let document = device.put_resource(&charts[0], &allergy(&charts[0], "three"), NOW).unwrap().document;
            device.change_hashes(&document).unwrap()
        });
        assert_eq!(one, other);
    }

    #[test]
    fn what_came_since_is_built_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut device = enrolled(folder.path());
        let chart = chart(&mut device);
        put(&mut device, &chart, "before", 0);
        let mut aside = std::mem::take(&mut device.kept_open);
        put(&mut device, &chart, "meanwhile", 1);
        // As if the change in between had come from elsewhere.
        device.kept_open = std::mem::take(&mut aside);
        let receipt = device.mark_entered_in_error(&chart, &ResourceKey::new("AllergyIntolerance", "a"), "twice", NOW);
        assert!(receipt.unwrap().change.is_some());
        let document = documents_of(&mut device, &chart);
        let opened = projection::open_document(&device.db, &document).unwrap();
        assert!(opened.is_linear());
        assert_eq!(
            opened.resource(&ResourceKey::new("AllergyIntolerance", "a")).unwrap()["note"][0]["text"],
            "meanwhile"
        );
    }

    /// All that the relay has goes into saved forms.
    fn save_histories(device: &mut Device) {
        device.db.execute("DELETE FROM outbox", []).unwrap();
        let mut saver = device.history_saver().unwrap();
        while saver.save_one(&SavingLimits { changes: 1, share: u32::MAX }).unwrap().is_some() {}
    }

    #[test]
    fn what_came_since_is_built_on_even_where_it_went_into_the_saved_form_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut device = enrolled(folder.path());
        let chart = chart(&mut device);
        put(&mut device, &chart, "before", 0);
        save_histories(&mut device);
        // Changes nothing, and so leaves the document without a row.
        put(&mut device, &chart, "before", 1);
        let mut aside = std::mem::take(&mut device.kept_open);
        put(&mut device, &chart, "meanwhile", 2);
        save_histories(&mut device);
        device.kept_open = std::mem::take(&mut aside);
        device.mark_entered_in_error(&chart, &ResourceKey::new("AllergyIntolerance", "a"), "twice", NOW).unwrap();
        let document = documents_of(&mut device, &chart);
        assert!(projection::open_document(&device.db, &document).unwrap().is_linear());
    }

    fn documents_of(device: &mut Device, chart: &ChartRef) -> StoredDocument {
        let held = crate::store::documents::of_chart(&device.db, chart).unwrap();
        let holds = |document: &StoredDocument| {
            let opened = projection::open_document(&device.db, document).unwrap();
            opened.resource(&ResourceKey::new("AllergyIntolerance", "a")).is_some()
        };
        held.into_iter().find(holds).unwrap()
    }

    #[test]
    fn an_edit_that_was_not_stored_is_not_built_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut device = enrolled(folder.path());
        let chart = chart(&mut device);
        put(&mut device, &chart, "before", 0);
        let pages: i64 = device.db.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        device.db.pragma_update(None, "max_page_count", pages).unwrap();
        let refused = device.put_resource(&chart, &allergy(&chart, &"x".repeat(100_000)), NOW);
        assert_eq!(refused, Err(DeviceError::StorageFull));
        device.db.pragma_update(None, "max_page_count", i64::from(i32::MAX)).unwrap();
        put(&mut device, &chart, "after", 1);
        let document = documents_of(&mut device, &chart);
        assert!(projection::open_document(&device.db, &document).unwrap().missing_deps().is_empty());
    }

    #[test]
    fn no_more_are_kept_than_one_chart_is_written_in_and_none_once_they_are_withdrawn() {
        let folder = tempfile::tempdir().unwrap();
        let mut device = enrolled(folder.path());
        let charts: Vec<_> = (0..MAX_DOCUMENTS + 2).map(|_| chart(&mut device)).collect();
        assert_eq!(kept(&device), MAX_DOCUMENTS);
        let first = device.documents().unwrap()[0].id;
        device.purge(&[first], crate::purge::Cause::Withdrawn, NOW).unwrap();
        assert_eq!((kept(&device), charts.len()), (0, MAX_DOCUMENTS + 2));
    }
}
