//! The admin API, called over HTTP.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::Agent;
use ureq::http::Response;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::failure::Failure;

/// Where the relay is and how to prove that one may administer it.
#[derive(Clone, Debug, Args)]
pub struct ApiArgs {
    /// Address of the relay
    #[arg(long, env = "SATCHEL_RELAY", default_value = "http://127.0.0.1:7443", global = true, value_name = "URL")]
    pub relay: String,
    /// File with the admin token, from the relay's data folder
    #[arg(
        long,
        env = "SATCHEL_ADMIN_TOKEN_FILE",
        default_value = "satchel-relay/admin.token",
        global = true,
        value_name = "FILE"
    )]
    pub token_file: PathBuf,
    /// Certificate authority to trust for the relay, PEM
    #[arg(long, env = "SATCHEL_CA", global = true, value_name = "FILE")]
    pub ca: Option<PathBuf>,
}

/// A relay's admin API.
pub struct AdminApi {
    agent: Agent,
    base: String,
    token: String,
}

impl AdminApi {
    /// Reads the token; connects with the first call.
    ///
    /// # Errors
    /// [`Failure::BadInput`] if the token or certificate file cannot be read, or the token would travel unprotected.
    pub fn new(args: &ApiArgs) -> Result<Self, Failure> {
        let base = args.relay.trim_end_matches('/').to_owned();
        if !base.starts_with("https://") && !is_loopback(&base) {
            let message = "the admin token must not travel without TLS: use an https:// address for the relay";
            return Err(Failure::BadInput(message.into()));
        }
        let token = read(&args.token_file, "admin token file")?.trim().to_owned();
        let mut config =
            Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(30)));
        if let Some(ca) = &args.ca {
            let pem = read(ca, "certificate file")?;
            let certificate = Certificate::from_pem(pem.as_bytes())
                .map_err(|_| Failure::BadInput(format!("{} is not a PEM certificate", ca.display())))?;
            let roots = RootCerts::new_with_certs(&[certificate]);
            config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
        }
        Ok(Self { agent: config.build().new_agent(), base, token })
    }

    /// The relay's address.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Reads a resource.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.read(self.agent.get(self.url(path)).header("authorization", self.bearer()).call())
    }

    /// Adds something.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        self.read(self.agent.post(self.url(path)).header("authorization", self.bearer()).send_json(body))
    }

    /// Adds or replaces something.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        self.read(self.agent.put(self.url(path)).header("authorization", self.bearer()).send_json(body))
    }

    /// Removes what a path names.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.read(self.agent.delete(self.url(path)).header("authorization", self.bearer()).call())
    }

    /// Removes what a body names.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn delete_with<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        let request = self.agent.delete(self.url(path)).header("authorization", self.bearer());
        self.read(request.force_send_body().send_json(body))
    }

    fn url(&self, path: &str) -> String {
        format!("{}/admin/v1/{path}", self.base)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    fn read<T: DeserializeOwned>(&self, answer: Result<Response<ureq::Body>, ureq::Error>) -> Result<T, Failure> {
        let mut answer = answer
            .map_err(|error| Failure::Unreachable(format!("cannot reach the relay at {}: {error}", self.base)))?;
        let status = answer.status().as_u16();
        if answer.status().is_success() {
            return answer
                .body_mut()
                .read_json()
                .map_err(|_| Failure::Failed(format!("{} does not answer as a Satchel relay does", self.base)));
        }
        let message = answer.body_mut().read_to_string().unwrap_or_default();
        let message = error_text(&message).unwrap_or(message);
        match status {
            401 | 403 => Err(Failure::Refused(format!("the relay refuses: {message}"))),
            400..=499 => Err(Failure::BadInput(message)),
            _ => Err(Failure::Failed(format!("the relay failed ({status}): {message}"))),
        }
    }
}

/// The message of an error answer.
fn error_text(body: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(body).ok()?;
    value.get("error")?.as_str().map(ToOwned::to_owned)
}

fn read(path: &Path, what: &str) -> Result<String, Failure> {
    let failed = |error| Failure::BadInput(format!("cannot read the {what} {}: {error}", path.display()));
    std::fs::read_to_string(path).map_err(failed)
}

/// Whether an `http://` address is on this machine.
fn is_loopback(base: &str) -> bool {
    let host = base.trim_start_matches("http://").split('/').next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host).trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_without_tls() {
        for here in ["http://127.0.0.1:7443", "http://localhost", "http://[::1]:80", "http://127.0.0.1/x"] {
            assert!(is_loopback(here), "{here}");
        }
        for away in ["http://192.168.1.5:7443", "http://127.0.0.1.example.org:7443", "http://relay"] {
            assert!(!is_loopback(away), "{away}");
        }
    }
}
