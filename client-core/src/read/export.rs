//! Export: a chart or the directory as a FHIR Bundle that imports again to the same.

use std::collections::{BTreeMap, HashMap};

use clinical_record::{RecordDocument, ReferencedResource, ResourceKey, referenced, write_bundle};
use rusqlite::Connection;
use serde_json::Value;
use sync_protocol::UnixMillis;

use crate::store::documents::{self, StoredDocument};
use crate::trail::Act;
use crate::{ChartRef, Device, DeviceError, projection};

/// A resource with its entry metadata, where that is not the default.
pub(crate) type Entry = (Value, Option<Value>);

impl Device {
    /// A chart as a Bundle, with the resources of the directory that it refers to. Each time recorded as `export`.
    ///
    /// # Errors
    /// [`DeviceError::UnknownPatient`], [`DeviceError::LeaseExpired`]; [`DeviceError::Quarantined`] if a part of the
    /// chart cannot be opened: an export that lacks something must not look whole. Storage.
    pub fn export_chart(&mut self, chart: &ChartRef, now: UnixMillis) -> Result<Value, DeviceError> {
        Ok(write_bundle(self.export_entries(chart, now)?))
    }

    /// The entries of an export of a chart, recorded as such.
    pub(crate) fn export_entries(&mut self, chart: &ChartRef, now: UnixMillis) -> Result<Vec<Entry>, DeviceError> {
        let documents = self.chart_documents(chart, now)?;
        let mut entries = self.entries(&documents)?;
        let ids = documents.iter().map(|document| document.id).collect();
        self.record_act(&Act::new("export", Some(chart), ids), now)?;
        // What others refer to comes first, as importers like it.
        let mut all = Directory::open(&self.db)?.pulled_in_by(&entries);
        all.append(&mut entries);
        Ok(all)
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
        sort(&mut entries);
        Ok(entries)
    }
}

/// The directories on this device, opened once; resources are read from them one by one as they are referred to.
struct Directory {
    documents: Vec<RecordDocument>,
    /// Where each resource is, by its id: types need not be known to follow a `urn:uuid` reference.
    places: HashMap<String, Vec<(usize, ResourceKey)>>,
}

impl Directory {
    fn open(db: &Connection) -> Result<Self, DeviceError> {
        let mut directory = Self { documents: Vec::new(), places: HashMap::new() };
        for document in documents::of_directories(db)? {
            let opened = projection::open_document(db, &document)?;
            for key in opened.resource_keys() {
                let place = (directory.documents.len(), key.clone());
                directory.places.entry(key.id).or_default().push(place);
            }
            directory.documents.push(opened);
        }
        Ok(directory)
    }

    /// The resources that a chart refers to, and those that these refer to in turn.
    fn pulled_in_by(&self, chart: &[Entry]) -> Vec<Entry> {
        let mut pulled: BTreeMap<ResourceKey, Entry> = BTreeMap::new();
        let mut wanted: Vec<ReferencedResource> = chart.iter().flat_map(|(value, _)| referenced(value)).collect();
        while let Some(reference) = wanted.pop() {
            let of_type = |key: &ResourceKey| reference.resource_type.as_ref().is_none_or(|t| *t == key.resource_type);
            let places = self.places.get(&reference.id).into_iter().flatten();
            for (document, key) in places.filter(|(_, key)| of_type(key)) {
                if pulled.contains_key(key) {
                    continue;
                }
                let opened = &self.documents[*document];
                if let Some(value) = opened.resource(key) {
                    wanted.extend(referenced(&value));
                    pulled.insert(key.clone(), (value, opened.entry_metadata(key)));
                }
            }
        }
        let mut entries: Vec<Entry> = pulled.into_values().collect();
        sort(&mut entries);
        entries
    }
}

/// The Patient first, then by type and id: the same chart always gives the same file.
fn sort(entries: &mut [Entry]) {
    entries.sort_by_cached_key(|entry| {
        let key = key_of(entry);
        (key.resource_type != "Patient", key)
    });
}

fn key_of(entry: &Entry) -> ResourceKey {
    let text = |name: &str| entry.0.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    ResourceKey::new(text("resourceType"), text("id"))
}
