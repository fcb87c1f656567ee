//! What a relay's memory costs: a connection on which nothing happens, and a document that nobody asks for.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use client_core::driver::system_time;
use clinical_record::RecordDocument;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use sync_protocol::{Compartment, DocumentDescriptor, PatientId};

use crate::failure::Failure;
use crate::filling::{Filling, actor_of, organization, secret};
use crate::raw::Raw;
use crate::relay::Relay;
use crate::table::{Row, Table, Unit};

/// Connections on which nothing happens.
const CONNECTIONS: usize = 10_000;
/// Connections that were sent much, and on which nothing happens any more.
const SERVED: usize = 1_000;
/// Documents that each of those was sent, and bytes of text in each, which no compression makes smaller than half.
const SENT: usize = 40;
const TEXT: usize = 20_000;
/// Documents of the relay whose memory is measured.
const DOCUMENTS: usize = 100_000;
/// Connections that are begun together.
const AT_ONCE: usize = 50;
/// What a relay is left alone for before its memory is read.
const REST: Duration = Duration::from_secs(5);

/// Measures the rows. `folder`: for the relays.
///
/// # Errors
/// Whatever goes wrong.
pub fn measure(folder: &Path, table: &mut Table) -> Result<(), Failure> {
    connections(&folder.join("connections"), table)?;
    documents(&folder.join("documents"), table)
}

fn connections(folder: &Path, table: &mut Table) -> Result<(), Failure> {
    let each = idle(&folder.join("plain"), CONNECTIONS, |_| Ok(()))?;
    let name = format!("relay memory of one of {CONNECTIONS} idle connections");
    let row = memory_row(name, each).target(Some(10e3));
    table.push(row.note("growth of VmRSS; caught up, without TLS; the system's socket buffers are not in it"));
    let each = idle(&folder.join("served"), SERVED, fill)?;
    let name =
        format!("relay memory of one of {SERVED} idle connections that were sent {} KB of text", SENT * TEXT / 1_000);
    table.push(memory_row(name, each).note("as above; what was sent has been acknowledged"));
    Ok(())
}

fn memory_row(name: String, each: Result<f64, Failure>) -> Row {
    match each {
        Ok(each) => Row::new(name, Unit::Bytes, vec![each]),
        Err(why) => Row::unmeasured(name, Unit::Bytes, format!("not all connected (open files?): {why}")),
    }
}

/// What each of `count` connections adds to the relay's memory, in bytes; inside, why they could not be made.
fn idle(
    folder: &Path,
    count: usize,
    fill: impl FnOnce(&mut Filling) -> Result<(), Failure>,
) -> Result<Result<f64, Failure>, Failure> {
    let mut filling = Filling::begin(folder)?;
    for number in 0..count {
        filling.enroll(&secret(number))?;
    }
    fill(&mut filling)?;
    drop(filling);
    let relay = Relay::start(folder)?;
    let (_, before) = relay.memory()?;
    let held = Holder::start(relay.address(), count)?;
    std::thread::sleep(REST);
    let (_, after) = relay.memory()?;
    Ok(held.map(|held| {
        held.stop();
        (after - before) / count as f64
    }))
}

/// Connections that only read, in a process of their own: it has as many open files as the relay.
pub struct Holder(Child);

impl Holder {
    /// Connects the devices 0 to `count`, each caught up; inside, why they could not be connected.
    ///
    /// # Errors
    /// If the process cannot be started.
    pub fn start(address: &str, count: usize) -> Result<Result<Self, Failure>, Failure> {
        let mut holder = Command::new(std::env::current_exe()?)
            .args(["idle", address, &count.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut said = String::new();
        if let Some(out) = holder.stdout.take() {
            BufReader::new(out).read_line(&mut said)?;
        }
        let holder = Self(holder);
        Ok(match said.trim() {
            "connected" => Ok(holder),
            why => {
                holder.stop();
                Err(Failure::new(why))
            }
        })
    }

    /// Ends them all.
    pub fn stop(mut self) {
        drop(self.0.stdin.take());
        // However it ends: it is gone.
        let _ = self.0.wait();
    }
}

/// Documents of much text, for every device.
fn fill(filling: &mut Filling) -> Result<(), Failure> {
    let writer = secret(0);
    let (actor, organization) = (actor_of(&writer)?, organization()?);
    let mut dice = ChaCha8Rng::seed_from_u64(0);
    let mut made = Vec::new();
    for number in 0..SENT {
        let text: String = (0..TEXT).map(|_| char::from(dice.random_range(b'a'..=b'p'))).collect();
        let (patient, change) = patient_with(&actor, number, &text)?;
        let compartment = Compartment::PatientIndex;
        let organization = organization.clone();
        let descriptor = DocumentDescriptor { organization, patient: Some(patient), compartment, part: String::new() };
        made.push((descriptor, vec![change]));
    }
    filling.write(&writer, made)
}

/// The process that holds the connections: says that it has them, and keeps them until its input ends.
///
/// # Errors
/// If one cannot be made.
pub fn hold(address: &str, count: usize) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let made: Result<(), Failure> = runtime.block_on(async {
        for first in (0..count).step_by(AT_ONCE) {
            let some = (first..count.min(first + AT_ONCE)).map(|number| one(address, number));
            for connected in futures_util::future::join_all(some).await {
                tokio::spawn(connected?.stay());
            }
        }
        Ok(())
    });
    match made {
        Ok(()) => println!("connected"),
        Err(failure) => println!("{failure}"),
    }
    let (ended, wait) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // Whatever it gives, the input is over.
        let _ = std::io::stdin().read(&mut [0]);
        let _ = ended.send(());
    });
    // An error is the end of the thread, and so of the input.
    let _ = runtime.block_on(wait);
    Ok(())
}

async fn one(address: &str, number: usize) -> Result<Raw, Failure> {
    let mut raw = Raw::connect(address, secret(number)).await?;
    raw.catch_up().await?;
    Ok(raw)
}

fn documents(folder: &Path, table: &mut Table) -> Result<(), Failure> {
    let mut filling = Filling::begin(folder)?;
    let writer = secret(0);
    filling.enroll(&writer)?;
    filling.enroll(&secret(1))?;
    let (actor, organization) = (actor_of(&writer)?, organization()?);
    let mut failed = None;
    let made = (0..DOCUMENTS).map_while(|number| {
        let made = patient(&actor, number);
        made.map_err(|failure| failed = Some(failure)).ok().map(|(patient, change)| {
            let organization = organization.clone();
            let compartment = Compartment::PatientIndex;
            (
                DocumentDescriptor { organization, patient: Some(patient), compartment, part: String::new() },
                vec![change],
            )
        })
    });
    filling.write(&writer, made)?;
    if let Some(failure) = failed {
        return Err(failure);
    }
    drop(filling);
    let relay = Relay::start(folder)?;
    let (_, started) = relay.memory()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let changes = runtime.block_on(async { Raw::connect(relay.address(), secret(1)).await?.catch_up().await })?;
    if changes != DOCUMENTS {
        return Err(Failure::new(format!("{changes} changes came of {DOCUMENTS}")));
    }
    let (highest, _) = relay.memory()?;
    let name = |what: &str| format!("relay memory with {DOCUMENTS} documents, {what}");
    table.push(Row::new(name("just started (VmRSS)"), Unit::Bytes, vec![started]).target(Some(100e6)));
    let highest = Row::new(name("after a device was sent all of them (VmHWM)"), Unit::Bytes, vec![highest]);
    table.push(highest.target(Some(100e6)).note("one Patient in one change each"));
    Ok(())
}

fn patient(actor: &[u8], number: usize) -> Result<(PatientId, clinical_record::EncodedChange), Failure> {
    patient_with(actor, number, "")
}

fn patient_with(
    actor: &[u8],
    number: usize,
    text: &str,
) -> Result<(PatientId, clinical_record::EncodedChange), Failure> {
    let id = format!("p{number}");
    let mut patient = json!({
        "resourceType": "Patient", "id": id, "active": true, "birthDate": format!("19{:02}-01-01", number % 100),
        "name": [{"family": format!("Family{}", number % 997), "given": [format!("Given{}", number % 89)]}],
    });
    if !text.is_empty() {
        patient["text"] = json!({"status": "additional", "div": format!("<div>{text}</div>")});
    }
    let mut document = RecordDocument::new();
    let (_, change) = document.edit(actor, system_time().0, |editor| editor.put_resource(&patient))?;
    Ok((PatientId::new(id)?, change.ok_or_else(|| Failure::new("an edit changed nothing"))?))
}
