//! Breaking the glass, with a network and without one: opened with a reason, alerted, marked, and over by itself.

use client_core::{ChartRef, DeviceError};
use sync_server::access::{Relationship, Role};
use sync_server::store::{AlertKind, AlertsAfter};
use system_tests::charts::{allergy, medication};
use system_tests::world::organization;
use system_tests::{Node, World, seeds};

const HOUR_MS: i64 = 60 * 60 * 1000;

/// The north has a chart; a physician of the south may not read it.
fn strangers() -> (World, Node, Node, ChartRef) {
    let mut world = World::new(seeds::one());
    let [north] = world.practice("north", 1)[..] else { unreachable!() };
    let [south] = world.practice("south", 1)[..] else { unreachable!() };
    world.practitioner("officer", "north", Role::PrivacyOfficer);
    let chart = world.register(north, "Emergency-One");
    world.put(north, &chart, &medication(&chart, "m1", "Warfarin", "2.5 mg"));
    world.settle();
    (world, north, south, chart)
}

fn lay_ready(world: &mut World, chart: &ChartRef) {
    let (organization, partner) = (organization("north"), organization("south"));
    let relationship = Relationship { organization, patient: chart.patient.clone(), partner };
    world.administer(|relay, now| relay.put_relationship(&relationship, now));
    world.settle();
}

fn emergencies(world: &mut World) -> usize {
    let alerts = world.relay().alerts(None, AlertsAfter { after: 0, limit: 100, unseen: false }).unwrap();
    alerts.iter().filter(|alert| alert.kind == AlertKind::BreakGlass).count()
}

fn is_closed(world: &mut World, node: Node, chart: &ChartRef) -> bool {
    let now = world.clock(node);
    matches!(world.device(node).chart(chart, now), Err(DeviceError::UnknownPatient { .. }))
}

#[test]
fn a_chart_that_lies_ready_is_opened_without_a_network_and_accounted_for_afterwards() {
    let (mut world, _, south, chart) = strangers();
    lay_ready(&mut world, &chart);
    assert!(is_closed(&mut world, south, &chart));
    world.go_offline(south);
    let now = world.clock(south);
    let opened = world.device(south).break_glass_offline(&chart, "ETREAT", "unconscious on arrival", now).unwrap();
    assert_eq!((opened.documents.len(), opened.failed.len()), (2, 0));
    assert!(world.resource(south, &chart, "MedicationRequest/m1").is_some());
    assert_eq!(emergencies(&mut world), 0, "nobody can know yet");

    world.go_online(south);
    world.settle();
    assert_eq!(emergencies(&mut world), 1);
    assert!(world.resource(south, &chart, "MedicationRequest/m1").is_some(), "still open, as the relay knows now");
    let at = world.now();
    let told = world.relay().disclosures(&chart.organization, &chart.patient, at).unwrap();
    assert!(told.recorded.iter().any(|read| read.entry.break_glass && read.entry.action == "read"));

    world.run_for(4 * HOUR_MS);
    world.settle();
    assert!(is_closed(&mut world, south, &chart));
}

#[test]
fn the_glass_is_broken_over_the_connection_and_mends_by_itself() {
    let (mut world, north, south, chart) = strangers();
    let now = world.clock(south);
    world.device(south).request_break_glass(&chart, "ETREAT", "unconscious on arrival", now).unwrap();
    // As after an edit: the engine looks what is to be sent.
    world.go_offline(south);
    world.go_online(south);
    world.settle();
    assert!(world.resource(south, &chart, "MedicationRequest/m1").is_some());
    assert_eq!(emergencies(&mut world), 1);
    world.put(north, &chart, &allergy(&chart, "a1", "Latex"));
    world.settle();
    assert!(world.resource(south, &chart, "AllergyIntolerance/a1").is_some(), "what is written meanwhile comes too");

    world.run_for(4 * HOUR_MS);
    world.settle();
    assert!(is_closed(&mut world, south, &chart));
    let at = world.now();
    assert!(world.relay().devices_owing(at).unwrap().is_empty(), "it has stated that nothing is left");
}
