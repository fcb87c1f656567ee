//! UniFFI bindings over the device: no logic of their own, each function a few lines.
//!
//! Sync is driven by the app: [`SatchelDevice::sync`] is one bounded round, fit for a background job. What is returned is
//! FHIR JSON or flat records; errors carry a stable code and no patient content.

#![allow(unsafe_code, reason = "UniFFI's scaffolding crosses the C ABI")]
#![allow(clippy::needless_pass_by_value, reason = "what crosses the C ABI arrives owned")]

mod error;
mod records;

use std::path::Path;
use std::sync::Arc;

use client_core::driver::{DriverOptions, SharedDevice, enroll, sync_once, system_time};
use client_core::{ChartRef, Device, ElementPath, PatientFilter, ResourceKey, SystemRandomness};

pub use error::SatchelError;
pub use records::{ChartId, PatientRow, StatusSummary, SyncSummary};

uniffi::setup_scaffolding!();

/// One profile on this device.
#[derive(uniffi::Object)]
pub struct SatchelDevice {
    device: SharedDevice,
}

#[uniffi::export(async_runtime = "tokio")]
impl SatchelDevice {
    /// Opens the profile in `folder`, making it if need be.
    #[uniffi::constructor]
    pub fn open(folder: String) -> Result<Arc<Self>, SatchelError> {
        let device = Device::open(Path::new(&folder), SystemRandomness, system_time())?;
        Ok(Arc::new(Self { device: SharedDevice::new(device) }))
    }

    /// Enrols with the relay at `url` by a one-time code.
    pub async fn enroll(&self, url: String, code: String, device_name: String) -> Result<(), SatchelError> {
        enroll(&self.device, &url, &code, &device_name, &DriverOptions::default()).await?;
        Ok(())
    }

    /// Syncs once, until device and relay agree.
    pub async fn sync(&self) -> Result<SyncSummary, SatchelError> {
        Ok(sync_once(&self.device, &DriverOptions::default(), |_| {}).await?.into())
    }

    /// Patients whose names, identifiers or birth date begin as the words of `text`; all of them if it is empty.
    pub fn patients(&self, text: String, limit: u32, offset: u32) -> Result<Vec<PatientRow>, SatchelError> {
        let filter = PatientFilter { text: (!text.is_empty()).then_some(text), organization: None };
        let found = self.device.lock()?.patients(&filter, limit as usize, offset as usize, system_time())?;
        Ok(found.into_iter().map(PatientRow::from).collect())
    }

    /// A chart as a FHIR Bundle, JSON.
    pub fn export_chart(&self, chart: ChartId) -> Result<String, SatchelError> {
        let chart = ChartRef::try_from(chart)?;
        Ok(self.device.lock()?.export_chart(&chart, system_time())?.to_string())
    }

    /// A resource of a chart as FHIR JSON.
    pub fn resource(&self, chart: ChartId, resource_type: String, id: String) -> Result<String, SatchelError> {
        let (chart, key) = (ChartRef::try_from(chart)?, ResourceKey::new(resource_type, id));
        Ok(self.device.lock()?.resource(&chart, &key, system_time())?.to_string())
    }

    /// Creates a resource, or makes the one of the same type and id equal to it; only what differs is changed.
    pub fn put_resource(&self, chart: ChartId, json: String) -> Result<(), SatchelError> {
        let (chart, resource) = (ChartRef::try_from(chart)?, error::parse_json(&json)?);
        self.device.lock()?.put_resource(&chart, &resource, system_time())?;
        Ok(())
    }

    /// Sets one element; `path` as FHIR writes it, `value_json` its new value.
    pub fn set_element(
        &self,
        chart: ChartId,
        resource_type: String,
        id: String,
        path: String,
        value_json: String,
    ) -> Result<(), SatchelError> {
        let (chart, key) = (ChartRef::try_from(chart)?, ResourceKey::new(resource_type, id));
        let path: ElementPath = path.parse().map_err(|_| SatchelError::invalid("path"))?;
        let value = error::parse_json(&value_json)?;
        self.device.lock()?.set_element(&chart, &key, &path, value, system_time())?;
        Ok(())
    }

    /// Adds a note; gives its FHIR id.
    pub fn add_note(&self, chart: ChartId, text: String) -> Result<String, SatchelError> {
        let chart = ChartRef::try_from(chart)?;
        Ok(self.device.lock()?.add_note(&chart, &text, None, system_time())?.resource.id)
    }

    /// Asks for emergency access; the answer comes with a later sync. `purpose`: v3-PurposeOfUse, such as `ETREAT`.
    pub fn request_break_glass(&self, chart: ChartId, purpose: String, reason: String) -> Result<u64, SatchelError> {
        let chart = ChartRef::try_from(chart)?;
        Ok(self.device.lock()?.request_break_glass(&chart, &purpose, &reason, system_time())?)
    }

    /// Work that a privacy officer returned, each draft as JSON.
    pub fn drafts(&self) -> Result<Vec<String>, SatchelError> {
        let drafts = self.device.lock()?.drafts(system_time())?;
        Ok(drafts.iter().map(|draft| draft.to_json().to_string()).collect())
    }

    /// Makes a draft anew as an edit; `overwrite` also where the chart shows something else now.
    pub fn apply_draft(&self, number: u64, overwrite: bool) -> Result<(), SatchelError> {
        self.device.lock()?.apply_draft(number, overwrite, system_time())?;
        Ok(())
    }

    /// Discards a draft for good, on its author's word.
    pub fn discard_draft(&self, number: u64) -> Result<(), SatchelError> {
        Ok(self.device.lock()?.discard_draft(number, system_time())?)
    }

    /// Records that this profile was unlocked, or locked.
    pub fn record_lock(&self, locked: bool) -> Result<(), SatchelError> {
        let mut device = self.device.lock()?;
        Ok(if locked { device.record_lock(system_time()) } else { device.record_unlock(system_time()) }?)
    }

    /// What is sent, unsent and held back.
    pub fn status(&self) -> Result<StatusSummary, SatchelError> {
        Ok(self.device.lock()?.status(system_time())?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_profile_says_that_it_is_not_enrolled() {
        let folder = tempfile::tempdir().unwrap();
        let device = SatchelDevice::open(folder.path().to_string_lossy().into_owned()).unwrap();
        let error = device.status().unwrap_err();
        assert_eq!(error.code(), "not-enrolled");
    }

    #[test]
    fn a_malformed_chart_id_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let device = SatchelDevice::open(folder.path().to_string_lossy().into_owned()).unwrap();
        let chart = ChartId { organization: "north".into(), patient: "a b".into() };
        let error = device.add_note(chart, "text".into()).unwrap_err();
        assert_eq!(error.code(), "invalid");
        assert!(!error.to_string().contains("a b"), "no input is repeated");
    }
}
