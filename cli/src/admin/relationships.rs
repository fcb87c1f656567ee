//! Patients whom another organization treats too.

use clap::{Args, Subcommand};
use serde_json::Value;
use sync_protocol::{OrganizationId, PatientId};
use sync_server::access::Relationship;

use crate::admin::AdminApi;
use crate::failure::Failure;
use crate::output;

/// `satchel admin relationship`
#[derive(Debug, Subcommand)]
pub enum RelationshipCommand {
    /// Say that another organization treats a patient too
    Put(RelationshipArgs),
    /// End a relationship
    Remove(RelationshipArgs),
    /// List relationships
    List,
}

/// A relationship.
#[derive(Debug, Args)]
pub struct RelationshipArgs {
    /// Which organization manages the chart
    organization: OrganizationId,
    /// Whose chart
    patient: PatientId,
    /// Who treats them too
    partner: OrganizationId,
}

/// Runs `satchel admin relationship`.
///
/// # Errors
/// [`Failure`].
pub fn run(api: &AdminApi, json: bool, command: &RelationshipCommand) -> Result<(), Failure> {
    match command {
        RelationshipCommand::Put(RelationshipArgs { organization, patient, partner }) => {
            let (organization, patient, partner) = (organization.clone(), patient.clone(), partner.clone());
            let relationship = Relationship { organization, patient, partner };
            let done: Value = api.put("relationships", &relationship)?;
            output::print(json, &done, |_| {
                say!("{} treats {} of {} too", relationship.partner, relationship.patient, relationship.organization);
            })
        }
        RelationshipCommand::Remove(RelationshipArgs { organization, patient, partner }) => {
            let done: Value = api.delete(&format!("relationships/{organization}/{patient}/{partner}"))?;
            output::print(json, &done, |_| say!("removed"))
        }
        RelationshipCommand::List => {
            let found: Vec<Relationship> = api.list("relationships")?;
            output::print(json, &found, |found| {
                let row =
                    |one: &Relationship| vec![format!("{}/{}", one.organization, one.patient), one.partner.to_string()];
                output::table(&["CHART", "TREATED BY TOO"], &found.iter().map(row).collect::<Vec<_>>());
            })
        }
    }
}
