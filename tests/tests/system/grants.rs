//! A grant opens one chart, and its end withdraws it.

use client_core::ChartRef;
use sync_server::access::Role;
use system_tests::charts::{allergy, medication};
use system_tests::{Node, World, seeds};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The north has two charts; the south has a device.
fn referral() -> (World, Node, Node, ChartRef, ChartRef) {
    let mut world = World::new(seeds::one());
    let [north] = world.practice("north", 1)[..] else { unreachable!() };
    let [south] = world.practice("south", 1)[..] else { unreachable!() };
    let [referred, other] = ["Referred-One", "Other-One"].map(|family| {
        let chart = world.register(north, family);
        world.put(north, &chart, &medication(&chart, "m1", "Warfarin", "2.5 mg"));
        chart
    });
    world.settle();
    (world, north, south, referred, other)
}

#[test]
fn a_grant_opens_one_chart_and_no_other() {
    let (mut world, _, south, referred, other) = referral();
    world.grant("north", &referred.patient, "south", false, DAY_MS);
    world.settle();
    assert!(world.resource(south, &referred, "MedicationRequest/m1").is_some());
    assert_eq!(world.resource(south, &other, "MedicationRequest/m1"), None);
    assert_eq!(world.status(south).patients, 1);
}

#[test]
fn its_end_withdraws_the_chart_from_a_connected_device() {
    let (mut world, _, south, referred, _) = referral();
    let grant = world.grant("north", &referred.patient, "south", false, DAY_MS);
    world.settle();
    world.end_grant(&grant);
    world.settle();
    assert_eq!(world.status(south).documents, 0);
    assert_eq!(world.resource(south, &referred, "Patient/x"), None);
    let now = world.clock(south);
    assert_eq!(world.device(south).search("Referred-One", now).unwrap(), []);
}

#[test]
fn its_end_withdraws_the_chart_from_a_device_that_was_offline() {
    let (mut world, _, south, referred, _) = referral();
    let grant = world.grant("north", &referred.patient, "south", false, DAY_MS);
    world.settle();
    world.go_offline(south);
    world.end_grant(&grant);
    world.run_for(60_000);
    assert!(world.resource(south, &referred, "MedicationRequest/m1").is_some(), "it cannot know yet");
    world.go_online(south);
    world.settle();
    assert_eq!(world.status(south).documents, 0);
}

#[test]
fn nothing_of_a_withdrawn_chart_can_be_read_back_from_the_devices_file() {
    let (mut world, _, south, referred, _) = referral();
    let grant = world.grant("north", &referred.patient, "south", false, DAY_MS);
    world.settle();
    world.end_grant(&grant);
    world.settle();
    for entry in std::fs::read_dir(world.folder_of(south)).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for trace in ["Referred-One", "Warfarin"] {
            let found = bytes.windows(trace.len()).any(|window| window == trace.as_bytes());
            assert!(!found, "{trace} still stands in the device's files");
        }
    }
}

#[test]
fn unsent_work_on_a_withdrawn_chart_is_kept_aside_and_sent_if_the_right_returns() {
    let (mut world, north, south, referred, _) = referral();
    let grant = world.grant("north", &referred.patient, "south", true, DAY_MS);
    world.settle();
    world.go_offline(south);
    let work = world.put(south, &referred, &allergy(&referred, "a1", "Penicillin-Aside"));
    world.end_grant(&grant);
    world.go_online(south);
    world.settle();
    let status = world.status(south);
    assert_eq!((status.documents, status.unsent), (0, 0));
    let custody = !status.kept_aside.is_empty();
    assert!(custody, "the work is kept aside");
    assert_eq!(status.kept_aside[0].change, work.change.unwrap());
    assert_eq!(world.resource(north, &referred, "AllergyIntolerance/a1"), None, "it reaches nobody meanwhile");
    world.grant("north", &referred.patient, "south", true, DAY_MS);
    world.settle();
    assert!(world.resource(north, &referred, "AllergyIntolerance/a1").is_some(), "it is sent once the right returns");
    assert!(world.status(south).kept_aside.is_empty());
    world.assert_converged_on(&[north, south], &referred);
}

#[test]
fn work_without_the_right_to_write_waits_in_custody_and_reaches_nobody() {
    let (mut world, north, south, referred, _) = referral();
    world.grant("north", &referred.patient, "south", false, DAY_MS);
    world.settle();
    let work = world.put(south, &referred, &allergy(&referred, "a1", "Penicillin-Custody"));
    world.settle();
    let held = world.status(south).held;
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].change, work.change.unwrap());
    assert!(held[0].reason.contains("privacy officer"), "{}", held[0].reason);
    assert_eq!(world.resource(north, &referred, "AllergyIntolerance/a1"), None);
    assert!(!world.recording(north).mentions("Penicillin-Custody"));
    let custody = world.relay().custody().unwrap();
    assert_eq!(custody.len(), 1, "the relay keeps it");
}

#[test]
fn an_affiliation_opens_all_charts_and_its_end_withdraws_them() {
    let (mut world, _, south, referred, other) = referral();
    world.affiliate("north", "south", false);
    world.settle();
    assert!([&referred, &other].iter().all(|chart| world.resource(south, chart, "MedicationRequest/m1").is_some()));
    world.end_affiliation("north", "south");
    world.settle();
    assert_eq!(world.status(south).documents, 0);
}

#[test]
fn a_clerk_of_the_granted_organization_gets_no_more_than_a_clerk_at_home() {
    let (mut world, _, _, referred, _) = referral();
    world.practitioner("clerk", "south", Role::Clerk);
    let clerk = world.enroll("clerk", "south");
    world.go_online(clerk);
    world.grant("north", &referred.patient, "south", false, DAY_MS);
    world.settle();
    assert!(!world.recording(clerk).mentions("Warfarin"));
    assert_eq!(world.status(clerk).patients, 1, "demographics are for clerks");
}
