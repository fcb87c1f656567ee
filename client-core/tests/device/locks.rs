//! What survives locking, the end of the lease, another's turn on the tablet, an update, and what a wipe on order leaves.

use client_core::sync::{Input, SyncEvent, SyncFailure};
use client_core::{ChartRef, DeviceError, Pin, ProfileError, ProfileSettings, UnixMillis, as_version};
use clinical_record::{Schema, SchemaStep};

use crate::relay::{DAY_MS, Relay};
use crate::world::{Node, PIN, START, allergy, power_cut, randomness, secret, tablet, unlocked};

/// An encrypted device with a chart, and one change that is not sent.
fn with_work() -> (Relay, Node, ChartRef) {
    let mut relay = Relay::new();
    let mut node = Node::encrypted(&mut relay, 1, "north", "dr-a");
    let chart = node.chart("Silva");
    node.sync(&mut relay);
    node.device.put_resource(&chart, &allergy(&chart, "u", "Unsent"), START).unwrap();
    (relay, node, chart)
}

fn assert_sends(relay: &mut Relay, node: &mut Node, now: UnixMillis) {
    let before = relay.changes();
    assert_eq!(node.device.status(now).unwrap().unsent, 1);
    relay.now = now;
    node.give(Some(relay), Input::Start, now);
    assert_eq!((relay.changes(), node.device.status(now).unwrap().unsent), (before + 1, 0));
}

#[test]
fn unsent_work_survives_locking() {
    let (mut relay, node, chart) = with_work();
    let left = node.device.status(START).unwrap().lease_remaining_ms;
    let mut node = node.relock(4, START);
    assert_eq!(node.device.status(START).unwrap().lease_remaining_ms, left, "and the lease goes on");
    assert!(node.device.chart(&chart, START).is_ok());
    assert_sends(&mut relay, &mut node, START);
}

#[test]
fn unsent_work_survives_a_power_cut_instead_of_locking() {
    let (mut relay, mut node, _) = with_work();
    // As if the process ended: nothing is closed in order.
    let copy = power_cut(node.folder.path());
    node.device = unlocked(&copy, 5, START).unwrap();
    assert_sends(&mut relay, &mut node, START);
}

#[test]
fn past_the_lease_an_unlocked_profile_stays_closed_and_sends_its_work() {
    let (mut relay, node, chart) = with_work();
    let late = START.plus(8 * DAY_MS as i64);
    let mut node = node.relock(4, late);
    assert!(matches!(node.device.chart(&chart, late), Err(DeviceError::LeaseExpired { .. })));
    let mut node = node.relock(6, START);
    assert!(
        matches!(node.device.chart(&chart, START), Err(DeviceError::LeaseExpired { .. })),
        "the clock was set back"
    );
    assert_sends(&mut relay, &mut node, late);
    assert!(node.device.chart(&chart, late).is_ok());
}

#[test]
fn unsent_work_survives_that_its_author_signs_out_and_another_signs_in() {
    let (mut relay, node, chart) = with_work();
    let Node { device, folder, .. } = node;
    device.lock(START).unwrap();
    let other = Pin::new("2804").unwrap();
    let made = tablet(&folder).create("dr-b", &other, &secret(), ProfileSettings::default(), randomness(8), START);
    let (_, mut theirs) = made.unwrap();
    let key = theirs.begin_enrolment("ws://localhost").unwrap();
    let enrolled = relay.enroll(key.public(), "south", "dr-b");
    theirs.finish_enrolment("ws://localhost", &enrolled, START).unwrap();
    assert!(matches!(theirs.chart(&chart, START), Err(DeviceError::UnknownPatient { .. })));
    theirs.lock(START).unwrap();
    let list = tablet(&folder).list().unwrap();
    let told: Vec<_> = list.iter().map(|entry| (entry.label.as_str(), entry.unsent.unwrap().changes)).collect();
    assert_eq!(told, [("dr-a", 1), ("dr-b", 0)], "while both are locked");
    let mine = tablet(&folder).unlock(&list[0].id, &Pin::new(PIN).unwrap(), &secret(), randomness(9), START).unwrap();
    let mut node = Node::new(&mut relay, 77, "east", "nobody");
    node.device = mine;
    assert_sends_as(&mut relay, &mut node);
}

fn assert_sends_as(relay: &mut Relay, node: &mut Node) {
    let before = relay.changes();
    node.give(Some(relay), Input::Start, START);
    assert_eq!((relay.changes(), node.device.status(START).unwrap().unsent), (before + 1, 0));
}

/// A later version that tags every allergy.
static LATER: Schema = Schema {
    version: 2,
    steps: &[SchemaStep {
        to: 2,
        why: "allergies say where they come from",
        upgrade: |resource| {
            if resource["resourceType"] == "AllergyIntolerance" && resource.get("language").is_none() {
                resource["language"] = "en".into();
            }
        },
    }],
};

#[test]
fn unsent_work_survives_an_update_of_the_app() {
    let (mut relay, node, chart) = with_work();
    as_version(&LATER, || {
        let mut node = node.relock(4, START);
        assert!(node.device.chart(&chart, START).is_ok());
        assert_sends(&mut relay, &mut node, START);
    });
}

#[test]
fn a_wipe_on_order_ends_with_the_key_and_leaves_a_note() {
    let (mut relay, mut node, _) = with_work();
    relay.accounts.wipe.insert(node.key());
    let events = node.give(Some(&mut relay), Input::Start, START);
    let is_wiped = |event: &SyncEvent| {
        matches!(event, SyncEvent::Stopped { cause: Some(SyncFailure::Device(DeviceError::Wiped)) })
    };
    assert!(events.last().is_some_and(is_wiped), "{events:?}");
    assert_eq!(relay.accounts.custody.len(), 1, "the unsent change was handed over");
    assert!(relay.accounts.receipts.last().unwrap().wiped);
    assert!(matches!(node.device.begin_enrolment("ws://localhost"), Err(DeviceError::Wiped)), "its files are gone");
    let entry = tablet(&node.folder).list().unwrap().remove(0);
    assert_eq!((entry.wiped, entry.label.as_str(), entry.enrolled), (true, "dr-a", false));
    assert_eq!(unlocked(&node.folder, 3, START).unwrap_err(), ProfileError::Wiped);
    let folder = node.folder.path().join(entry.id.as_str());
    let left: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == "profile.wiped" || name == "profile.lock"), "{left:?}");
}

#[test]
fn a_wipe_on_order_that_is_cut_short_by_locking_goes_on_after_unlocking() {
    let (mut relay, mut node, chart) = with_work();
    relay.accounts.wipe.insert(node.key());
    relay.accounts.is_silent = true;
    node.give(Some(&mut relay), Input::Start, START);
    assert_eq!(relay.accounts.custody.len(), 1, "the change was handed over, the trail not yet");
    let mut node = node.relock(3, START);
    assert_eq!(node.device.chart(&chart, START), Err(DeviceError::Wiped), "charts are closed from the order on");
    assert!(node.device.unsent_summary(START).unwrap().trail > 0);
    relay.accounts.is_silent = false;
    node.give(Some(&mut relay), Input::Start, START);
    assert!(tablet(&node.folder).list().unwrap().remove(0).wiped);
    assert!(relay.accounts.trails[&node.key()].actions().contains(&"wipe"));
}
