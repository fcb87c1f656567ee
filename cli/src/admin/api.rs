//! The admin API, called over HTTP.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sync_server::admin::{Admitted, Credentials, ErrorCode, Page, Secret, ShownProblem};
use ureq::Agent;
use ureq::http::{Request, Response};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::session::{Credential, read};
use crate::failure::Failure;

/// Entries to ask for at once.
const PAGE: usize = 1_000;

/// Where the relay is and how to prove that one may administer it.
#[derive(Clone, Debug, Args)]
pub struct ApiArgs {
    /// Address of the relay
    #[arg(long, env = "SATCHEL_RELAY", default_value = "http://127.0.0.1:7443", global = true, value_name = "URL")]
    pub relay: String,
    /// File with the operator's key, from the relay's data folder [default: satchel-relay/admin.token, unless signed in]
    #[arg(long, env = "SATCHEL_ADMIN_TOKEN_FILE", global = true, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// File that keeps a practitioner's sign-in [default: satchel/admin-session.json in the user's state folder]
    #[arg(long, env = "SATCHEL_ADMIN_SESSION", global = true, value_name = "FILE")]
    pub session: Option<PathBuf>,
    /// Certificate authority to trust for the relay, PEM
    #[arg(long, env = "SATCHEL_CA", global = true, value_name = "FILE")]
    pub ca: Option<PathBuf>,
}

/// A relay's admin API.
pub struct AdminApi {
    agent: Agent,
    base: String,
    credential: Credential,
    /// What the operator's key was exchanged for.
    token: Mutex<Option<Secret>>,
}

impl AdminApi {
    /// Looks for the operator's key or a sign-in; connects with the first call.
    ///
    /// # Errors
    /// [`Failure::BadInput`] if a file cannot be read, or what proves who one is would travel unprotected;
    /// [`Failure::Refused`] if there is neither key nor sign-in.
    pub fn new(args: &ApiArgs) -> Result<Self, Failure> {
        let credential = Credential::find(args)?;
        Self::with(args, credential)
    }

    /// Nobody yet: for signing in.
    ///
    /// # Errors
    /// As [`AdminApi::new`].
    pub fn anonymous(args: &ApiArgs) -> Result<Self, Failure> {
        Self::with(args, Credential::None)
    }

    /// Presents what a sign-in gave, and keeps it in no file.
    ///
    /// # Errors
    /// As [`AdminApi::new`].
    pub fn admitted(args: &ApiArgs, admitted: &Admitted) -> Result<Self, Failure> {
        Self::with(args, Credential::Session(admitted.token.clone()))
    }

    fn with(args: &ApiArgs, credential: Credential) -> Result<Self, Failure> {
        let base = args.relay.trim_end_matches('/').to_owned();
        if !base.starts_with("https://") && !is_loopback(&base) {
            let message = "keys and passwords must not travel without TLS: use an https:// address for the relay";
            return Err(Failure::BadInput(message.into()));
        }
        let mut config =
            Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(30)));
        if let Some(ca) = &args.ca {
            let pem = read(ca, "certificate file")?;
            let certificate = Certificate::from_pem(pem.as_bytes())
                .map_err(|_| Failure::BadInput(format!("{} is not a PEM certificate", ca.display())))?;
            let roots = RootCerts::new_with_certs(&[certificate]);
            config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
        }
        Ok(Self { agent: config.build().new_agent(), base, credential, token: Mutex::default() })
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
        self.call("GET", path, None)
    }

    /// Reads a list, page by page.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, Failure> {
        self.list_after(path, None, usize::MAX)
    }

    /// Reads a list after an entry, at most so many.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn list_after<T: DeserializeOwned>(
        &self,
        path: &str,
        mut after: Option<String>,
        most: usize,
    ) -> Result<Vec<T>, Failure> {
        let mut all = Vec::new();
        while all.len() < most {
            let limit = PAGE.min(most - all.len());
            let after_which = after.map(|after| format!("&after={after}")).unwrap_or_default();
            let and = if path.contains('?') { '&' } else { '?' };
            let page: Page<T> = self.get(&format!("{path}{and}limit={limit}{after_which}"))?;
            all.extend(page.items);
            if page.next.is_none() {
                break;
            }
            after = page.next;
        }
        Ok(all)
    }

    /// Adds something.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        self.call("POST", path, Some(as_json(body)?))
    }

    /// Adds or replaces something.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        self.call("PUT", path, Some(as_json(body)?))
    }

    /// Removes what a path names.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.call("DELETE", path, None)
    }

    /// Signs in.
    ///
    /// # Errors
    /// [`Failure::Refused`], among others.
    pub fn sign_in(&self, credentials: &Credentials) -> Result<Admitted, Failure> {
        let answer = self.send("POST", &self.own_url("sign-in"), None, Some(as_json(credentials)?))?;
        self.read(answer).map_err(|problem| problem.1)
    }

    /// Does something with the sign-in itself: `sign-out` or `password`.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn own<T: DeserializeOwned>(&self, what: &str, body: Option<&impl Serialize>) -> Result<T, Failure> {
        let token = self.token()?;
        let body = body.map(as_json).transpose()?;
        let answer = self.send("POST", &self.own_url(what), Some(&token), body)?;
        self.read(answer).map_err(|problem| problem.1)
    }

    fn own_url(&self, what: &str) -> String {
        format!("{}/admin/{what}", self.base)
    }

    fn call<T: DeserializeOwned>(&self, method: &str, path: &str, body: Option<String>) -> Result<T, Failure> {
        let url = format!("{}/admin/v1/{path}", self.base);
        let answer = self.send(method, &url, Some(&self.token()?), body.clone())?;
        match self.read(answer) {
            // The operator's key gets another token when one has run out, or the relay was started anew.
            Err((Some(ErrorCode::NotSignedIn), _)) if matches!(self.credential, Credential::Operator(_)) => {
                self.keep(None);
                let answer = self.send(method, &url, Some(&self.token()?), body)?;
                self.read(answer).map_err(|problem| problem.1)
            }
            read => read.map_err(|problem| problem.1),
        }
    }

    /// A token: the practitioner's, or what the operator's key is exchanged for.
    fn token(&self) -> Result<Secret, Failure> {
        let key = match &self.credential {
            Credential::None => return Err(Failure::Refused("nobody is signed in".into())),
            Credential::Session(token) => return Ok(token.clone()),
            Credential::Operator(key) => key,
        };
        let kept = self.token.lock().ok().and_then(|token| token.clone());
        if let Some(token) = kept {
            return Ok(token);
        }
        let admitted = self.sign_in(&Credentials::Operator { key: key.clone() })?;
        self.keep(Some(admitted.token.clone()));
        Ok(admitted.token)
    }

    fn keep(&self, token: Option<Secret>) {
        if let Ok(mut kept) = self.token.lock() {
            *kept = token;
        }
    }

    fn send(
        &self,
        method: &str,
        url: &str,
        token: Option<&Secret>,
        body: Option<String>,
    ) -> Result<Response<ureq::Body>, Failure> {
        let mut request = Request::builder().method(method).uri(url);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {}", token.reveal()));
        }
        let answer = match body {
            Some(body) => {
                let request = request.header("content-type", "application/json").body(body);
                self.agent.run(request.map_err(Failure::from_error)?)
            }
            None => self.agent.run(request.body(()).map_err(Failure::from_error)?),
        };
        answer.map_err(|error| Failure::Unreachable(format!("cannot reach the relay at {}: {error}", self.base)))
    }

    fn read<T: DeserializeOwned>(&self, mut answer: Response<ureq::Body>) -> Result<T, (Option<ErrorCode>, Failure)> {
        let status = answer.status().as_u16();
        if answer.status().is_success() {
            let strange = || Failure::Failed(format!("{} does not answer as a Satchel relay does", self.base));
            return answer.body_mut().read_json().map_err(|_| (None, strange()));
        }
        let text = answer.body_mut().read_to_string().unwrap_or_default();
        let problem: Option<ShownProblem> = serde_json::from_str(&text).ok();
        let message = problem.as_ref().map_or(text, |problem| problem.message.clone());
        let failure = match status {
            401 | 403 | 429 => Failure::Refused(format!("the relay refuses: {message}")),
            400..=499 => Failure::BadInput(message),
            _ => Failure::Failed(format!("the relay failed ({status}): {message}")),
        };
        Err((problem.map(|problem| problem.code), failure))
    }
}

fn as_json(body: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(body).map_err(Failure::from_error)
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
