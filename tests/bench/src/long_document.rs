//! One document of 100,000 changes: what it takes on the relay, until a new device shows it, and to go on writing it.

use std::path::Path;
use std::time::Instant;

use client_core::driver::{DriverOptions, SharedDevice, enroll, sync_once, system_time};
use client_core::{ChartRef, Device, SavingLimits, SystemRandomness};
use clinical_record::{EncodedChange, RecordDocument};
use serde_json::{Value, json};
use sync_protocol::{Compartment, DocumentDescriptor, PatientId};

use crate::failure::Failure;
use crate::filling::{Filling, ORGANIZATION, WRITER, actor_of, organization, secret};
use crate::relay::Relay;
use crate::table::{Row, Table, Unit};

/// Changes of the document.
const CHANGES: usize = 100_000;
/// Resources that they are about.
const RESOURCES: usize = 100;
const CLINICAL_STATUS: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
const PATIENT: &str = "p1";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Measures the rows. `folder`: for the relay and a device.
///
/// # Errors
/// Whatever goes wrong.
pub fn measure(folder: &Path, table: &mut Table) -> Result<(), Failure> {
    let name = |what: &str| format!("document of {CHANGES} changes: {what}");
    let mut seconds = |what: &str, taken: f64, note: &str| {
        table.push(Row::new(name(what), Unit::Seconds, vec![taken]).note(note));
    };
    let data = folder.join("relay");
    let mut filling = Filling::begin(&data)?;
    let writer = secret(0);
    filling.enroll(&writer)?;
    filling.write(&writer, [(descriptor()?, written(&actor_of(&writer)?)?)])?;
    let before = filling.database_bytes()?;
    let (taken, packed) = timed(|| filling.pack())?;
    let after = filling.database_bytes()?;
    seconds("packed by the relay", taken, &format!("{} runs, in the background", packed.runs));
    drop(filling);
    let relay = Relay::start(&data)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let device = enrolled(&relay, &runtime, &folder.join("device"))?;
    let (taken, report) = timed(|| Ok(runtime.block_on(sync_once(&device, &DriverOptions::default(), |_| {}))?))?;
    if report.changes < packed.changes as u64 {
        return Err(Failure::new("not all changes came"));
    }
    seconds("first sync", taken, "every change verified and stored");
    let chart = ChartRef { organization: organization()?, patient: PatientId::new(PATIENT)? };
    let open = || Ok(device.lock()?.chart(&chart, system_time()).map(drop)?);
    seconds("chart opened after it came", timed(open)?.0, "replays and projects it");
    seconds("chart opened again", timed(open)?.0, "from what is projected");
    let mut number = 0;
    let mut edit = || {
        number += 1;
        Ok(device.lock()?.put_resource(&chart, &allergy(0, 1_000 + number), system_time()).map(drop)?)
    };
    seconds("one edit before its history is saved", timed(&mut edit)?.0, "");
    let mut saver = device.lock()?.history_saver()?;
    let (taken, saved) = timed(|| {
        let mut bytes = 0;
        while let Some(saved) = saver.save_one(&SavingLimits::default())? {
            bytes = saved.bytes;
        }
        Ok(bytes)
    })?;
    seconds("history saved on the device", taken, "in the background, in parts");
    seconds("one edit afterwards", timed(&mut edit)?.0, "opens the saved history, checked");
    seconds("the edit after that", timed(&mut edit)?.0, "in the document that is open");
    let (highest, _) = relay.memory()?;
    let mut bytes = |what: &str, size: f64, note: &str| {
        table.push(Row::new(name(what), Unit::Bytes, vec![size]).note(note));
    };
    bytes("the changes themselves", packed.bytes as f64, "those that were packed");
    bytes("their runs on the relay", packed.packed as f64, "with position, device and time of each");
    bytes("relay database before packing", before, "");
    bytes("relay database after packing", after, "with the indexes that find a change by hash and by position");
    bytes("saved history on the device", saved as f64, "");
    bytes("first sync, bytes down", report.bytes_down as f64, "");
    bytes("relay memory, highest", highest, "");
    Ok(())
}

fn timed<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<(f64, T), Failure> {
    let begun = Instant::now();
    let done = work()?;
    Ok((begun.elapsed().as_secs_f64(), done))
}

fn descriptor() -> Result<DocumentDescriptor, Failure> {
    let patient = Some(PatientId::new(PATIENT)?);
    Ok(DocumentDescriptor {
        organization: organization()?,
        patient,
        compartment: Compartment::Core,
        part: String::new(),
    })
}

/// One author's changes: resources are entered, then corrected again and again.
fn written(actor: &[u8]) -> Result<Vec<EncodedChange>, Failure> {
    let (mut document, begun) = (RecordDocument::new(), system_time().0);
    let mut changes = Vec::with_capacity(CHANGES);
    for number in 0..CHANGES {
        let resource = allergy(number % RESOURCES, number);
        let (_, change) = document.edit(actor, begun + number as i64, |editor| editor.put_resource(&resource))?;
        changes.push(change.ok_or_else(|| Failure::new("an edit changed nothing"))?);
    }
    Ok(changes)
}

fn allergy(which: usize, value: usize) -> Value {
    json!({
        "resourceType": "AllergyIntolerance", "id": format!("a{which}"), "criticality": "high",
        "clinicalStatus": {"coding": [{"system": CLINICAL_STATUS, "code": "active"}]},
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "91936005"}], "text": format!("Penicillin {value}")},
        "patient": {"reference": format!("Patient/{PATIENT}")},
    })
}

fn enrolled(relay: &Relay, runtime: &tokio::runtime::Runtime, folder: &Path) -> Result<SharedDevice, Failure> {
    let code = json!({ "organization": ORGANIZATION, "practitioner": WRITER, "valid_ms": DAY_MS });
    let shown: Value = relay.post("enrolment-codes", &code)?;
    let code = shown["code"].as_str().unwrap_or_default();
    let device = SharedDevice::new(Device::open(folder, SystemRandomness, system_time())?);
    runtime.block_on(enroll(&device, &relay.url(), code, "bench", &DriverOptions::default()))?;
    Ok(device)
}
