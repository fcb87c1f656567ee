//! Consents and care teams: put from a file in either shape, listed, removed, exported as FHIR.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sync_server::access::{CareTeam, CareTeamMember, Consent, Effect, Period, Provision};

use super::access::{names, party};
use crate::admin::AdminApi;
use crate::failure::Failure;
use crate::output;

/// `satchel admin consent` and `satchel admin care-team`
#[derive(Debug, Subcommand)]
pub enum SharingCommand {
    /// Add one, or put it in the place of the one with its id
    Put {
        /// JSON: the FHIR R4 resource, or the shape that `list --json` shows
        file: PathBuf,
    },
    /// List them
    List,
    /// Remove one
    Remove {
        /// Its id
        #[arg(value_parser = fhir_id)]
        id: String,
    },
    /// Print one as a FHIR R4 resource
    Export {
        /// Its id
        #[arg(value_parser = fhir_id)]
        id: String,
    },
}

/// What consents and care teams have in common here.
pub trait Sharing: Serialize + DeserializeOwned {
    /// Where the API has them.
    const PATH: &'static str;
    /// FHIR's name.
    const RESOURCE: &'static str;
    /// Headings of a list.
    const HEADINGS: [&'static str; 4];
    /// A row of it.
    fn row(&self) -> Vec<String>;
}

/// Runs `satchel admin consent` or `satchel admin care-team`.
///
/// # Errors
/// [`Failure`].
pub fn run<T: Sharing>(api: &AdminApi, json: bool, command: &SharingCommand) -> Result<(), Failure> {
    match command {
        SharingCommand::Put { file } => put::<T>(api, json, file),
        SharingCommand::List => {
            let found: Vec<T> = api.list(T::PATH)?;
            output::print(json, &found, |found| {
                output::table(&T::HEADINGS, &found.iter().map(T::row).collect::<Vec<_>>());
            })
        }
        SharingCommand::Remove { id } => {
            let done: Value = api.delete(&format!("{}/{id}", T::PATH))?;
            output::print(json, &done, |_| say!("removed"))
        }
        SharingCommand::Export { id } => {
            let resource: Value = api.get(&format!("{}/{id}/fhir", T::PATH))?;
            // FHIR is JSON, for people too.
            output::print(true, &resource, |_| {})
        }
    }
}

fn put<T: Sharing>(api: &AdminApi, json: bool, file: &Path) -> Result<(), Failure> {
    let wrong = |why: String| Failure::BadInput(format!("cannot use {}: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    let content: Value = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let id = fhir_id(content["id"].as_str().unwrap_or_default()).map_err(|why| wrong(format!("id: {why}")))?;
    let done: Result<Value, Failure> = match content.get("resourceType") {
        Some(kind) if kind == T::RESOURCE => api.put(&format!("{}/{id}/fhir", T::PATH), &content),
        Some(_) => return Err(wrong(format!("resourceType: must be {}", T::RESOURCE))),
        None => api.put(T::PATH, &content),
    };
    let done = done.map_err(|failure| match failure {
        Failure::BadInput(message) => wrong(message),
        other => other,
    })?;
    output::print(json, &done, |_| say!("put {id}"))
}

/// An id as FHIR has it, so that nothing else gets into a path.
fn fhir_id(text: &str) -> Result<String, String> {
    let good = sync_protocol::is_fhir_id(text) && !matches!(text, "." | "..");
    if good { Ok(text.into()) } else { Err("a FHIR id is 1 to 64 letters, digits, - and .".into()) }
}

impl Sharing for Consent {
    const PATH: &'static str = "consents";
    const RESOURCE: &'static str = "Consent";
    const HEADINGS: [&'static str; 4] = ["ID", "CHART", "STATUS", "SAYS"];

    fn row(&self) -> Vec<String> {
        let status = serde_json::to_value(self.status).unwrap_or_default();
        let status = status.as_str().unwrap_or_default().to_owned();
        vec![self.id.clone(), format!("{}/{}", self.organization, self.patient), status, says(&self.provision)]
    }
}

fn says(provision: &Provision) -> String {
    let Provision { effect, actors, compartments, categories, may_write, period, exceptions } = provision;
    let what = match effect {
        Effect::Permit if *may_write => "permits reading and writing",
        Effect::Permit => "permits reading",
        Effect::Deny => "denies",
    };
    let to = actors.iter().map(party).collect::<Vec<_>>().join(", ");
    let to = if actors.is_empty() { "everyone".to_owned() } else { to };
    let parts = [names(compartments), categories.join(",")];
    let parts = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(",");
    let parts = if parts.is_empty() { "the whole chart".to_owned() } else { parts };
    let mut text = format!("{what} {parts} to {to}{}", during(period));
    for exception in exceptions {
        text = format!("{text}; but {}", says(exception));
    }
    text
}

/// ` from 2026-01-01 00:00:00Z until ...`; nothing where it is open.
pub(super) fn during(period: &Period) -> String {
    let bound = |name: &str, bound: Option<_>| bound.map(|at| format!(" {name} {}", output::moment(at)));
    [bound("from", period.start), bound("until", period.end)].into_iter().flatten().collect()
}

impl Sharing for CareTeam {
    const PATH: &'static str = "care-teams";
    const RESOURCE: &'static str = "CareTeam";
    const HEADINGS: [&'static str; 4] = ["ID", "CHART", "MEMBERS", "WHO"];

    fn row(&self) -> Vec<String> {
        let member = |one: &CareTeamMember| format!("{}{}", party(&one.member), during(&one.period));
        let who = self.members.iter().map(member).collect::<Vec<_>>().join("; ");
        vec![self.id.clone(), format!("{}/{}", self.organization, self.patient), self.members.len().to_string(), who]
    }
}
