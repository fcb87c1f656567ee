//! One scenario while it runs: its relay, devices and names.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mobile::core::{ChartRef, OrganizationId, PatientId, ResourceKey};
use mobile::{
    LiveQuery, LiveRows, Occasion, Page, RowsListener, SatchelDevice, SatchelError, SatchelTablet, SyncSession,
};
use serde_json::{Map, Value, json};
use system_tests::process::{RelayProcess, run_typing};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::SATCHEL;
use crate::step::Step;

/// Until something that is awaited must have come.
const PATIENCE: Duration = Duration::from_secs(20);

/// Every row.
pub const ALL: Page = Page { limit: 1_000, offset: 0 };

/// The summaries that a live query showed last, and whether it ended.
pub type Shown = Arc<Mutex<(Option<Vec<String>>, bool)>>;

pub struct Watcher(pub Shown);

impl RowsListener for Watcher {
    fn on_rows(&self, rows: LiveRows) {
        let LiveRows::Chart { rows } = rows else { panic!("rows of another kind") };
        let mut summaries: Vec<String> = rows.into_iter().map(|row| row.summary).collect();
        summaries.sort();
        self.0.lock().unwrap().0 = Some(summaries);
    }

    fn on_end(&self) {
        self.0.lock().unwrap().1 = true;
    }
}

/// What a step gives a name to.
pub enum Named {
    Chart(ChartRef),
    Text(String),
    Watch(Shown, Arc<LiveQuery>),
}

pub struct Scenario {
    pub runtime: Runtime,
    pub folder: TempDir,
    pub relay: Option<RelayProcess>,
    pub devices: BTreeMap<String, Arc<SatchelDevice>>,
    pub tablets: BTreeMap<String, Arc<SatchelTablet>>,
    /// Of each profile that was made, by its device's name, the tablet and the profile's id.
    pub profiles: BTreeMap<String, (String, String)>,
    pub sessions: BTreeMap<String, Arc<SyncSession>>,
    pub names: BTreeMap<String, Named>,
}

impl Scenario {
    pub fn new() -> Self {
        let folder = system_tests::folder::on_disk();
        let runtime = Runtime::new().unwrap();
        let (devices, sessions, names) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (tablets, profiles) = (BTreeMap::new(), BTreeMap::new());
        Self { runtime, folder, relay: None, devices, tablets, profiles, sessions, names }
    }

    pub fn step(&mut self, step: &Step<'_>, number: usize) {
        let given = self.perform(step);
        match (given, step.find_text("fails")) {
            (Ok(named), None) => {
                if let Some(name) = step.find_text("save") {
                    self.names.insert(name.to_owned(), named.unwrap_or_else(|| panic!("nothing to save: {}", step.0)));
                }
            }
            (Err(error), Some(code)) => {
                assert_eq!(error.code(), code, "in step {number}: {}", step.0);
                let refusal = step.object("refusal");
                assert_eq!(only(&refusal, &details(&error)), refusal, "in step {number}: {}", step.0);
            }
            (Ok(_), Some(code)) => panic!("step {number} did not fail with {code}: {}", step.0),
            (Err(error), None) => panic!("step {number} failed with {error:?}: {}", step.0),
        }
    }

    pub fn relay(&self) -> &RelayProcess {
        self.relay.as_ref().unwrap()
    }

    pub fn device(&self, step: &Step<'_>) -> Arc<SatchelDevice> {
        self.devices[step.text("device")].clone()
    }

    pub fn opened(&mut self, name: &str) -> Result<Arc<SatchelDevice>, SatchelError> {
        if let Some(device) = self.devices.get(name) {
            return Ok(device.clone());
        }
        let folder = self.folder.path().join(name).to_string_lossy().into_owned();
        let device = SatchelDevice::open(folder, None)?;
        self.devices.insert(name.to_owned(), device.clone());
        Ok(device)
    }

    /// Runs `satchel admin` as the operator, or as an officer who is signed in; gives what it says.
    pub fn admin(&self, arguments: &[&str], by: Option<&str>) -> Value {
        self.admin_typing(arguments, by, "")
    }

    fn admin_typing(&self, arguments: &[&str], by: Option<&str>, typed: &str) -> Value {
        let url = format!("http://{}", self.relay().host());
        let (option, file) = match by {
            Some(who) => ("--session", format!("relay/{who}.session")),
            None => ("--token-file", "relay/admin.token".to_owned()),
        };
        let file = self.folder.path().join(file).to_string_lossy().into_owned();
        let reach = ["--relay", &url, option, &file, "--json"];
        let all: Vec<&str> = ["admin"].into_iter().chain(arguments.iter().copied()).chain(reach).collect();
        serde_json::from_str(&run_typing(SATCHEL, &all, typed).ok()).unwrap_or(Value::Null)
    }

    /// A privacy officer who is signed in from now on.
    pub fn officer(&self, organization: &str, who: &str) {
        self.admin(&["practitioner", "add", who, who], None);
        self.admin(&["role", "put", who, organization, "privacy-officer"], None);
        let added = self.admin(&["account", "add", who], None);
        let typed = format!("{}\nchosen by the officer\n", added["password"].as_str().unwrap());
        self.admin_typing(&["sign-in", who], Some(who), &typed);
    }

    /// The text; `$name` and `$name.member` stand for what was saved.
    pub fn text(&self, given: &str) -> String {
        let Some((name, member)) = given.strip_prefix('$').map(|rest| rest.split_once('.').unwrap_or((rest, "")))
        else {
            return given.replace("$relay", self.relay.as_ref().map_or("", |relay| relay.url()));
        };
        match (member, self.names.get(name)) {
            ("device", _) => self.devices[name].identity().unwrap().device,
            ("patient", Some(Named::Chart(chart))) => chart.patient.to_string(),
            ("", Some(Named::Text(text))) => text.clone(),
            _ => panic!("nothing is called {given}"),
        }
    }

    pub fn chart(&self, step: &Step<'_>, member: &str) -> Result<ChartRef, SatchelError> {
        let given = step.member(member);
        if let Some(name) = given.as_str() {
            let Some(Named::Chart(chart)) = self.names.get(&name[1..]) else { panic!("no chart is called {name}") };
            return Ok(chart.clone());
        }
        let bad = |_| SatchelError::Invalid { detail: "not an id".into() };
        let given = Step(given);
        Ok(ChartRef {
            organization: OrganizationId::new(given.text("organization")).map_err(bad)?,
            patient: PatientId::new(given.text("patient")).map_err(bad)?,
        })
    }

    pub fn at(&self, step: &Step<'_>) -> Result<Occasion, SatchelError> {
        Ok(Occasion { chart: self.chart(step, "chart")?, encounter: None })
    }

    pub fn key(&self, step: &Step<'_>) -> ResourceKey {
        let text = self.text(step.text("resource"));
        let (kind, id) = text.split_once('/').unwrap();
        ResourceKey::new(kind, id)
    }

    pub fn watched(&self, step: &Step<'_>) -> (&Shown, &Arc<LiveQuery>) {
        let Some(Named::Watch(shown, query)) = self.names.get(step.text("watch")) else { panic!("no such watch") };
        (shown, query)
    }
}

impl Drop for Scenario {
    fn drop(&mut self) {
        self.sessions.clear();
        self.names.clear();
        for device in self.devices.values() {
            // A scenario that failed has said why.
            let _ = self.runtime.block_on(device.lock());
        }
    }
}

/// Tries again until it gives what is wanted.
pub fn eventually<T: PartialEq + Debug>(wanted: &T, look: impl Fn() -> T) {
    let end = Instant::now() + PATIENCE;
    loop {
        let found = look();
        if found == *wanted {
            return;
        }
        assert!(Instant::now() < end, "{found:?} in place of {wanted:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What an error says besides its code.
fn details(error: &SatchelError) -> Value {
    match error {
        SatchelError::WrongPin { wait_ms, remaining_before_wipe, .. } => {
            json!({ "waitMs": wait_ms, "remainingBeforeWipe": remaining_before_wipe })
        }
        _ => Value::Null,
    }
}

/// The members of `found` that are expected.
pub fn only(expected: &Map<String, Value>, found: &Value) -> Map<String, Value> {
    let member = |name: &String| found.get(name).unwrap_or_else(|| panic!("nothing is called {name}")).clone();
    expected.keys().map(|name| (name.clone(), member(name))).collect()
}
