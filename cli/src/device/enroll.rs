//! `satchel device enroll`

use clap::Args;
use client_core::EnrolmentCode;
use client_core::driver::{SharedDevice, enroll};
use serde_json::json;

use super::Context;
use crate::failure::Failure;
use crate::output;

/// Arguments of `satchel device enroll`.
#[derive(Debug, Args)]
pub struct EnrollArgs {
    /// Address of the relay, or what the QR code says (satchel:enroll?…)
    relay: String,
    /// The one-time code; not with the QR code's text
    code: Option<String>,
    /// What people call this device
    #[arg(long, default_value = "satchel at a terminal")]
    name: String,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(context: Context, args: &EnrollArgs) -> Result<(), Failure> {
    let given = relay_and_code(args)?;
    let device = SharedDevice::new(context.device);
    let runtime = super::sync::runtime()?;
    let identity = runtime.block_on(enroll(&device, &given.relay, &given.code, &args.name, &context.options))?;
    let shown = json!({
        "device": identity.device,
        "practitioner": identity.practitioner,
        "organization": identity.organization,
        "relay": identity.relay_url,
    });
    output::print(context.json, &shown, |_| {
        say!("enrolled for {} ({})", identity.practitioner_name, identity.practitioner);
        say!("at           {} ({})", identity.organization_name, identity.organization);
        say!("device       {}", identity.device);
    })
}

fn relay_and_code(args: &EnrollArgs) -> Result<EnrolmentCode, Failure> {
    match (EnrolmentCode::scanned(&args.relay), &args.code) {
        (Ok(scanned), None) => Ok(scanned),
        (Err(_), Some(code)) => Ok(EnrolmentCode::typed(&args.relay, code)),
        _ => {
            let message = "give the relay's address and the code, or the text of the QR code";
            Err(Failure::BadInput(message.into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(relay: &str, code: Option<&str>) -> EnrollArgs {
        EnrollArgs { relay: relay.into(), code: code.map(Into::into), name: String::new() }
    }

    #[test]
    fn address_and_code_or_the_qr_codes_text_are_taken_and_nothing_else() {
        let qr = "satchel:enroll?relay=wss://r.example/sync&code=AB-CD";
        let found = relay_and_code(&args(qr, None)).unwrap();
        assert_eq!(found, relay_and_code(&args("wss://r.example", Some("AB-CD"))).unwrap());
        assert!(relay_and_code(&args("wss://r.example", None)).is_err());
        assert!(relay_and_code(&args(qr, Some("AB-CD"))).is_err());
    }
}
