//! `satchel device enroll`

use clap::Args;
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
    let (relay, code) = relay_and_code(args)?;
    let device = SharedDevice::new(context.device);
    let runtime = super::sync::runtime()?;
    let identity = runtime.block_on(enroll(&device, &relay, &code, &args.name, &context.options))?;
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

fn relay_and_code(args: &EnrollArgs) -> Result<(String, String), Failure> {
    let payload = args.relay.strip_prefix("satchel:enroll?relay=").and_then(|rest| rest.split_once("&code="));
    let (relay, code) = match (payload, &args.code) {
        (Some((relay, code)), None) => (relay, code),
        (None, Some(code)) => (args.relay.as_str(), code.as_str()),
        _ => {
            let message = "give the relay's address and the code, or the text of the QR code";
            return Err(Failure::BadInput(message.into()));
        }
    };
    Ok((relay_url(relay), code.to_owned()))
}

/// Completes what people type: another scheme's spelling, a missing path.
fn relay_url(typed: &str) -> String {
    let url = typed.trim_end_matches('/').replacen("http", "ws", usize::from(typed.starts_with("http")));
    let host_and_path = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    if host_and_path.contains('/') { url } else { format!("{url}/sync") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(relay: &str, code: Option<&str>) -> EnrollArgs {
        EnrollArgs { relay: relay.into(), code: code.map(Into::into), name: String::new() }
    }

    #[test]
    fn the_qr_codes_text_holds_address_and_code() {
        let found = relay_and_code(&args("satchel:enroll?relay=wss://r.example/sync&code=AB-CD", None)).unwrap();
        assert_eq!(found, ("wss://r.example/sync".into(), "AB-CD".into()));
        assert!(relay_and_code(&args("wss://r.example", None)).is_err());
    }

    #[test]
    fn addresses_are_completed() {
        assert_eq!(relay_url("ws://127.0.0.1:7443"), "ws://127.0.0.1:7443/sync");
        assert_eq!(relay_url("https://relay.example/"), "wss://relay.example/sync");
        assert_eq!(relay_url("wss://relay.example/a/b"), "wss://relay.example/a/b");
        assert_eq!(relay_url("ws://http.example"), "ws://http.example/sync");
    }
}
