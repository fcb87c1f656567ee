//! The FHIR API: all of the largest chart, a search, one resource read, one written.

use std::path::Path;
use std::time::{Duration, Instant};

use client_core::driver::system_time;
use client_core::{ChartRef, ImportOptions};
use serde_json::{Value, json};

use crate::clinic::Clinic;
use crate::failure::Failure;
use crate::records::bundles;
use crate::stats::{percentile, sorted};
use crate::table::{Row, Table, Unit};

/// Requests of one kind, each round.
const REQUESTS: usize = 100;
/// How long the index may take to be made, and how often it is asked for.
const PATIENCE: Duration = Duration::from_secs(600);
const ASK_EVERY: Duration = Duration::from_millis(50);
/// Charts of the clinic besides those of the Bundles.
const CHARTS: usize = 10;

/// Measures the rows. `folder`: for a relay and devices of its own.
///
/// # Errors
/// Whatever goes wrong.
pub fn measure(folder: &Path, rounds: usize, table: &mut Table) -> Result<(), Failure> {
    std::fs::create_dir(folder)?;
    let clinic = Clinic::start(folder, CHARTS, rounds)?;
    let (bundles, whence) = bundles()?;
    let charts = charts(&clinic, &bundles)?;
    let api = Api::sign_in(&clinic)?;
    let begun = Instant::now();
    api.first_answer()?;
    table.push(
        Row::new("FHIR API, first answer", Unit::Seconds, vec![begun.elapsed().as_secs_f64()])
            .note("the index of all charts is made first, as far as it was not in the background"),
    );
    let (largest, resources, bytes) = api.largest(&charts)?;
    let (mut everything, mut searches, mut reads, mut writes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let begun = Instant::now();
        api.everything(&largest)?;
        everything.push(begun.elapsed().as_secs_f64());
        searches.push(median(|_| api.get("Patient?family=koepp").map(drop))?);
        reads.push(median(|_| api.get(&format!("Patient/{largest}")).map(drop))?);
        writes.push(median(|number| api.write(&largest, number))?);
    }
    let note = format!("{whence}; {resources} resources, {} KB of JSON, on record before they leave", bytes / 1000);
    table.push(Row::new("FHIR API, $everything of the largest chart", Unit::Seconds, everything).note(note));
    let note = "on record, synced to disk, before the answer";
    table.push(Row::new("FHIR API, search by name, p50", Unit::Seconds, searches).note(note));
    table.push(Row::new("FHIR API, read, p50", Unit::Seconds, reads).note(note));
    let note = "checked, signed, appended, synced to disk";
    table.push(Row::new("FHIR API, create, p50", Unit::Seconds, writes).note(note));
    Ok(())
}

/// Imports Bundles and sends them; gives their charts.
fn charts(clinic: &Clinic, bundles: &[Vec<u8>]) -> Result<Vec<ChartRef>, Failure> {
    let device = clinic.device()?;
    let mut charts = Vec::new();
    for bundle in bundles {
        let report = device.lock()?.import(bundle, &ImportOptions::default(), system_time(), |_, _| {})?;
        charts.extend(report.charts);
    }
    clinic.sync(&device)?;
    Ok(charts)
}

fn median(mut act: impl FnMut(usize) -> Result<(), Failure>) -> Result<f64, Failure> {
    let mut samples = Vec::with_capacity(REQUESTS);
    for number in 0..REQUESTS {
        let begun = Instant::now();
        act(number)?;
        samples.push(begun.elapsed().as_secs_f64());
    }
    Ok(percentile(&sorted(samples), 0.5))
}

struct Api {
    agent: ureq::Agent,
    base: String,
    bearer: String,
}

impl Api {
    fn sign_in(clinic: &Clinic) -> Result<Self, Failure> {
        let new = json!({ "name": "bench", "practitioner": "dr-a", "organization": "north" });
        let client: Value = clinic.relay.post("fhir-clients", &new)?;
        let field = |name: &str| client[name].as_str().unwrap_or_default().to_owned();
        let base = format!("http://{}/fhir", clinic.relay.address());
        let form = [
            ("grant_type", "client_credentials".into()),
            ("client_id", field("id")),
            ("client_secret", field("secret")),
        ];
        let agent: ureq::Agent = ureq::Agent::config_builder().build().into();
        let token: Value = agent.post(format!("{base}/token")).send_form(form)?.body_mut().read_json()?;
        let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap_or_default());
        Ok(Self { agent, base, bearer })
    }

    fn get(&self, path: &str) -> Result<String, Failure> {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}/{path}", self.base) };
        let mut answer = self.agent.get(url).header("authorization", &self.bearer).call()?;
        Ok(answer.body_mut().with_config().limit(256 << 20).read_to_string()?)
    }

    /// The first answer: until the index is made, the relay asks to come back.
    fn first_answer(&self) -> Result<(), Failure> {
        let begun = Instant::now();
        loop {
            let url = format!("{}/Patient?_count=1", self.base);
            match self.agent.get(url).header("authorization", &self.bearer).call() {
                Err(ureq::Error::StatusCode(503)) if begun.elapsed() < PATIENCE => std::thread::sleep(ASK_EVERY),
                answered => return Ok(answered.map(drop)?),
            }
        }
    }

    /// Resources and bytes of all pages.
    fn everything(&self, patient: &str) -> Result<(usize, usize), Failure> {
        let (mut page, mut resources, mut bytes) = (self.get(&format!("Patient/{patient}/$everything"))?, 0, 0);
        loop {
            let bundle: Value = serde_json::from_str(&page)?;
            resources += bundle["entry"].as_array().map_or(0, Vec::len);
            bytes += page.len();
            let links = bundle["link"].as_array().into_iter().flatten();
            let next = links.filter(|link| link["relation"] == "next").find_map(|link| link["url"].as_str());
            let Some(next) = next else { return Ok((resources, bytes)) };
            page = self.get(next)?;
        }
    }

    fn largest(&self, charts: &[ChartRef]) -> Result<(String, usize, usize), Failure> {
        let mut largest = (String::new(), 0, 0);
        for chart in charts {
            let (resources, bytes) = self.everything(chart.patient.as_str())?;
            if resources > largest.1 {
                largest = (chart.patient.to_string(), resources, bytes);
            }
        }
        Ok(largest)
    }

    fn write(&self, patient: &str, number: usize) -> Result<(), Failure> {
        let flag = json!({
            "resourceType": "Flag", "status": "active", "code": { "text": format!("flag {number}") },
            "subject": { "reference": format!("Patient/{patient}") },
        });
        let request = self.agent.post(format!("{}/Flag", self.base)).header("authorization", &self.bearer);
        request.header("content-type", "application/fhir+json").send(flag.to_string())?;
        Ok(())
    }
}
