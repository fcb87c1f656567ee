//! The demo's people and devices.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use client_core::driver::{DriverOptions, SharedDevice, SyncReport, enroll, sync_once, system_time};
use client_core::{
    ChangeHash, Device, DeviceError, DocumentId, Pin, PlatformSecret, ProfileSettings, Profiles, Randomness,
    SystemRandomness,
};
use serde_json::{Value, json};
use sync_server::admin::{Admitted, Credentials, NewPassword, OneTimePassword, Secret, ShownCode};

use super::relay_process::RelayProcess;
use crate::admin::{AdminApi, ApiArgs};
use crate::failure::Failure;

const HOUR_MS: i64 = 60 * 60 * 1000;

/// The PIN of every device of the demo.
pub const PIN: &str = "demo-pin";
/// North's privacy officer.
const OFFICER: &str = "officer-north";

/// A device of the demo.
pub struct Player {
    /// For the output.
    pub name: &'static str,
    /// The device.
    pub device: SharedDevice,
}

impl Player {
    /// Syncs once.
    ///
    /// # Errors
    /// [`Failure`] if it does not get up to date.
    pub async fn sync(&self) -> Result<SyncReport, Failure> {
        let synced = sync_once(&self.device, &DriverOptions::default(), |_| {}).await;
        synced.map_err(|error| Failure::Failed(format!("device {}: {error}", self.name)))
    }

    /// Does something with the device.
    ///
    /// # Errors
    /// What the device ran into, with its name.
    pub fn with<T>(&self, act: impl FnOnce(&mut Device) -> Result<T, DeviceError>) -> Result<T, Failure> {
        let done = self.device.lock().and_then(|mut device| act(&mut device));
        done.map_err(|error| Failure::Failed(format!("device {}: {error}", self.name)))
    }

    /// How many of its changes wait to be sent.
    ///
    /// # Errors
    /// What the device ran into.
    pub fn unsent(&self) -> Result<u64, Failure> {
        Ok(self.with(|device| device.status(system_time()))?.unsent)
    }

    /// The changes of every document it holds. Two devices with the same changes show the same.
    ///
    /// # Errors
    /// What the device ran into.
    pub fn changes(&self) -> Result<BTreeMap<DocumentId, BTreeSet<ChangeHash>>, Failure> {
        self.with(|device| {
            let documents = device.documents()?.into_iter();
            documents.map(|d| Ok((d.id, device.change_hashes(&d.id)?.into_iter().collect()))).collect()
        })
    }

    /// How many documents it holds.
    ///
    /// # Errors
    /// What the device ran into.
    pub fn document_count(&self) -> Result<usize, Failure> {
        self.with(|device| Ok(device.documents()?.len()))
    }
}

/// The admin API of the demo's relay, for its operator.
///
/// # Errors
/// [`Failure`] if the token cannot be read.
pub fn admin(relay: &RelayProcess) -> Result<AdminApi, Failure> {
    AdminApi::new(&ApiArgs { token_file: Some(relay.token_file()), ..address(relay) })
}

fn address(relay: &RelayProcess) -> ApiArgs {
    ApiArgs { relay: relay.admin_url(), token_file: None, session: None, ca: None }
}

/// North's privacy officer, signed in with a password of their own in place of the one-time password.
///
/// # Errors
/// [`Failure`].
pub fn privacy_officer(admin: &AdminApi, relay: &RelayProcess) -> Result<AdminApi, Failure> {
    let made: OneTimePassword = admin.post("accounts", &json!({ "practitioner": OFFICER }))?;
    let current = Secret::new(made.password);
    let credentials = Credentials::Practitioner { login: OFFICER.into(), password: current.clone() };
    let admitted = AdminApi::anonymous(&address(relay))?.sign_in(&credentials)?;
    let mut chosen = [0; 16];
    SystemRandomness.fill(&mut chosen);
    let new = Secret::new(chosen.map(|byte| format!("{byte:02x}")).concat());
    let changed: Admitted =
        AdminApi::admitted(&address(relay), &admitted)?.own("password", Some(&NewPassword { current, new }))?;
    AdminApi::admitted(&address(relay), &changed)
}

/// Enters organizations, practitioners and roles, and what one clinic opens to the other.
///
/// # Errors
/// [`Failure`].
pub fn people(admin: &AdminApi) -> Result<(), Failure> {
    for (id, name) in [("north", "North Clinic"), ("south", "South Clinic"), ("elsewhere", "Some Other Practice")] {
        admin.post::<Value>("organizations", &json!({ "id": id, "name": name }))?;
    }
    let people = [
        ("dr-north", "Dr Amara Nordin", "north", "physician"),
        ("chw-north", "Jo Field", "north", "community-health-worker"),
        ("dr-south", "Dr Li Sudo", "south", "physician"),
        ("dr-else", "Dr Max Foreign", "elsewhere", "physician"),
        (OFFICER, "Ada Wache", "north", "privacy-officer"),
    ];
    for (id, name, organization, role) in people {
        admin.post::<Value>("practitioners", &json!({ "id": id, "name": name }))?;
        let sensitive: &[&str] = if id == "dr-north" { &SENSITIVE } else { &[] };
        let role = json!({ "practitioner": id, "organization": organization, "role": role, "sensitive": sensitive });
        admin.put::<Value>("roles", &role)?;
    }
    let opened = json!({ "organization": "north", "partner": "south", "compartments": ["core"], "may_write": false });
    admin.put::<Value>("affiliations", &opened)?;
    Ok(())
}

/// Sensitive categories that are opened to the physician who imports the charts.
const SENSITIVE: [&str; 6] = ["ETH", "PSY", "HIV", "SUD", "R", "V"];

/// Opens one chart, wholly and for writing, to the other clinic for a day: a referral.
///
/// # Errors
/// [`Failure`].
pub fn refer(admin: &AdminApi, chart: &client_core::ChartRef) -> Result<Value, Failure> {
    let grant = json!({
        "organization": chart.organization,
        "patient": chart.patient,
        "grantee": { "organization": "south" },
        "compartments": ["core", "encounter", "results", "workflow"],
        "may_write": true,
        "valid_ms": 24 * HOUR_MS,
    });
    admin.post("grants", &grant)
}

/// Makes a code and enrols a device with it.
///
/// # Errors
/// [`Failure`].
pub async fn enrol(
    folder: &Path,
    name: &'static str,
    (practitioner, organization): (&str, &str),
    admin: &AdminApi,
    relay: &RelayProcess,
) -> Result<Player, Failure> {
    let new = json!({ "organization": organization, "practitioner": practitioner, "valid_ms": HOUR_MS });
    let code: ShownCode = admin.post("enrolment-codes", &new)?;
    let tablet = Profiles::open(&folder.join(name))?;
    let (pin, settings) = (Pin::new(PIN)?, ProfileSettings::default());
    let made = tablet.create(name, &pin, &PlatformSecret::none(), settings, SystemRandomness, system_time())?;
    let device = SharedDevice::new(made.1);
    enroll(&device, &relay.device_url(), &code.code, name, &DriverOptions::default()).await?;
    Ok(Player { name, device })
}
