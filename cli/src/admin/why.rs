//! Why somebody may or may not receive and write a document, told so that a privacy officer can act on it.

use clap::{ArgGroup, Args};
use sync_protocol::{Compartment, DocumentId, OrganizationId, PatientId, PractitionerId};
use sync_server::access::{Action, AffiliatedPatients, DecidingFact, Effect, Explanation, PolicyEffect};
use sync_server::relay::Why;

use super::sharing::during;
use crate::admin::AdminApi;
use crate::failure::Failure;
use crate::output;

/// `satchel admin why`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["document", "chart"]))]
pub struct WhyArgs {
    /// Who
    #[arg(long)]
    practitioner: PractitionerId,
    /// Which document, by its id
    #[arg(long)]
    document: Option<DocumentId>,
    /// Or: which chart, as ORGANIZATION/PATIENT
    #[arg(long, value_parser = chart, requires = "compartment")]
    chart: Option<(OrganizationId, PatientId)>,
    /// Which compartment of the chart
    #[arg(long, conflicts_with = "document")]
    compartment: Option<Compartment>,
    /// Encounter id or sensitive category, where the compartment has such parts
    #[arg(long, requires = "chart", value_parser = part)]
    part: Option<String>,
    /// For which organization they act [default: each one where they have a role]
    #[arg(long)]
    organization: Option<OrganizationId>,
}

/// Runs `satchel admin why`.
///
/// # Errors
/// [`Failure`].
pub fn run(api: &AdminApi, json: bool, args: &WhyArgs) -> Result<(), Failure> {
    let answers: Vec<Why> = api.get(&args.path())?;
    output::print(json, &answers, |answers| {
        for both in answers.chunk_by(|one, next| one.organization == next.organization) {
            say!("{} acting for {}, {}", args.practitioner, both[0].organization, args.what());
            both.iter().for_each(|why| decided(why.action, &why.explanation));
            // The facts are those of the document, whatever is done with it.
            say!("  What is known:");
            let facts = &both[0].explanation.facts;
            facts.iter().for_each(|one| say!("    {}", fact(one)));
            if facts.is_empty() {
                say!("    nothing ties them to it: no role there, and nothing is shared with them");
            }
        }
    })
}

impl WhyArgs {
    fn path(&self) -> String {
        let mut query: Vec<String> = self.organization.iter().map(|id| format!("acting_for={id}")).collect();
        query.extend(self.part.iter().map(|part| format!("part={part}")));
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        match (&self.document, &self.chart, self.compartment) {
            (None, Some((organization, patient)), Some(compartment)) => {
                format!("why/{}/charts/{organization}/{patient}/{compartment}{query}", self.practitioner)
            }
            // The argument group asks for one of the two.
            (document, ..) => {
                let document = document.map(|id| id.to_string()).unwrap_or_default();
                format!("why/{}/documents/{document}{query}", self.practitioner)
            }
        }
    }

    fn what(&self) -> String {
        match (&self.document, &self.chart, self.compartment) {
            (None, Some((organization, patient)), Some(compartment)) => {
                let part = self.part.as_deref().map(|part| format!(" {part}")).unwrap_or_default();
                format!("{compartment}{part} of {organization}/{patient}")
            }
            (document, ..) => format!("document {}", document.map(|id| id.to_string()).unwrap_or_default()),
        }
    }
}

fn chart(text: &str) -> Result<(OrganizationId, PatientId), String> {
    let (organization, patient) = text.split_once('/').ok_or("write ORGANIZATION/PATIENT")?;
    let bad = |error: sync_protocol::IdError| error.to_string();
    Ok((organization.parse().map_err(bad)?, patient.parse().map_err(bad)?))
}

fn part(text: &str) -> Result<String, String> {
    if sync_protocol::is_fhir_id(text) { Ok(text.into()) } else { Err("a FHIR id or a v3-ActCode category".into()) }
}

fn decided(action: Action, explanation: &Explanation) {
    let policies = |effect: PolicyEffect| {
        let ids = explanation.policies.iter().filter(|policy| policy.effect == effect);
        ids.map(|policy| policy.id.as_str()).collect::<Vec<_>>().join(", ")
    };
    let forbidden = policies(PolicyEffect::Forbid);
    match (explanation.permitted, forbidden.as_str()) {
        (true, _) => say!("  {}: PERMITTED by policy {}", action.as_str(), policies(PolicyEffect::Permit)),
        (false, "") => say!("  {}: DENIED, as nothing permits it", action.as_str()),
        (false, forbidden) => say!("  {}: DENIED, forbidden by policy {forbidden}", action.as_str()),
    }
}

fn fact(fact: &DecidingFact) -> String {
    let named = |named: &bool| if *named { "this compartment" } else { "other compartments than this" };
    let written = |may: &bool| if *may { "reading and writing" } else { "reading" };
    match fact {
        DecidingFact::Role { role, opens_category, until } => {
            let category = if *opens_category { ", opened to this sensitive category by name" } else { "" };
            let until = until.map(|at| format!(", until {}", output::moment(at))).unwrap_or_default();
            format!("role: {}{category}{until}", role.as_str())
        }
        DecidingFact::AtHome => "the chart is managed by the organization they act for".into(),
        DecidingFact::Affiliation { names_compartment, may_write, patients } => {
            let of = match patients {
                AffiliatedPatients::All => "every patient",
                AffiliatedPatients::WithRelationship => "patients with a relationship",
            };
            format!("affiliation: opens {} of {of} for {}", named(names_compartment), written(may_write))
        }
        DecidingFact::Relationship => "relationship: their organization treats the patient too".into(),
        DecidingFact::CareTeam { id, period } => format!("care team {id}: they belong to it{}", during(period)),
        DecidingFact::Grant { id, names_compartment, may_write, expires_at } => {
            let until = output::moment(*expires_at);
            format!("grant {id}: opens {} for {}, until {until}", named(names_compartment), written(may_write))
        }
        DecidingFact::Consent { id, effect } => match effect {
            Some(Effect::Deny) => format!("consent {id}: the patient denies them this"),
            Some(Effect::Permit) => format!("consent {id}: the patient permits them this"),
            None => format!("consent {id}: the patient permits them other parts of the chart"),
        },
        DecidingFact::BreakGlass { id, until } => {
            format!("emergency {id}: they opened the chart, until {}", output::moment(*until))
        }
    }
}
