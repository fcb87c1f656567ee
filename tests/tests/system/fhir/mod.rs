//! The relay's FHIR API, as a process over HTTP, with devices beside it.

mod attacks;
mod described;
mod lossless;
mod reading;
mod sharing;
mod writing;

use std::path::Path;

use client_core::ChartRef;
use serde_json::{Value, json};
use system_tests::process::{Profile, RelayProcess};
use tempfile::TempDir;

use crate::SATCHEL;

/// A clinic with a physician, `dr-a` of `north`, and their tablet.
struct Clinic {
    relay: RelayProcess,
    tablet: Profile,
    folder: TempDir,
}

impl Clinic {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let relay = RelayProcess::start(SATCHEL, &folder.path().join("relay"), &[]);
        relay.admin().practice("north", "dr-a");
        let tablet = Profile::enrolled(&folder.path().join("tablet"), &relay, "north", "dr-a");
        Self { relay, tablet, folder }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        Path::new(self.folder.path()).join(name)
    }

    /// Registers a patient on the tablet and sends it.
    fn patient(&self, family: &str) -> ChartRef {
        let chart = self.tablet.register(family);
        self.tablet.sync().unwrap();
        chart
    }

    fn put(&self, chart: &ChartRef, resource: &Value) {
        self.tablet.put(chart, resource);
        self.tablet.sync().unwrap();
    }

    /// Action and detail of the audit trail's rows of the API, oldest first.
    fn ledger(&self) -> Vec<(String, Value)> {
        let db = rusqlite::Connection::open(self.relay.file()).unwrap();
        let mut statement =
            db.prepare("SELECT action, detail FROM audit WHERE action LIKE '%fhir%' ORDER BY seq").unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).unwrap();
        rows.map(Result::unwrap).map(|(action, detail)| (action, serde_json::from_str(&detail).unwrap())).collect()
    }
}

fn condition(chart: &ChartRef, text: &str) -> Value {
    json!({
        "resourceType": "Condition", "code": {"text": text, "coding": [{"system": "http://snomed.info/sct", "code": "38341003"}]},
        "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]},
        "subject": {"reference": format!("Patient/{}", chart.patient)},
    })
}
