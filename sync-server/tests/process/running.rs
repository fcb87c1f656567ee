//! A relay that runs on a free port until it is stopped.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sync_server::config::{RelayConfig, RelayOptions};
use sync_server::server::{self, Listening, ServerError};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub struct Running {
    pub address: SocketAddr,
    /// Where administrators connect.
    pub admin: SocketAddr,
    /// The operator's key.
    pub key: String,
    /// A token of the operator's.
    pub token: String,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Result<(), ServerError>>,
}

pub fn config(data: &Path) -> RelayConfig {
    let listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    RelayOptions { listen, data: Some(data.into()), ..RelayOptions::default() }.resolve().unwrap()
}

/// Starts a relay and waits until it listens.
pub async fn start(config: RelayConfig) -> Running {
    let (stop, stopped) = oneshot::channel();
    let (listening, addresses) = oneshot::channel();
    let (data, encrypted) = (config.data.clone(), config.tls.is_some());
    let ended = tokio::spawn(async move {
        let stop = async { _ = stopped.await };
        server::run(&config, stop, |addresses| _ = listening.send(addresses)).await
    });
    let Ok(addresses) = addresses.await else { panic!("did not start: {:?}", ended.await) };
    let key = std::fs::read_to_string(data.join("admin.token")).unwrap();
    let Listening { devices: address, admin } = addresses;
    let mut running = Running { address, admin, key, token: String::new(), stop, ended };
    if encrypted {
        // Plain requests would not get through.
        return running;
    }
    running.token = running.sign_in(json!({ "key": running.key })).await.1["token"].as_str().unwrap().to_owned();
    running
}

/// Why a relay with this configuration does not start.
pub async fn fails(config: &RelayConfig) -> ServerError {
    let never = std::future::pending();
    let running = server::run(config, never, |_| panic!("it listens"));
    tokio::time::timeout(Duration::from_secs(20), running).await.unwrap().unwrap_err()
}

impl Running {
    pub async fn stop(self) -> Result<(), ServerError> {
        self.stop.send(()).unwrap();
        tokio::time::timeout(Duration::from_secs(20), self.ended).await.unwrap().unwrap()
    }

    /// Status and body of a GET without a token.
    pub async fn get(&self, path: &str) -> (u16, String) {
        self.request("GET", path, None, None).await
    }

    /// Status and JSON of a request in the operator's name.
    pub async fn admin(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        self.admin_as(&self.token, method, path, body).await
    }

    /// Status and JSON of a request with a token.
    pub async fn admin_as(&self, token: &str, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        self.call(Some(token), method, &format!("/admin/v1{path}"), body).await
    }

    /// Status and JSON of a sign-in.
    pub async fn sign_in(&self, credentials: Value) -> (u16, Value) {
        self.call(None, "POST", "/admin/sign-in", Some(credentials)).await
    }

    /// Status and JSON of any request to the admin API.
    pub async fn call(&self, token: Option<&str>, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let (status, text) = self.request(method, path, bearer, body).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    pub async fn request(
        &self,
        method: &str,
        path: &str,
        authorization: Option<String>,
        body: Option<Value>,
    ) -> (u16, String) {
        let admin = path.starts_with("/admin/");
        let url = format!("http://{}{path}", if admin { self.admin } else { self.address });
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        let text = body.map(|body| body.to_string()).unwrap_or_default();
        if !text.is_empty() {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(text).unwrap();
        tokio::task::spawn_blocking(move || {
            let config = ureq::Agent::config_builder().http_status_as_error(false).allow_non_standard_methods(true);
            let mut response = ureq::Agent::from(config.build()).run(request).unwrap();
            (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
        })
        .await
        .unwrap()
    }
}
