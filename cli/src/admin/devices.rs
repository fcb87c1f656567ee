//! Enrolment codes and devices.

use clap::{Args, Subcommand};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde_json::Value;
use sync_protocol::{DeviceId, OrganizationId, PractitionerId};
use sync_server::admin::{NewCode, ShownCode, ShownDevice};

use crate::admin::AdminApi;
use crate::failure::Failure;
use crate::output;

const MINUTE_MS: i64 = 60 * 1000;

/// `satchel admin code`
#[derive(Debug, Args)]
pub struct CodeArgs {
    /// For which organization
    organization: OrganizationId,
    /// For whose device
    practitioner: PractitionerId,
    /// For how many minutes the code can be used
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=60 * 24 * 7))]
    minutes: u32,
    /// Address of the relay for devices, to go into the QR code [default: from --relay]
    #[arg(long, value_name = "URL")]
    device_url: Option<String>,
}

/// `satchel admin device`
#[derive(Debug, Subcommand)]
pub enum DeviceCommand {
    /// List devices
    List,
    /// Revoke a device: it is cut off at once
    Revoke {
        /// Its id
        id: DeviceId,
    },
}

/// Runs `satchel admin code`.
///
/// # Errors
/// [`Failure`].
pub fn code(api: &AdminApi, json: bool, args: &CodeArgs) -> Result<(), Failure> {
    let new = NewCode {
        organization: args.organization.clone(),
        practitioner: args.practitioner.clone(),
        valid_ms: i64::from(args.minutes) * MINUTE_MS,
    };
    let made: ShownCode = api.post("enrolment-codes", &new)?;
    let url = args.device_url.clone().unwrap_or_else(|| device_url(api.base()));
    output::print(json, &made, |made| {
        let payload = format!("satchel:enroll?relay={url}&code={}", made.code);
        if let Ok(qr) = QrCode::new(&payload) {
            // Terminals are mostly dark: what QR calls dark is left blank, so that the code is not inverted.
            let drawn = qr.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
            say!("{drawn}");
        }
        say!("code:    {}   (shown once, until {})", made.code, output::moment(made.expires_at));
        say!("enrol:   satchel device --profile DIR enroll {url} {}", made.code);
    })
}

/// The address for devices that belongs to an address of the admin API.
fn device_url(base: &str) -> String {
    format!("{}/sync", base.replacen("http", "ws", 1))
}

/// Runs `satchel admin device`.
///
/// # Errors
/// [`Failure`].
pub fn device(api: &AdminApi, json: bool, command: &DeviceCommand) -> Result<(), Failure> {
    match command {
        DeviceCommand::List => {
            let found: Vec<ShownDevice> = api.list("devices")?;
            output::print(json, &found, |found| {
                let headings = ["ID", "NAME", "PRACTITIONER", "ORGANIZATION", "HOLDS", "LAST SEEN", "STATE"];
                output::table(&headings, &found.iter().map(device_row).collect::<Vec<_>>());
            })
        }
        DeviceCommand::Revoke { id } => {
            let done: Value = api.delete(&format!("devices/{id}"))?;
            output::print(json, &done, |_| say!("revoked {id}"))
        }
    }
}

fn device_row(device: &ShownDevice) -> Vec<String> {
    vec![
        device.id.to_string(),
        device.name.clone(),
        device.practitioner.to_string(),
        device.organization.to_string(),
        format!("{} documents", device.held_documents),
        device.last_seen.map_or_else(|| "never".into(), output::moment),
        device.revoked_at.map_or_else(|| "enrolled".into(), |at| format!("revoked {}", output::moment(at))),
    ]
}
