//! The part of the story about other systems: the FHIR API shows a client what its practitioner may see, and hides the rest.

use std::time::Duration;

use client_core::ChartRef;
use serde_json::{Value, json};
use sync_server::admin::{FhirClientSecret, NewFhirClient};
use ureq::Agent;

use super::report::Report;
use crate::admin::AdminApi;
use crate::failure::Failure;

/// A hospital's system reads a chart of North over FHIR; one that acts for the outsider is told that there is none.
///
/// # Errors
/// [`Failure`] if something does not work at all.
pub fn fhir(admin: &AdminApi, chart: &ChartRef, report: &mut Report) -> Result<(), Failure> {
    report.step("Other systems ask over FHIR");
    let (permitted, outside) = (Client::of(admin, "dr-north", "north")?, Client::of(admin, "dr-else", "elsewhere")?);
    let patient = format!("Patient/{}", chart.patient);
    let (status, body) = permitted.get(&patient)?;
    let read: Value = serde_json::from_str(&body).map_err(Failure::from_error)?;
    let shown = status == 200 && read["id"] == chart.patient.as_str();
    report.claim(
        "a client for North's physician reads a patient, with a version",
        shown && read["meta"]["versionId"].is_string(),
    );
    let (_, body) = permitted.get(&format!("{patient}/$everything"))?;
    let everything: Value = serde_json::from_str(&body).map_err(Failure::from_error)?;
    report.tell(&format!("$everything has {} resources", everything["entry"].as_array().map_or(0, Vec::len)));
    let (hidden, none) = (outside.get(&patient)?, outside.get("Patient/nobody")?);
    let alike = hidden.0 == 404 && hidden == none;
    report.claim("to a client for the outsider there is no such patient, word for word as if there were none", alike);
    Ok(())
}

struct Client {
    agent: Agent,
    base: String,
    bearer: String,
}

impl Client {
    fn of(admin: &AdminApi, practitioner: &str, organization: &str) -> Result<Self, Failure> {
        let id = |error| Failure::Failed(format!("{practitioner}: {error}"));
        let new = NewFhirClient {
            name: "a hospital".into(),
            practitioner: practitioner.parse().map_err(id)?,
            organization: organization.parse().map_err(id)?,
        };
        let made: FhirClientSecret = admin.post("fhir-clients", &new)?;
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(60)));
        let (agent, base) = (config.build().new_agent(), format!("{}/fhir", admin.base()));
        let form = [("grant_type", "client_credentials"), ("client_id", &made.id), ("client_secret", &made.secret)];
        let answer = agent.post(format!("{base}/token")).send_form(form);
        let given = answer.and_then(|mut answer| answer.body_mut().read_to_string()).map_err(Failure::from_error)?;
        let given: Value = serde_json::from_str(&given).unwrap_or_else(|_| json!({}));
        let token = given["access_token"].as_str().ok_or_else(|| Failure::Failed("no token was given".into()))?;
        let bearer = format!("Bearer {token}");
        Ok(Self { agent, base, bearer })
    }

    fn get(&self, path: &str) -> Result<(u16, String), Failure> {
        let request = self.agent.get(format!("{}/{path}", self.base)).header("authorization", &self.bearer);
        let mut answer = request.call().map_err(Failure::from_error)?;
        let status = answer.status().as_u16();
        Ok((status, answer.body_mut().read_to_string().map_err(Failure::from_error)?))
    }
}
