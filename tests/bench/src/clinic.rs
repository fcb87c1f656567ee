//! The data: one relay, the device that wrote all charts, and devices of a colleague.

use std::cell::Cell;
use std::io::Write;
use std::path::{Path, PathBuf};

use client_core::driver::{DriverOptions, SharedDevice, SyncReport, enroll, sync_once, system_time};
use client_core::{ChangeHash, ChartRef, Device, DocumentId, ImportOptions, SystemRandomness};
use clinical_record::sample::small_chart;
use serde_json::{Value, json};
use sync_protocol::identity::SecretKey;
use tokio::runtime::Runtime;

use crate::failure::Failure;
use crate::proxy::{Proxy, Traffic};
use crate::raw::Raw;
use crate::relay::Relay;

/// Changes of each chart's document.
pub const CHANGES: usize = 10;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// One patient: their chart, and the observations in it as they were first written.
pub struct PatientData {
    pub chart: ChartRef,
    pub observations: Vec<Value>,
}

/// An edit that was made.
#[derive(Clone, Copy, Debug)]
pub struct Edit {
    /// Which of the clinic's charts.
    pub chart: usize,
    pub document: DocumentId,
    pub change: ChangeHash,
}

/// Everything that is measured with.
pub struct Clinic {
    pub relay: Relay,
    pub proxy: Proxy,
    pub author: SharedDevice,
    pub charts: Vec<PatientData>,
    pub rounds: usize,
    /// Devices that hold the patient index and no chart: what they receive next are the charts' documents alone.
    pub with_index: Vec<SharedDevice>,
    pub runtime: Runtime,
    /// How the author's upload of all charts went.
    pub uploaded: SyncReport,
    json_bytes: usize,
    folder: PathBuf,
    devices: Cell<usize>,
    edits: Cell<usize>,
}

impl Clinic {
    /// Makes `count` charts and uploads them: first the patients, then the ten changes of each.
    ///
    /// # Errors
    /// Whatever goes wrong.
    pub fn start(folder: &Path, count: usize, rounds: usize) -> Result<Self, Failure> {
        let relay = Relay::start(&folder.join("relay"))?;
        people(&relay)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let proxy = Proxy::start(relay.address())?;
        let author = enrolled(&relay, &runtime, &folder.join("author"), "dr-a")?;
        let mut clinic = Self {
            relay,
            proxy,
            author,
            charts: Vec::new(),
            rounds,
            with_index: Vec::new(),
            runtime,
            uploaded: SyncReport::default(),
            json_bytes: 0,
            folder: folder.to_owned(),
            devices: Cell::new(0),
            edits: Cell::new(0),
        };
        clinic.write(count)?;
        Ok(clinic)
    }

    fn write(&mut self, count: usize) -> Result<(), Failure> {
        let made: Vec<Vec<Vec<Value>>> = (0..count).map(|seed| small_chart(seed as u64, CHANGES)).collect();
        self.json_bytes = made.iter().flatten().flatten().map(|resource| resource.to_string().len()).sum();
        import(&self.author, made.iter().map(|chart| &chart[0][0]))?;
        self.sync(&self.author)?;
        for _ in 0..2 * self.rounds {
            let device = self.device()?;
            self.sync(&device)?;
            self.with_index.push(device);
        }
        for at in 0..CHANGES {
            import(&self.author, made.iter().flat_map(|chart| chart[at].iter().filter(|one| !is_patient(one))))?;
        }
        self.uploaded = self.sync(&self.author)?;
        let organization = self.author.lock()?.identity()?.organization;
        for chart in made {
            let patient = chart[0][0]["id"].as_str().unwrap_or_default().parse()?;
            let observations = chart.into_iter().flatten().filter(|one| !is_patient(one)).collect();
            let chart = ChartRef { organization: organization.clone(), patient };
            self.charts.push(PatientData { chart, observations });
        }
        Ok(())
    }

    /// Documents that hold one chart: the patient index and that of the observations.
    pub fn documents(&self) -> usize {
        2 * self.charts.len()
    }

    /// Changes of all charts as they were first uploaded.
    pub fn changes(&self) -> usize {
        (1 + CHANGES) * self.charts.len()
    }

    /// In words.
    pub fn describe(&self) -> String {
        let (charts, each) = (self.charts.len(), self.json_bytes / self.charts.len().max(1));
        format!(
            "{charts} charts of {each} bytes of JSON. Each is two documents: the Patient in the patient index (1 change), and \
             10 Observations in one document of {CHANGES} changes, one Observation each. All by one author.\n"
        )
    }

    /// Another device of the colleague.
    ///
    /// # Errors
    /// Whatever goes wrong.
    pub fn device(&self) -> Result<SharedDevice, Failure> {
        let number = self.devices.replace(self.devices.get() + 1);
        enrolled(&self.relay, &self.runtime, &self.folder.join(format!("device-{number}")), "dr-b")
    }

    /// Enrols a device without a disk for the colleague.
    ///
    /// # Errors
    /// Whatever goes wrong.
    pub fn enroll_raw(&self, device: SecretKey) -> Result<(), Failure> {
        let code = enrolment_code(&self.relay, "dr-b")?;
        self.runtime.block_on(Raw::enroll(self.relay.address(), device, &code))
    }

    /// One sync, straight to the relay.
    ///
    /// # Errors
    /// Whatever goes wrong.
    pub fn sync(&self, device: &SharedDevice) -> Result<SyncReport, Failure> {
        device.lock()?.set_relay_url(&self.relay.url())?;
        Ok(self.runtime.block_on(sync_once(device, &DriverOptions::default(), |_| {}))?)
    }

    /// One sync through the proxy.
    ///
    /// # Errors
    /// Whatever goes wrong.
    pub fn sync_counted(&self, device: &SharedDevice) -> Result<Traffic, Failure> {
        device.lock()?.set_relay_url(&self.proxy.url())?;
        self.runtime.block_on(sync_once(device, &DriverOptions::default(), |_| {}))?;
        self.proxy.take()
    }

    /// One sync through another proxy.
    ///
    /// # Errors
    /// Whatever goes wrong.
    pub fn sync_over(&self, device: &SharedDevice, proxy: &Proxy) -> Result<SyncReport, Failure> {
        device.lock()?.set_relay_url(&proxy.url())?;
        Ok(self.runtime.block_on(sync_once(device, &DriverOptions::default(), |_| {}))?)
    }

    /// Corrects one value in each of `count` charts on the author's device.
    ///
    /// # Errors
    /// Whatever goes wrong.
    pub fn edit(&self, count: usize) -> Result<Vec<Edit>, Failure> {
        (0..count).map(|_| self.edit_one()).collect()
    }

    /// Corrects one value in the next chart on the author's device.
    ///
    /// # Errors
    /// Whatever goes wrong.
    pub fn edit_one(&self) -> Result<Edit, Failure> {
        let number = self.edits.replace(self.edits.get() + 1);
        let of = &self.charts[number % self.charts.len()];
        let mut corrected = of.observations[number % of.observations.len()].clone();
        corrected["valueQuantity"]["value"] =
            serde_json::from_str(&format!("{}.{:02}", 100 + number / 100, number % 100))?;
        let receipt = self.author.lock()?.put_resource(&of.chart, &corrected, system_time())?;
        let change = receipt.change.ok_or_else(|| Failure::new("an edit changed nothing"))?;
        Ok(Edit { chart: number % self.charts.len(), document: receipt.document, change })
    }

    /// The bytes of these edits' changes.
    ///
    /// # Errors
    /// Whatever goes wrong.
    pub fn payloads(&self, edits: &[Edit]) -> Result<Vec<Vec<u8>>, Failure> {
        let mut author = self.author.lock()?;
        let mut payloads = Vec::new();
        for edit in edits {
            let changes = author.raw_changes(&edit.document, system_time())?;
            payloads.extend(changes.into_iter().find(|(hash, _)| *hash == edit.change).map(|(_, payload)| payload));
        }
        Ok(payloads)
    }
}

fn is_patient(resource: &Value) -> bool {
    resource["resourceType"] == "Patient"
}

fn import<'a>(device: &SharedDevice, resources: impl Iterator<Item = &'a Value>) -> Result<(), Failure> {
    let entries: Vec<Value> = resources.map(|resource| json!({ "resource": resource })).collect();
    let bundle = json!({ "resourceType": "Bundle", "type": "collection", "entry": entries }).to_string();
    device.lock()?.import(bundle.as_bytes(), &ImportOptions::default(), system_time(), |_, _| {})?;
    Ok(())
}

/// Writes the charts for the other engines: one line of JSON each, one step per change.
///
/// # Errors
/// If the file cannot be written.
pub fn write_charts(file: &Path, count: usize) -> Result<(), Failure> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(file)?);
    for seed in 0..count {
        let steps = small_chart(seed as u64, CHANGES);
        writeln!(out, "{}", json!({ "id": steps[0][0]["id"], "steps": steps }))?;
    }
    Ok(out.flush()?)
}

fn people(relay: &Relay) -> Result<(), Failure> {
    let _: Value = relay.post("organizations", &json!({ "id": "north", "name": "North Clinic" }))?;
    for practitioner in ["dr-a", "dr-b"] {
        let _: Value = relay.post("practitioners", &json!({ "id": practitioner, "name": practitioner }))?;
        let role = json!({ "practitioner": practitioner, "organization": "north", "role": "physician" });
        let _: Value = relay.put("roles", &role)?;
    }
    Ok(())
}

fn enrolled(relay: &Relay, runtime: &Runtime, folder: &Path, practitioner: &str) -> Result<SharedDevice, Failure> {
    let code = enrolment_code(relay, practitioner)?;
    let device = SharedDevice::new(Device::open(folder, SystemRandomness, system_time())?);
    runtime.block_on(enroll(&device, &relay.url(), &code, "bench", &DriverOptions::default()))?;
    Ok(device)
}

fn enrolment_code(relay: &Relay, practitioner: &str) -> Result<String, Failure> {
    let code = json!({ "organization": "north", "practitioner": practitioner, "valid_ms": DAY_MS });
    let shown: Value = relay.post("enrolment-codes", &code)?;
    Ok(shown["code"].as_str().unwrap_or_default().to_owned())
}
