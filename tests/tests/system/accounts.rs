//! Devices account for what they hold, read and are to give up; and work that was not permitted is decided on.

use client_core::{ChartRef, ChartWork, DeviceError};
use serde_json::json;
use sync_protocol::{DeviceId, UnixMillis};
use sync_server::access::{Role, Subject};
use sync_server::relay::Relay;
use sync_server::store::StoreError;
use system_tests::charts::{allergy, medication};
use system_tests::world::{organization, practitioner};
use system_tests::{Node, World, seeds};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const WHY: &str = "this patient is not in your care";

/// The north has a chart; a device of the south may read it, and there is a privacy officer.
fn referral() -> (World, Node, Node, ChartRef) {
    let mut world = World::new(seeds::one());
    let [north] = world.practice("north", 1)[..] else { unreachable!() };
    let [south] = world.practice("south", 1)[..] else { unreachable!() };
    world.practitioner("officer", "north", Role::PrivacyOfficer);
    let chart = world.register(north, "Referred-One");
    world.put(north, &chart, &medication(&chart, "m1", "Warfarin", "2.5 mg"));
    world.grant("north", &chart.patient, "south", false, DAY_MS);
    world.settle();
    (world, north, south, chart)
}

fn officer() -> Subject {
    Subject { practitioner: practitioner("officer"), organization: organization("north") }
}

fn device_of(world: &mut World, node: Node) -> DeviceId {
    world.device(node).identity().unwrap().device
}

fn decide<T>(world: &mut World, act: impl FnOnce(&mut Relay, UnixMillis) -> Result<T, StoreError>) {
    world.administer(act);
    world.settle();
}

/// Numbers of the cases that wait for a decision, oldest first.
fn cases(world: &mut World) -> Vec<u64> {
    let scope = sync_server::store::Scope::All;
    world.relay().custody_page(&scope, 0, 100).unwrap().into_iter().map(|case| case.id).collect()
}

fn work_of(world: &mut World, node: Node) -> Vec<(Option<ChartRef>, ChartWork)> {
    world.status(node).work_per_chart
}

#[test]
fn what_was_read_offline_is_accounted_for_once_the_relay_is_reached() {
    let (mut world, _, south, chart) = referral();
    world.go_offline(south);
    let now = world.clock(south);
    world.device(south).chart(&chart, now).unwrap();
    let device = device_of(&mut world, south);
    let reads = |world: &mut World| {
        let at = world.now();
        let told = world.relay().disclosures(&chart.organization, &chart.patient, at).unwrap();
        told.recorded
            .into_iter()
            .filter(|read| read.device == device && read.entry.action == "read")
            .collect::<Vec<_>>()
    };
    assert!(reads(&mut world).is_empty());
    world.go_online(south);
    world.settle();
    let told = reads(&mut world);
    assert_eq!((told.len(), told[0].entry.at), (1, now));
    assert!(!told[0].entry.documents.is_empty());
    assert_eq!(world.status(south).trail.unsent, 0);
}

#[test]
fn a_receipt_settles_what_a_device_owes_after_access_ended() {
    let (mut world, _, south, chart) = referral();
    world.go_offline(south);
    let grant = world.grant("north", &chart.patient, "south", false, DAY_MS);
    world.end_grant(&grant);
    world.run_for(2 * DAY_MS);
    assert!(world.status(south).documents > 0, "it cannot know");
    world.go_online(south);
    world.settle();
    let now = world.now();
    assert_eq!(world.relay().devices_owing(now).unwrap().len(), 0);
    let status = world.status(south);
    assert_eq!((status.documents, status.receipts_owed), (0, 0));
}

#[test]
fn accepted_work_is_shared_one_change_at_a_time() {
    let (mut world, north, south, chart) = referral();
    world.go_offline(south);
    world.set(south, &chart, "MedicationRequest/m1", "status", json!("on-hold"));
    world.put(south, &chart, &allergy(&chart, "a1", "Penicillin-Later"));
    world.go_online(south);
    world.settle();
    let held = ChartWork { in_custody: 2, ..ChartWork::default() };
    assert_eq!(work_of(&mut world, south), [(Some(chart.clone()), held)]);
    let first = cases(&mut world)[0];
    decide(&mut world, |relay, now| relay.accept_custody(&officer(), first, "", now));
    assert_eq!(world.resource(north, &chart, "MedicationRequest/m1").unwrap()["status"], "on-hold");
    assert_eq!(world.resource(north, &chart, "AllergyIntolerance/a1"), None);
    let second = cases(&mut world)[0];
    decide(&mut world, |relay, now| relay.accept_custody(&officer(), second, "", now));
    assert!(world.resource(north, &chart, "AllergyIntolerance/a1").is_some());
    assert!(work_of(&mut world, south).is_empty());
    world.assert_converged_on(&[north, south], &chart);
}

#[test]
fn returned_work_becomes_a_draft_and_what_stands_without_it_is_made_anew() {
    let (mut world, north, south, chart) = referral();
    world.go_offline(south);
    world.set(south, &chart, "MedicationRequest/m1", "dosageInstruction[0].text", json!("9 mg"));
    world.put(south, &chart, &allergy(&chart, "a1", "Penicillin-Later"));
    world.go_online(south);
    world.settle();
    // From now on it may write; what waits is decided on all the same.
    world.grant("north", &chart.patient, "south", true, DAY_MS);
    let first = cases(&mut world)[0];
    decide(&mut world, |relay, now| relay.return_custody(&officer(), first, WHY, now));
    assert!(world.resource(north, &chart, "AllergyIntolerance/a1").is_some(), "made anew, and permitted now");
    for node in [north, south] {
        let request = world.resource(node, &chart, "MedicationRequest/m1").unwrap();
        assert_eq!(request["dosageInstruction"][0]["text"], "2.5 mg");
    }
    world.assert_converged_on(&[north, south], &chart);
    let now = world.clock(south);
    let drafts = world.device(south).drafts(now).unwrap();
    assert_eq!((drafts.len(), drafts[0].reason.as_str()), (1, WHY));
    assert!(drafts[0].text().contains("9 mg"));
    let number = drafts[0].number;
    world.edit(south, |device, now| device.apply_draft(number, false, now));
    world.settle();
    let request = world.resource(north, &chart, "MedicationRequest/m1").unwrap();
    assert_eq!(request["dosageInstruction"][0]["text"], "9 mg");
    world.assert_converged_on(&[north, south], &chart);
}

#[test]
fn a_lost_device_gives_up_everything_when_it_is_reached() {
    let (mut world, _, south, chart) = referral();
    world.go_offline(south);
    let now = world.clock(south);
    world.device(south).chart(&chart, now).unwrap();
    world.put(south, &chart, &allergy(&chart, "a1", "Penicillin-Unsent"));
    let device = device_of(&mut world, south);
    world.administer(|relay, now| relay.order_wipe(&device, now));
    world.go_online(south);
    world.settle();
    assert_eq!(world.device(south).status(now), Err(DeviceError::Wiped));
    for entry in std::fs::read_dir(world.folder_of(south)).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for trace in ["Referred-One", "Warfarin", "Penicillin-Unsent"] {
            assert!(!bytes.windows(trace.len()).any(|window| window == trace.as_bytes()), "{trace} is still there");
        }
    }
    assert_eq!(cases(&mut world).len(), 1, "its unsent work");
    let at = world.now();
    let told = world.relay().disclosures(&chart.organization, &chart.patient, at).unwrap();
    assert!(told.recorded.iter().any(|read| read.device == device && read.entry.action == "read"), "its trail");
    let lost = world.relay().lost_device(&device).unwrap();
    assert!(lost.on_device.is_empty(), "nothing is on it any more");
}
