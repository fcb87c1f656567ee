//! Programs that use the FHIR API.

use clap::Subcommand;
use serde_json::Value;
use sync_protocol::{OrganizationId, PractitionerId};
use sync_server::admin::{FhirClientSecret, NewFhirClient, ShownFhirClient};

use crate::admin::AdminApi;
use crate::failure::Failure;
use crate::output;

/// `satchel admin fhir-client`
#[derive(Debug, Subcommand)]
pub enum FhirClientCommand {
    /// Let a program use the FHIR API; its secret is shown once
    Create {
        /// For whom it acts: it may do what they may do
        #[arg(long)]
        practitioner: PractitionerId,
        /// At which organization
        #[arg(long)]
        organization: OrganizationId,
        /// What people call it
        #[arg(long)]
        name: String,
    },
    /// List programs
    List,
    /// Revoke a program: its secret and its tokens are worth nothing at once
    Revoke {
        /// Its id
        id: String,
    },
}

/// Runs `satchel admin fhir-client`.
///
/// # Errors
/// [`Failure`].
pub fn run(api: &AdminApi, json: bool, command: &FhirClientCommand) -> Result<(), Failure> {
    match command {
        FhirClientCommand::Create { practitioner, organization, name } => {
            let (practitioner, organization) = (practitioner.clone(), organization.clone());
            let new = NewFhirClient { name: name.clone(), practitioner, organization };
            let made: FhirClientSecret = api.post("fhir-clients", &new)?;
            output::print(json, &made, |made| {
                say!("client_id:      {}", made.id);
                say!("client_secret:  {}   (shown once)", made.secret);
                say!("token from:     {}/fhir/token", api.base());
            })
        }
        FhirClientCommand::Revoke { id } => {
            let done: Value = api.delete(&format!("fhir-clients/{id}"))?;
            output::print(json, &done, |_| say!("revoked {id}"))
        }
        FhirClientCommand::List => {
            let found: Vec<ShownFhirClient> = api.list("fhir-clients")?;
            output::print(json, &found, |found| {
                let headings = ["ID", "NAME", "PRACTITIONER", "ORGANIZATION", "ADDED", "STATE"];
                output::table(&headings, &found.iter().map(row).collect::<Vec<_>>());
            })
        }
    }
}

fn row(client: &ShownFhirClient) -> Vec<String> {
    vec![
        client.id.clone(),
        client.name.clone(),
        client.practitioner.to_string(),
        client.organization.to_string(),
        output::moment(client.added_at),
        client.revoked_at.map_or_else(|| "in use".into(), |at| format!("revoked {}", output::moment(at))),
    ]
}
