//! Export: a chart or the directory as a FHIR Bundle that imports again to the same.

use std::collections::BTreeSet;

use clinical_record::{RecordDocument, ResourceKey, referenced, write_bundle};
use serde_json::Value;
use sync_protocol::UnixMillis;

use crate::store::documents::{self, StoredDocument};
use crate::{ChartRef, Device, DeviceError, projection};

type Entry = (Value, Option<Value>);

impl Device {
    /// A chart as a Bundle, with the resources of the directory that it refers to.
    ///
    /// # Errors
    /// [`DeviceError::UnknownPatient`], [`DeviceError::LeaseExpired`]; [`DeviceError::Quarantined`] if a part of the
    /// chart cannot be opened: an export that lacks something must not look whole. Storage.
    pub fn export_chart(&mut self, chart: &ChartRef, now: UnixMillis) -> Result<Value, DeviceError> {
        let documents = self.chart_documents(chart, now)?;
        let mut entries = self.entries(&documents)?;
        let directories = documents::of_directories(&self.db)?;
        let directory = self.entries(&directories)?;
        let pulled = pulled_in(&entries, &directory);
        // What others refer to comes first, as importers like it.
        let mut all: Vec<Entry> = directory.into_iter().filter(|entry| pulled.contains(&key_of(entry))).collect();
        all.append(&mut entries);
        Ok(write_bundle(all))
    }

    /// Everything in the directories on this device as a Bundle.
    ///
    /// # Errors
    /// [`DeviceError::LeaseExpired`], [`DeviceError::Quarantined`]; storage.
    pub fn export_directory(&mut self, now: UnixMillis) -> Result<Value, DeviceError> {
        self.check_lease(now)?;
        let directories = documents::of_directories(&self.db)?;
        Ok(write_bundle(self.entries(&directories)?))
    }

    fn entries(&self, documents: &[StoredDocument]) -> Result<Vec<Entry>, DeviceError> {
        let mut entries = Vec::new();
        for document in documents {
            let opened: RecordDocument = projection::open_document(&self.db, document)?;
            entries.extend(opened.resources().map(|(key, value)| (value, opened.entry_metadata(&key))));
        }
        // The Patient first, then by type and id: the same chart always gives the same file.
        entries.sort_by_cached_key(|entry| {
            let key = key_of(entry);
            (key.resource_type != "Patient", key)
        });
        Ok(entries)
    }
}

/// The directory resources that a chart refers to, and those that these refer to in turn.
fn pulled_in(chart: &[Entry], directory: &[Entry]) -> BTreeSet<ResourceKey> {
    let mut pulled = BTreeSet::new();
    let mut pending: Vec<&Value> = chart.iter().map(|(value, _)| value).collect();
    while let Some(value) = pending.pop() {
        for wanted in referenced(value) {
            let of_type =
                |key: &ResourceKey| wanted.resource_type.as_ref().is_none_or(|name| *name == key.resource_type);
            let found = directory.iter().find(|entry| {
                let key = key_of(entry);
                key.id == wanted.id && of_type(&key)
            });
            if let Some(entry) = found
                && pulled.insert(key_of(entry))
            {
                pending.push(&entry.0);
            }
        }
    }
    pulled
}

fn key_of(entry: &Entry) -> ResourceKey {
    let text = |name: &str| entry.0.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    ResourceKey::new(text("resourceType"), text("id"))
}
