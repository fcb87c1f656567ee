//! No byte of a document reaches a device whose practitioner may not read it: not its content, id, existence or name.

use sync_protocol::{Compartment, DocumentDescriptor, DocumentId, PatientId};
use sync_server::access::Role;
use system_tests::charts::{encounter, medication, sensitive_condition};
use system_tests::world::organization;
use system_tests::{Node, World, seeds};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Two clinics that do not share anything, with a chart at the first.
struct Clinics {
    world: World,
    north: Node,
    south: Node,
    chart: client_core::ChartRef,
}

const FAMILY: &str = "Canarywood";
const DRUG: &str = "Canarycillin";
const NOTE: &str = "canary note: seen by nobody else";
const SECRET: &str = "Canary condition kept apart";
const ALL: [&str; 4] = [FAMILY, DRUG, NOTE, SECRET];

fn clinics() -> Clinics {
    let mut world = World::new(seeds::one());
    let [north] = world.practice("north", 1)[..] else { unreachable!() };
    let [south] = world.practice("south", 1)[..] else { unreachable!() };
    let chart = world.register(north, FAMILY);
    world.put(north, &chart, &medication(&chart, "m1", DRUG, "1 tablet"));
    world.put(north, &chart, &encounter(&chart, "visit-1"));
    world.note(north, &chart, NOTE);
    world.put(north, &chart, &sensitive_condition(&chart, "c1", "PSY", SECRET));
    // The other clinic has work of its own, so that something is sent to it.
    let own = world.register(south, "Southerner");
    world.note(south, &own, "a note of the south");
    world.settle();
    Clinics { world, north, south, chart }
}

fn document(patient: &PatientId, compartment: Compartment, part: &str) -> DocumentId {
    let organization = organization("north");
    DocumentDescriptor { organization, patient: Some(patient.clone()), compartment, part: part.into() }.id()
}

/// Everything the relay ever sent to `node` has nothing of the chart in it.
fn assert_nothing_of_the_chart(world: &mut World, node: Node, of: Node) {
    let documents = world.documents(of);
    let patient = world.device(of).documents().unwrap().iter().find_map(|d| d.descriptor.patient.clone()).unwrap();
    for document in documents {
        world.recording(node).assert_without(&document, &ALL);
    }
    assert!(!world.recording(node).mentions(patient.as_str()), "the patient's id was sent");
}

#[test]
fn the_search_finds_what_a_permitted_device_was_sent() {
    let Clinics { mut world, north, chart, .. } = clinics();
    let second = world.enroll("dr-north-0", "north");
    world.go_online(second);
    world.settle();
    for canary in ALL.into_iter().filter(|canary| *canary != NOTE) {
        assert!(world.recording(second).mentions(canary), "{canary} should be found where it was sent");
    }
    assert!(world.recording(second).mentions(NOTE), "text is found where it was sent");
    assert!(world.recording(second).holds(document(&chart.patient, Compartment::Core, "").as_bytes()));
    assert_eq!(world.documents(second), world.documents(north));
}

#[test]
fn a_device_of_another_clinic_receives_nothing() {
    let Clinics { mut world, north, south, chart } = clinics();
    for round in 0..5 {
        world.note(north, &chart, &format!("{NOTE} {round}"));
        world.cut(south);
        world.settle();
    }
    assert_nothing_of_the_chart(&mut world, south, north);
}

#[test]
fn a_device_that_claims_to_hold_a_document_learns_nothing_of_it() {
    let Clinics { mut world, north, south, chart } = clinics();
    // It starts the very same document itself: the id follows from what it is about.
    let forged = client_core::ChartRef { organization: organization("north"), patient: chart.patient.clone() };
    world.put(south, &forged, &system_tests::charts::patient(chart.patient.as_str(), "Guessed"));
    world.settle();
    assert_eq!(world.status(south).held.len(), 1, "the change waits for a privacy officer");
    let backup = world.back_up_relay();
    world.restore_relay(&backup, true);
    world.settle();
    let documents = world.documents(north);
    let index = document(&chart.patient, Compartment::PatientIndex, "");
    for document in documents.into_iter().filter(|document| *document != index) {
        world.recording(south).assert_without(&document, &ALL);
    }
    assert!(ALL.iter().all(|canary| !world.recording(south).mentions(canary)));
}

#[test]
fn a_clerk_receives_demographics_and_nothing_clinical() {
    let Clinics { mut world, north, chart, .. } = clinics();
    world.practitioner("clerk", "north", Role::Clerk);
    let clerk = world.enroll("clerk", "north");
    world.go_online(clerk);
    world.settle();
    world.put(north, &chart, &medication(&chart, "m2", "Canarystatin", "2 tablets"));
    world.settle();
    let recording = world.recording(clerk);
    assert!(recording.mentions(FAMILY));
    let core = document(&chart.patient, Compartment::Core, "");
    recording.assert_without(&core, &[DRUG, NOTE, SECRET, "Canarystatin"]);
    recording.assert_without(&document(&chart.patient, Compartment::Encounter, "visit-1"), &[]);
}

#[test]
fn sensitive_content_reaches_only_those_who_may_see_its_category_by_name() {
    let Clinics { mut world, chart, .. } = clinics();
    world.practitioner("dr-plain", "north", Role::Physician);
    world.practitioner("dr-hiv", "north", Role::Physician);
    world.put_role("dr-hiv", "north", Role::Physician, &["HIV"]);
    for who in ["dr-plain", "dr-hiv"] {
        let node = world.enroll(who, "north");
        world.go_online(node);
        world.settle();
        assert!(world.recording(node).mentions(DRUG));
        let sensitive = document(&chart.patient, Compartment::Sensitive, "PSY");
        world.recording(node).assert_without(&sensitive, &[SECRET]);
    }
}

#[test]
fn after_a_grant_has_ended_nothing_new_is_sent() {
    let Clinics { mut world, north, south, chart } = clinics();
    let grant = world.grant("north", &chart.patient, "south", false, 7 * DAY_MS);
    world.settle();
    assert!(world.recording(south).mentions(DRUG), "the grant opens the chart");
    world.end_grant(&grant);
    let mark = world.recording(south).mark();
    world.put(north, &chart, &medication(&chart, "m2", "Canarystatin", "2 tablets"));
    world.put(north, &chart, &encounter(&chart, "visit-after-the-end"));
    world.cut(south);
    world.settle();
    let visit = document(&chart.patient, Compartment::Encounter, "visit-after-the-end");
    let after = world.recording(south).since(mark);
    after.assert_without(&visit, &["Canarystatin", DRUG, FAMILY, "visit-after-the-end"]);
    world.recording(south).assert_without(&document(&chart.patient, Compartment::Sensitive, "PSY"), &[SECRET]);
}

#[test]
fn a_grant_that_runs_out_by_itself_is_over_at_that_moment() {
    let Clinics { mut world, north, south, chart } = clinics();
    world.grant("north", &chart.patient, "south", false, DAY_MS);
    world.settle();
    world.run_for(DAY_MS + 2_000);
    let mark = world.recording(south).mark();
    world.put(north, &chart, &medication(&chart, "m2", "Canarystatin", "2 tablets"));
    world.settle();
    let core = document(&chart.patient, Compartment::Core, "");
    world.recording(south).since(mark).assert_without(&core, &["Canarystatin"]);
    assert!(!world.documents(south).contains(&core), "the chart is withdrawn");
}

#[test]
fn a_role_taken_away_while_offline_lets_nothing_through_at_the_next_connect() {
    let Clinics { mut world, north, chart, .. } = clinics();
    world.practitioner("nurse", "north", Role::Nurse);
    let nurse = world.enroll("nurse", "north");
    world.go_online(nurse);
    world.settle();
    world.go_offline(nurse);
    world.remove_role("nurse", "north", Role::Nurse);
    world.put(north, &chart, &medication(&chart, "m2", "Canarystatin", "2 tablets"));
    let mark = world.recording(nurse).mark();
    world.go_online(nurse);
    world.settle();
    let after = world.recording(nurse).since(mark);
    assert!(!after.mentions("Canarystatin") && !after.mentions(DRUG));
    assert_eq!(after.documents(), []);
    assert_eq!(world.status(nurse).documents, 0);
}
