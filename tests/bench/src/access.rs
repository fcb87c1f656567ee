//! Access: decisions, and working out what a device must get among many documents of many organizations.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use sync_protocol::{Compartment, DocumentDescriptor, OrganizationId, PatientId, PractitionerId, UnixMillis};
use sync_server::access::{
    Action, AffiliatedPatients, Affiliation, CareTeam, CareTeamMember, Consent, ConsentStatus, Effect, FactChange,
    Facts, Gate, Grant, Grantee, Period, Policies, PractitionerRole, Provision, Relationship, Role, Subject,
};

use crate::failure::Failure;
use crate::stats::median;
use crate::table::{Row, Table, Unit};

const ORGANIZATIONS: usize = 100;
const PATIENTS: usize = 200;
/// Of each chart.
const COMPARTMENTS: [Compartment; 5] =
    [Compartment::PatientIndex, Compartment::Core, Compartment::Encounter, Compartment::Results, Compartment::Workflow];
const NOW: UnixMillis = UnixMillis(1_000_000_000_000);
const LATER: UnixMillis = UnixMillis(2_000_000_000_000);
const DECISIONS: usize = 100_000;
const UNCACHED: usize = 2_000;
const TIMES: usize = 20;

/// Measures the rows.
///
/// # Errors
/// An id that is none, or memory that is not shown.
pub fn measure(rounds: usize, table: &mut Table) -> Result<(), Failure> {
    let before = resident()?;
    let mut gate = Gate::default();
    let documents = documents()?;
    for (descriptor, number) in documents.iter().zip(1..) {
        gate.document_added(descriptor, number);
    }
    let of_descriptors = documents.capacity() * size_of::<DocumentDescriptor>();
    gate.set_facts(facts()?);
    let who = subject("nurse-0", 0)?;
    drop(gate.reach(&who, NOW));
    let grown = resident()? - before - of_descriptors as f64;
    let charts = format!("{} documents, {ORGANIZATIONS} organizations", documents.len());
    decisions(&gate, &documents, rounds, table)?;
    reaches(&mut gate, &charts, rounds, table)?;
    let note = "documents by class and chart, facts, one reach; the ids that the bench keeps are in it in part";
    table.push(Row::new(format!("access: memory with {charts}"), Unit::Bytes, vec![grown.max(0.0)]).note(note));
    Ok(())
}

fn decisions(gate: &Gate, documents: &[DocumentDescriptor], rounds: usize, table: &mut Table) -> Result<(), Failure> {
    let who: Result<Vec<_>, Failure> = (0..10).map(|n| subject(&format!("nurse-{n}"), n)).collect();
    let who = who?;
    let per_second = |count: usize, decide: &dyn Fn(usize)| {
        let begun = Instant::now();
        (0..count).for_each(decide);
        count as f64 / begun.elapsed().as_secs_f64()
    };
    let one = |n: usize| (&who[n % who.len()], &documents[n * 7_919 % documents.len()]);
    let kept = |n: usize| {
        let (who, document) = one(n);
        black_box(gate.decide(who, document, Action::Read, NOW));
    };
    let asked = |n: usize| {
        let (who, document) = one(n);
        black_box(gate.explain(who, document, Action::Read, NOW).permitted);
    };
    let samples = (0..rounds).map(|_| per_second(DECISIONS, &kept)).collect();
    let note = "one document and one person each, facts looked up; the policies' answers kept";
    table.push(Row::new("access: decisions, cached", Unit::PerSecond, samples).note(note));
    let samples = (0..rounds).map(|_| per_second(UNCACHED, &asked)).collect();
    let note = "Cedar asked each time, and the policies and facts named";
    table.push(Row::new("access: decisions, not cached", Unit::PerSecond, samples).note(note));
    Ok(())
}

fn reaches(gate: &mut Gate, charts: &str, rounds: usize, table: &mut Table) -> Result<(), Failure> {
    let who = subject("nurse-0", 0)?;
    let name = |what: &str| format!("access: what a device must get, {charts}, {what}");
    let held = gate.reach(&who, NOW).documents().clone();
    let expected = held.len();
    let work_out = |gate: &Gate| {
        let begun = Instant::now();
        let reach = gate.reach(&who, NOW);
        let (gained, lost) = (reach.documents() - &held, &held - reach.documents());
        black_box(gate.in_order_of_urgency(&gained, &[]));
        let took = begun.elapsed().as_secs_f64();
        if reach.documents().len() != expected || !gained.is_empty() || !lost.is_empty() {
            return Err(Failure::new("a reach is not what it was"));
        }
        Ok(took)
    };
    let (mut fresh, mut changed, mut same) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        // Policies of its own have given no answers yet.
        let policies = Policies::load(&[]).map_err(|error| Failure::new(error.to_string()))?;
        gate.set_policies(Arc::new(policies));
        fresh.push(work_out(gate)?);
        let mut times = Vec::new();
        for _ in 0..TIMES {
            gate.change(FactChange::Relationship(relationship(1, 1)?));
            times.push(work_out(gate)?);
        }
        changed.push(median(&times));
        let times: Result<Vec<f64>, Failure> = (0..TIMES).map(|_| work_out(gate)).collect();
        same.push(median(&times?));
    }
    let asked = gate.policies().answers_kept();
    let note = format!("{expected} of them; {asked} questions to Cedar answered on the way");
    table.push(Row::new(name("first time"), Unit::Seconds, fresh).target(Some(20e-3)).note(note));
    let note = "a fact that concerns its organization has changed";
    table.push(Row::new(name("after a change"), Unit::Seconds, changed).target(Some(20e-3)).note(note));
    table.push(Row::new(name("nothing changed"), Unit::Seconds, same).target(Some(1e-3)));
    Ok(())
}

fn organization(number: usize) -> Result<OrganizationId, Failure> {
    Ok(OrganizationId::new(format!("clinic-{number}"))?)
}

fn patient(number: usize) -> Result<PatientId, Failure> {
    Ok(PatientId::new(format!("patient-{number:06}"))?)
}

fn subject(practitioner: &str, at: usize) -> Result<Subject, Failure> {
    Ok(Subject { practitioner: PractitionerId::new(practitioner)?, organization: organization(at)? })
}

fn documents() -> Result<Vec<DocumentDescriptor>, Failure> {
    let mut documents = Vec::with_capacity(ORGANIZATIONS * PATIENTS * COMPARTMENTS.len());
    for at in 0..ORGANIZATIONS {
        for of in 0..PATIENTS {
            for compartment in COMPARTMENTS {
                let part = if compartment == Compartment::Encounter { "e1" } else { "" };
                let (organization, patient) = (organization(at)?, Some(patient(of)?));
                documents.push(DocumentDescriptor { organization, patient, compartment, part: part.into() });
            }
        }
    }
    Ok(documents)
}

fn relationship(at: usize, of: usize) -> Result<Relationship, Failure> {
    Ok(Relationship { organization: organization(at)?, patient: patient(of)?, partner: organization(0)? })
}

/// Every clinic has nurses; clinic 0 has relations of each kind with all others.
fn facts() -> Result<Facts, Failure> {
    let mut facts = Facts::default();
    for at in 0..ORGANIZATIONS {
        for nurse in 0..10 {
            let Subject { practitioner, organization } = subject(&format!("nurse-{nurse}"), at)?;
            let (role, sensitive, until) = (Role::Nurse, vec!["PSY".to_owned()], None);
            facts.roles.push(PractitionerRole { practitioner, organization, role, sensitive, until });
        }
    }
    for at in 1..ORGANIZATIONS {
        let patients = if at % 2 == 0 { AffiliatedPatients::All } else { AffiliatedPatients::WithRelationship };
        let compartments = vec![Compartment::Core, COMPARTMENTS[at % COMPARTMENTS.len()]];
        let (organization, partner) = (organization(at)?, organization(0)?);
        facts.affiliations.push(Affiliation { organization, partner, compartments, may_write: false, patients });
        for of in 0..PATIENTS / 5 {
            facts.relationships.push(relationship(at, of)?);
        }
        share(&mut facts, at)?;
    }
    Ok(facts)
}

/// Ten grants, a care team and a consent.
fn share(facts: &mut Facts, at: usize) -> Result<(), Failure> {
    let to = Grantee::Organization(organization(0)?);
    for of in 0..10 {
        facts.grants.push(Grant {
            id: format!("grant-{at}-{of}"),
            organization: organization(at)?,
            patient: patient(100 + of)?,
            grantee: to.clone(),
            compartments: vec![Compartment::Encounter],
            may_write: true,
            expires_at: LATER,
        });
    }
    let members = vec![CareTeamMember { member: to.clone(), period: Period::default() }];
    let (id, of) = (format!("team-{at}"), patient(120)?);
    facts.care_teams.push(CareTeam { id, organization: organization(at)?, patient: of, members, source: None });
    let provision = Provision {
        effect: Effect::Deny,
        actors: vec![to],
        compartments: vec![Compartment::Encounter],
        categories: Vec::new(),
        may_write: false,
        period: Period::default(),
        exceptions: Vec::new(),
    };
    let (id, of, status) = (format!("consent-{at}"), patient(101)?, ConsentStatus::Active);
    facts.consents.push(Consent { id, organization: organization(at)?, patient: of, status, provision, source: None });
    Ok(())
}

/// Memory of this process that is in use, in bytes.
fn resident() -> Result<f64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.map(|kib| kib * 1024.0).ok_or_else(|| Failure::new("the memory of this process is not shown"))
}
