//! Roles, affiliations and grants.

use clap::{ArgGroup, Args, Subcommand};
use serde_json::Value;
use sync_protocol::{Compartment, OrganizationId, PatientId, PractitionerId, UnixMillis};
use sync_server::access::{AffiliatedPatients, Affiliation, Grant, Grantee, PractitionerRole, Role, parse_date_time};
use sync_server::admin::NewGrant;

use crate::admin::AdminApi;
use crate::failure::Failure;
use crate::output;

const HOUR_MS: i64 = 60 * 60 * 1000;

/// `satchel admin role`
#[derive(Debug, Subcommand)]
pub enum RoleCommand {
    /// Give a practitioner a role at an organization
    Put(RoleArgs),
    /// Take a role away
    Remove(RoleArgs),
    /// List roles
    List,
}

/// A role.
#[derive(Debug, Args)]
pub struct RoleArgs {
    /// Who
    practitioner: PractitionerId,
    /// Where
    organization: OrganizationId,
    /// physician, nurse, clerk, community-health-worker, pharmacist, privacy-officer or administrator
    role: Role,
    /// Sensitive categories (v3-ActCode, e.g. PSY, HIV) opened to them by name
    #[arg(long, value_delimiter = ',', value_name = "CODES")]
    sensitive: Vec<String>,
    /// Until when: a date (that day included, UTC) or a moment such as 2026-12-31T18:00:00Z
    #[arg(long, value_parser = until, value_name = "WHEN")]
    until: Option<UnixMillis>,
}

/// `satchel admin affiliation`
#[derive(Debug, Subcommand)]
pub enum AffiliationCommand {
    /// Open compartments of an organization's charts to another
    Put {
        /// Whose charts
        organization: OrganizationId,
        /// Who may have them
        partner: OrganizationId,
        /// Which compartments
        #[arg(long, value_delimiter = ',', required = true, value_name = "COMPARTMENTS")]
        compartments: Vec<Compartment>,
        /// The partner may also write there
        #[arg(long)]
        write: bool,
        /// Whose charts of them: all, or with-relationship (patients whom the partner treats too)
        #[arg(long, default_value = "all", value_name = "WHICH")]
        patients: AffiliatedPatients,
    },
    /// End an affiliation
    Remove {
        /// Whose charts
        organization: OrganizationId,
        /// Who had them
        partner: OrganizationId,
    },
    /// List affiliations
    List,
}

/// `satchel admin grant`
#[derive(Debug, Subcommand)]
pub enum GrantCommand {
    /// Open one chart for a time
    Add(GrantArgs),
    /// End a grant now
    End {
        /// Its id
        #[arg(value_parser = grant_id)]
        id: String,
    },
    /// List grants
    List,
}

/// A grant.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("grantee").required(true).args(["to_organization", "to_practitioner"]))]
pub struct GrantArgs {
    /// Which organization manages the chart
    organization: OrganizationId,
    /// Whose chart
    patient: PatientId,
    /// To every practitioner of this organization, within their role
    #[arg(long, value_name = "ORGANIZATION")]
    to_organization: Option<OrganizationId>,
    /// To this practitioner
    #[arg(long, value_name = "PRACTITIONER")]
    to_practitioner: Option<PractitionerId>,
    /// Which compartments
    #[arg(long, value_delimiter = ',', default_value = "core,encounter,results,workflow", value_name = "COMPARTMENTS")]
    compartments: Vec<Compartment>,
    /// They may also write there
    #[arg(long)]
    write: bool,
    /// For how many hours
    #[arg(long, default_value_t = 24 * 30, value_parser = clap::value_parser!(u32).range(1..=24 * 366))]
    hours: u32,
}

/// Runs `satchel admin role`.
///
/// # Errors
/// [`Failure`].
pub fn role(api: &AdminApi, json: bool, command: &RoleCommand) -> Result<(), Failure> {
    match command {
        RoleCommand::Put(args) => {
            let done: Value = api.put("roles", &args.record())?;
            output::print(json, &done, |_| {
                say!("{} is {} at {}", args.practitioner, args.role.as_str(), args.organization);
            })
        }
        RoleCommand::Remove(args) => {
            let path = format!("roles/{}/{}/{}", args.organization, args.practitioner, args.role.as_str());
            let done: Value = api.delete(&path)?;
            output::print(json, &done, |_| say!("removed"))
        }
        RoleCommand::List => {
            let found: Vec<PractitionerRole> = api.list("roles")?;
            output::print(json, &found, |found| {
                let row = |r: &PractitionerRole| {
                    let role = r.role.as_str().to_owned();
                    let until = r.until.map_or_else(|| "-".into(), output::moment);
                    vec![r.organization.to_string(), r.practitioner.to_string(), role, r.sensitive.join(","), until]
                };
                let headings = ["ORGANIZATION", "PRACTITIONER", "ROLE", "SENSITIVE", "UNTIL"];
                output::table(&headings, &found.iter().map(row).collect::<Vec<_>>());
            })
        }
    }
}

impl RoleArgs {
    fn record(&self) -> PractitionerRole {
        PractitionerRole {
            practitioner: self.practitioner.clone(),
            organization: self.organization.clone(),
            role: self.role,
            sensitive: self.sensitive.clone(),
            until: self.until,
        }
    }
}

/// Runs `satchel admin affiliation`.
///
/// # Errors
/// [`Failure`].
pub fn affiliation(api: &AdminApi, json: bool, command: &AffiliationCommand) -> Result<(), Failure> {
    match command {
        AffiliationCommand::Put { organization, partner, compartments, write, patients } => {
            let affiliation = Affiliation {
                organization: organization.clone(),
                partner: partner.clone(),
                compartments: compartments.clone(),
                may_write: *write,
                patients: *patients,
            };
            let done: Value = api.put("affiliations", &affiliation)?;
            output::print(json, &done, |_| say!("{partner} may have charts of {organization}"))
        }
        AffiliationCommand::Remove { organization, partner } => {
            let done: Value = api.delete(&format!("affiliations/{organization}/{partner}"))?;
            output::print(json, &done, |_| say!("removed"))
        }
        AffiliationCommand::List => {
            let found: Vec<Affiliation> = api.list("affiliations")?;
            output::print(json, &found, |found| {
                let row = |a: &Affiliation| {
                    let write = if a.may_write { "read, write" } else { "read" };
                    vec![
                        a.organization.to_string(),
                        a.partner.to_string(),
                        names(&a.compartments),
                        write.into(),
                        a.patients.as_str().into(),
                    ]
                };
                let headings = ["CHARTS OF", "OPEN TO", "COMPARTMENTS", "FOR", "PATIENTS"];
                output::table(&headings, &found.iter().map(row).collect::<Vec<_>>());
            })
        }
    }
}

/// Runs `satchel admin grant`.
///
/// # Errors
/// [`Failure`].
pub fn grant(api: &AdminApi, json: bool, command: &GrantCommand) -> Result<(), Failure> {
    match command {
        GrantCommand::Add(args) => {
            let grant: Grant = api.post("grants", &args.record())?;
            output::print(json, &grant, |grant| {
                say!("grant {} until {}", grant.id, output::moment(grant.expires_at));
            })
        }
        GrantCommand::End { id } => {
            let done: Value = api.delete(&format!("grants/{id}"))?;
            output::print(json, &done, |_| say!("ended"))
        }
        GrantCommand::List => {
            let found: Vec<Grant> = api.list("grants")?;
            output::print(json, &found, |found| {
                let headings = ["ID", "CHART", "TO", "COMPARTMENTS", "UNTIL"];
                output::table(&headings, &found.iter().map(grant_row).collect::<Vec<_>>());
            })
        }
    }
}

impl GrantArgs {
    fn record(&self) -> NewGrant {
        let grantee = match (&self.to_organization, &self.to_practitioner) {
            (Some(organization), _) => Some(Grantee::Organization(organization.clone())),
            (None, practitioner) => practitioner.clone().map(Grantee::Practitioner),
        };
        NewGrant {
            organization: self.organization.clone(),
            patient: self.patient.clone(),
            // The argument group asks for one of the two.
            grantee: grantee.unwrap_or_else(|| Grantee::Organization(self.organization.clone())),
            compartments: self.compartments.clone(),
            may_write: self.write,
            valid_ms: i64::from(self.hours) * HOUR_MS,
        }
    }
}

/// An id as grants have it, so that nothing else gets into a path.
fn grant_id(text: &str) -> Result<String, String> {
    let hexadecimal = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if hexadecimal { Ok(text.into()) } else { Err("the id of a grant is 32 hexadecimal digits".into()) }
}

fn grant_row(grant: &Grant) -> Vec<String> {
    vec![
        grant.id.clone(),
        format!("{}/{}", grant.organization, grant.patient),
        party(&grant.grantee),
        names(&grant.compartments),
        output::moment(grant.expires_at),
    ]
}

/// Who is meant.
pub(super) fn party(party: &Grantee) -> String {
    match party {
        Grantee::Organization(id) => format!("organization {id}"),
        Grantee::Practitioner(id) => format!("practitioner {id}"),
    }
}

/// An end: of a date, when that day is over.
fn until(text: &str) -> Result<UnixMillis, String> {
    let wrong = || "a date such as 2026-12-31, or a moment such as 2026-12-31T18:00:00Z".to_owned();
    parse_date_time(text, true).ok_or_else(wrong)
}

pub(super) fn names(compartments: &[Compartment]) -> String {
    compartments.iter().map(|c| c.as_str()).collect::<Vec<_>>().join(",")
}
