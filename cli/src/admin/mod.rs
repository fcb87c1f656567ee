//! `satchel admin`: looks after a relay over its admin API.

mod access;
mod accounts;
mod api;
mod audit;
mod custody;
mod devices;
mod disclosures;
mod emergency;
mod fhir_clients;
mod lost;
mod people;
mod policy;
mod relationships;
mod session;
mod sharing;
mod sign_in;
mod why;

use clap::{Args, Subcommand};
use sync_server::access::{CareTeam, Consent};

pub use api::{AdminApi, ApiArgs};

use crate::failure::Failure;

/// Arguments of `satchel admin`.
#[derive(Debug, Args)]
pub struct AdminArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: AdminCommand,
}

#[derive(Debug, Subcommand)]
enum AdminCommand {
    /// Sign in with login and password
    SignIn(sign_in::SignInArgs),
    /// Sign out
    SignOut,
    /// Change one's own password
    Password,
    /// Accounts of administrators and privacy officers
    #[command(subcommand)]
    Account(accounts::AccountCommand),
    /// Organizations: clinics and practices
    #[command(subcommand)]
    Organization(people::OrganizationCommand),
    /// Practitioners
    #[command(subcommand)]
    Practitioner(people::PractitionerCommand),
    /// Roles of practitioners at organizations
    #[command(subcommand)]
    Role(access::RoleCommand),
    /// What organizations open to one another
    #[command(subcommand)]
    Affiliation(access::AffiliationCommand),
    /// Single charts opened for a time (referrals)
    #[command(subcommand)]
    Grant(access::GrantCommand),
    /// Patients whom another organization treats too
    #[command(subcommand)]
    Relationship(relationships::RelationshipCommand),
    /// Who treats a patient together; also as FHIR CareTeam
    #[command(subcommand)]
    CareTeam(sharing::SharingCommand),
    /// What patients have said about who may have their charts; also as FHIR Consent
    #[command(subcommand)]
    Consent(sharing::SharingCommand),
    /// Charts opened in an emergency: list them, end one early
    #[command(subcommand)]
    Emergency(emergency::EmergencyCommand),
    /// Why somebody may or may not receive and write a document
    Why(why::WhyArgs),
    /// The policies in force
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Make a one-time code that enrols a device, shown once, with a QR code
    Code(devices::CodeArgs),
    /// Enrolled devices
    #[command(subcommand)]
    Device(devices::DeviceCommand),
    /// Programs that use the FHIR API
    #[command(subcommand)]
    FhirClient(fhir_clients::FhirClientCommand),
    /// List devices
    Devices(lost::DevicesArgs),
    /// A device is lost: revoke it, have it erased when it connects, and print exactly what is on it
    LostDevice(lost::LostArgs),
    /// Changes kept for a privacy officer to decide on
    #[command(subcommand)]
    Custody(custody::CustodyCommand),
    /// What privacy officers must hear of
    Alerts(disclosures::AlertsArgs),
    /// Who was given something of a chart, and when
    Disclosures(disclosures::DisclosuresArgs),
    /// The audit trail
    #[command(subcommand)]
    Audit(audit::AuditCommand),
}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(args: &AdminArgs) -> Result<(), Failure> {
    let json = args.json;
    match &args.command {
        AdminCommand::SignIn(asked) => return sign_in::sign_in(&args.api, json, asked),
        AdminCommand::SignOut => return sign_in::sign_out(&args.api, json),
        AdminCommand::Password => return sign_in::password(&args.api, json),
        _ => {}
    }
    let api = AdminApi::new(&args.api)?;
    match &args.command {
        // Handled above: they come before anybody is signed in.
        AdminCommand::SignIn(_) | AdminCommand::SignOut | AdminCommand::Password => Ok(()),
        AdminCommand::Account(command) => accounts::run(&api, json, command),
        AdminCommand::Organization(command) => people::organization(&api, json, command),
        AdminCommand::Practitioner(command) => people::practitioner(&api, json, command),
        AdminCommand::Role(command) => access::role(&api, json, command),
        AdminCommand::Affiliation(command) => access::affiliation(&api, json, command),
        AdminCommand::Grant(command) => access::grant(&api, json, command),
        AdminCommand::Relationship(command) => relationships::run(&api, json, command),
        AdminCommand::CareTeam(command) => sharing::run::<CareTeam>(&api, json, command),
        AdminCommand::Consent(command) => sharing::run::<Consent>(&api, json, command),
        AdminCommand::Emergency(command) => emergency::run(&api, json, command),
        AdminCommand::Why(asked) => why::run(&api, json, asked),
        AdminCommand::Policy(command) => policy::run(&api, json, command),
        AdminCommand::Code(code) => devices::code(&api, json, code),
        AdminCommand::Device(command) => devices::device(&api, json, command),
        AdminCommand::FhirClient(command) => fhir_clients::run(&api, json, command),
        AdminCommand::Devices(which) if which.owing() => lost::owing(&api, json),
        AdminCommand::Devices(_) => devices::device(&api, json, &devices::DeviceCommand::List),
        AdminCommand::LostDevice(which) => lost::lost(&api, json, which),
        AdminCommand::Custody(command) => custody::run(&api, json, command),
        AdminCommand::Alerts(which) => disclosures::alerts(&api, json, which),
        AdminCommand::Disclosures(which) => disclosures::run(&api, json, which),
        AdminCommand::Audit(command) => audit::run(&api, json, command),
    }
}
