//! A client of the relay's FHIR API, over HTTP.

use std::collections::BTreeMap;

use serde_json::Value;
use sync_server::admin::FhirClientSecret;
use ureq::Agent;
use ureq::http::Request;

use super::RelayProcess;

/// What the API answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// By names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub text: String,
}

impl Response {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// A header; empty where there is none.
    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).cloned().unwrap_or_default()
    }

    /// Panics unless the answer has this status; gives its body.
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// `Type/id` of the resources in a Bundle, in its order.
    pub fn found(&self) -> Vec<String> {
        let bundle = self.expect(200);
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        let matches =
            entries.iter().map(|entry| &entry["resource"]).filter(|one| one["resourceType"] != "OperationOutcome");
        matches
            .map(|one| format!("{}/{}", one["resourceType"].as_str().unwrap(), one["id"].as_str().unwrap()))
            .collect()
    }

    /// The address of a Bundle's next page.
    pub fn next(&self) -> Option<String> {
        let bundle = self.json();
        let links = bundle["link"].as_array().unwrap();
        links.iter().find(|link| link["relation"] == "next").map(|link| link["url"].as_str().unwrap().to_owned())
    }
}

/// See the module.
#[derive(Clone)]
pub struct Fhir {
    base: String,
    token: String,
}

impl Fhir {
    /// Gives a new client for a practitioner of an organization, and signs it in.
    pub fn of(relay: &RelayProcess, at: &str, who: &str) -> Self {
        Self::with(relay, &relay.admin().fhir_client(at, who))
    }

    /// Signs a client in.
    pub fn with(relay: &RelayProcess, client: &FhirClientSecret) -> Self {
        let base = format!("http://{}/fhir", relay.host());
        let answer = sign_in(&base, &client.id, &client.secret);
        let token = answer.expect(200)["access_token"].as_str().unwrap().to_owned();
        Self { base, token: format!("Bearer {token}") }
    }

    /// Presents another token.
    pub fn presenting(&self, authorization: &str) -> Self {
        Self { base: self.base.clone(), token: authorization.to_owned() }
    }

    /// What the client presents.
    pub fn authorization(&self) -> &str {
        &self.token
    }

    /// The API's address.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Reads a path below the base, or an address.
    pub fn get(&self, path: &str) -> Response {
        self.send("GET", path, &[], None)
    }

    /// Sends a resource.
    pub fn post(&self, path: &str, resource: &Value) -> Response {
        self.send("POST", path, &[], Some(resource))
    }

    /// Sends what a resource becomes.
    pub fn put(&self, path: &str, resource: &Value) -> Response {
        self.send("PUT", path, &[], Some(resource))
    }

    /// Sends anything.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Response {
        let body = body.map(|body| body.to_string().into_bytes());
        let kind = [("content-type", "application/fhir+json")];
        let headers = [if body.is_some() { &kind[..] } else { &[] }, headers].concat();
        self.send_bytes(method, path, &headers, body)
    }

    /// Sends any bytes.
    pub fn send_bytes(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Vec<u8>>) -> Response {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}/{path}", self.base) };
        let headers = [&[("authorization", self.token.as_str())], headers].concat();
        call(method, &url, &headers, body)
    }
}

/// Asks for a token.
pub fn sign_in(base: &str, id: &str, secret: &str) -> Response {
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    call("POST", &format!("{base}/token"), &kind, Some(form.into_bytes()))
}

/// Sends a request.
pub fn call(method: &str, url: &str, headers: &[(&str, &str)], body: Option<Vec<u8>>) -> Response {
    let agent: Agent =
        Agent::config_builder().http_status_as_error(false).allow_non_standard_methods(true).build().into();
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
        request = request.header(*name, *value);
    }
    let mut response = match body {
        Some(body) => agent.run(request.body(body).unwrap()).unwrap(),
        None => agent.run(request.body(()).unwrap()).unwrap(),
    };
    let text = |value: &ureq::http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let headers = response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let body = response.body_mut().with_config().limit(256 * 1024 * 1024).read_to_string().unwrap();
    Response { status: response.status().as_u16(), headers, text: body }
}
