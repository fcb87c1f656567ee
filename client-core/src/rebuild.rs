//! Makes everything that is shown anew from the documents, which alone are the record.

use sync_protocol::UnixMillis;

use crate::observe::DeviceEvent;
use crate::store::{documents, projections};
use crate::{Device, DeviceError, projection};

/// What a rebuild did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RebuildReport {
    /// Documents that were opened.
    pub documents: usize,
    /// Resources that are shown now.
    pub resources: u64,
    /// Documents that cannot be opened; what they showed is gone, their changes are kept.
    pub unreadable: usize,
}

impl Device {
    /// Makes lists, search and whatever else is read from documents anew, in one transaction. The same documents always give
    /// the same result. `progress`: called with (documents done, documents in all).
    ///
    /// # Errors
    /// [`DeviceError::NotEnrolled`]; storage: all is as it was then.
    pub fn rebuild(
        &mut self,
        now: UnixMillis,
        mut progress: impl FnMut(usize, usize),
    ) -> Result<RebuildReport, DeviceError> {
        let report = self.write(|tx, _| {
            let mut report = RebuildReport::default();
            projections::empty(tx)?;
            let all = documents::all(tx)?;
            for (done, document) in all.iter().enumerate() {
                documents::set_unreadable(tx, document.number, None)?;
                let mut document = document.clone();
                document.unreadable = None;
                projection::refresh(tx, &document)?;
                progress(done + 1, all.len());
            }
            report.documents = all.len();
            report.unreadable = documents::unreadable_ones(tx)?.len();
            report.resources = projections::resources(tx)?;
            projections::set_made(tx)?;
            Ok(report)
        })?;
        self.tell(&DeviceEvent::ChangedElsewhere);
        self.run_live_queries(now);
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use clinical_record::sample;
    use serde_json::json;

    use super::*;
    use crate::ImportOptions;
    use crate::testing::{NOW, enrolled};

    #[test]
    fn what_is_made_anew_from_the_documents_is_what_was_shown() {
        let folder = tempfile::tempdir().unwrap();
        let mut device = enrolled(folder.path());
        let mut charts = Vec::new();
        for seed in 0..4 {
            let bundle = sample::bundle(seed).to_string();
            charts.extend(device.import(bundle.as_bytes(), &ImportOptions::default(), NOW, |_, _| {}).unwrap().charts);
        }
        for chart in &charts {
            device.add_note(chart, "Knee pain since Monday.", None, NOW).unwrap();
        }
        device.merge_patients(&charts[0], &charts[1], "one person", NOW).unwrap();
        let task = json!({"resourceType": "Task", "id": "t", "status": "requested", "intent": "order",
            "for": {"reference": format!("Patient/{}", charts[0].patient)}, "restriction": {"period": {"end": "2024-02-01"}}});
        device.put_resource(&charts[0], &task, NOW).unwrap();
        for chart in &charts {
            device.chart(chart, NOW).unwrap();
        }
        let shown = projections::dump(&device.db).unwrap();
        let heard = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = heard.clone();
        let report =
            device.rebuild(NOW, move |done, _| counted.store(done, std::sync::atomic::Ordering::SeqCst)).unwrap();
        assert_eq!(heard.load(std::sync::atomic::Ordering::SeqCst), report.documents);
        let again = projections::dump(&device.db).unwrap();
        assert!(shown.len() > 500, "{} rows", shown.len());
        // Not assert_eq: a failure would print thousands of rows.
        let first = shown.iter().zip(&again).find(|(a, b)| a != b);
        assert!(shown.len() == again.len() && first.is_none(), "{first:?}");
        assert_eq!(report.unreadable, 0);
    }

    #[test]
    fn rows_made_in_another_way_are_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let mut device = enrolled(folder.path());
        let new = crate::NewPatient { family: Some("Silva".into()), ..Default::default() };
        let chart = device.register_patient(&new, NOW).unwrap();
        device.add_note(&chart, "Knee pain", None, NOW).unwrap();
        device.db.execute("DELETE FROM note_search", []).unwrap();
        device.db.execute("UPDATE projection SET made = 'by an older version'", []).unwrap();
        let search =
            |device: &mut Device| device.search_notes("knee", None, crate::Page::default(), NOW).unwrap().len();
        assert_eq!(search(&mut device), 0);
        drop(device);
        let mut device = Device::open(folder.path(), |bytes: &mut [u8]| bytes.fill(7), NOW).unwrap();
        assert_eq!(search(&mut device), 1);
        assert_eq!(device.search("silva", NOW).unwrap().len(), 1);
    }
}
