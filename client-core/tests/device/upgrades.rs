//! Devices of two versions: the newer reads older documents in its own shape, upgrades what it edits, and the older loses
//! nothing.

use client_core::{ChartRef, ResourceKey, as_version};
use clinical_record::{Schema, SchemaStep};
use serde_json::{Value, json};

use crate::relay::Relay;
use crate::world::{Node, START, assert_converged};

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

fn key() -> ResourceKey {
    ResourceKey::new("AllergyIntolerance", "a1")
}

fn read(node: &mut Node, chart: &ChartRef) -> Value {
    node.device.resource(chart, &key(), START).unwrap()
}

fn set(node: &mut Node, chart: &ChartRef, path: &str, value: Value) {
    node.device.set_element(chart, &key(), &path.parse().unwrap(), value, START).unwrap();
}

fn pair() -> (Relay, Node, Node, ChartRef) {
    let mut relay = Relay::new();
    let mut a = Node::new(&mut relay, 1, "north", "dr-a");
    let mut b = Node::new(&mut relay, 2, "north", "dr-b");
    let chart = a.chart("Silva");
    a.sync(&mut relay);
    b.sync(&mut relay);
    (relay, a, b, chart)
}

fn both(relay: &mut Relay, a: &mut Node, b: &mut Node) {
    for _ in 0..2 {
        a.sync(relay);
        b.sync(relay);
    }
    assert_converged(a, b);
}

#[test]
fn two_updated_devices_that_upgrade_apart_agree_and_have_no_conflict() {
    let (mut relay, mut a, mut b, chart) = pair();
    as_version(&LATER, || {
        set(&mut a, &chart, "criticality", json!("high"));
        set(&mut b, &chart, "onsetDateTime", json!("2024"));
        both(&mut relay, &mut a, &mut b);
        for node in [&mut a, &mut b] {
            let seen = read(node, &chart);
            assert_eq!(
                (&seen["language"], &seen["criticality"], &seen["onsetDateTime"]),
                (&json!("en"), &json!("high"), &json!("2024"))
            );
            assert_eq!(node.device.conflicts(&chart, START).unwrap(), []);
        }
    });
}

#[test]
fn a_device_that_is_not_updated_keeps_what_the_newer_one_wrote() {
    let (mut relay, mut old, mut new, chart) = pair();
    as_version(&LATER, || set(&mut new, &chart, "criticality", json!("high")));
    both(&mut relay, &mut old, &mut new);
    set(&mut old, &chart, "onsetDateTime", json!("2024"));
    both(&mut relay, &mut old, &mut new);
    assert_eq!(read(&mut old, &chart)["language"], "en");
    as_version(&LATER, || {
        let seen = read(&mut new, &chart);
        assert_eq!(
            (&seen["language"], &seen["criticality"], &seen["onsetDateTime"]),
            (&json!("en"), &json!("high"), &json!("2024"))
        );
    });
}

#[test]
fn an_updated_device_shows_old_documents_in_the_new_shape_without_writing_anything() {
    let (_, a, _, chart) = pair();
    as_version(&LATER, || {
        let mut a = a.reopen(9, START);
        assert_eq!(read(&mut a, &chart)["language"], "en");
        assert_eq!(a.device.status(START).unwrap().unsent, 0);
    });
}
