//! Organizations and practitioners.

use clap::Subcommand;
use serde_json::Value;
use sync_protocol::{OrganizationId, PractitionerId};
use sync_server::admin::{NewOrganization, NewPractitioner, ShownOrganization, ShownPractitioner};

use crate::admin::AdminApi;
use crate::failure::Failure;
use crate::output;

/// `satchel admin organization`
#[derive(Debug, Subcommand)]
pub enum OrganizationCommand {
    /// Add an organization
    Add {
        /// FHIR id
        id: OrganizationId,
        /// What people call it
        name: String,
    },
    /// List organizations
    List,
}

/// `satchel admin practitioner`
#[derive(Debug, Subcommand)]
pub enum PractitionerCommand {
    /// Add a practitioner
    Add {
        /// FHIR id
        id: PractitionerId,
        /// What people call them
        name: String,
        /// The organization that answers for them; the operator may leave it out
        #[arg(long, value_name = "ORGANIZATION")]
        organization: Option<OrganizationId>,
    },
    /// List practitioners
    List,
}

/// Runs `satchel admin organization`.
///
/// # Errors
/// [`Failure`].
pub fn organization(api: &AdminApi, json: bool, command: &OrganizationCommand) -> Result<(), Failure> {
    match command {
        OrganizationCommand::Add { id, name } => {
            let new = NewOrganization { id: id.clone(), name: name.clone() };
            let done: Value = api.post("organizations", &new)?;
            output::print(json, &done, |_| say!("added organization {id}"))
        }
        OrganizationCommand::List => {
            let found: Vec<ShownOrganization> = api.list("organizations")?;
            output::print(json, &found, |found| {
                let row = |o: &ShownOrganization| vec![o.id.to_string(), o.name.clone(), o.enrolment_key.to_string()];
                output::table(&["ID", "NAME", "ENROLMENT KEY"], &found.iter().map(row).collect::<Vec<_>>());
            })
        }
    }
}

/// Runs `satchel admin practitioner`.
///
/// # Errors
/// [`Failure`].
pub fn practitioner(api: &AdminApi, json: bool, command: &PractitionerCommand) -> Result<(), Failure> {
    match command {
        PractitionerCommand::Add { id, name, organization } => {
            let new = NewPractitioner { id: id.clone(), name: name.clone(), organization: organization.clone() };
            let done: Value = api.post("practitioners", &new)?;
            output::print(json, &done, |_| say!("added practitioner {id}"))
        }
        PractitionerCommand::List => {
            let found: Vec<ShownPractitioner> = api.list("practitioners")?;
            output::print(json, &found, |found| {
                let of =
                    |p: &ShownPractitioner| p.organization.as_ref().map_or_else(|| "-".into(), ToString::to_string);
                let row = |p: &ShownPractitioner| vec![p.id.to_string(), p.name.clone(), of(p)];
                output::table(&["ID", "NAME", "ORGANIZATION"], &found.iter().map(row).collect::<Vec<_>>());
            })
        }
    }
}
