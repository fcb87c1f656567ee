//! Emergencies from end to end: a chart that lies sealed is opened without the relay, and a privacy officer ends it.

use serde_json::Value;

use crate::running::Relay;
use crate::sharing::two_clinics;

/// Two devices, n at north and s at south; a chart that n registered and sent.
fn registered(relay: &Relay) -> String {
    relay.enrolled("dr-n", "north", "n");
    relay.enrolled("dr-s", "south", "s");
    let made = relay.device("n", &["register", "--family", "Okafor", "--given", "Ada", "--json"]);
    let made: Value = serde_json::from_str(&made).unwrap();
    relay.device("n", &["sync"]);
    format!("{}/{}", made["organization"].as_str().unwrap(), made["patient"].as_str().unwrap())
}

#[test]
fn a_sealed_chart_is_opened_without_a_relay_and_asking_needs_one() {
    let mut relay = two_clinics();
    let chart = registered(&relay);
    relay.operator(&["relationship", "put", "north", chart.split_once('/').unwrap().1, "south"]);
    relay.device("s", &["sync"]);
    // Sealed charts come last, to a device that stays connected.
    while relay.device("s", &["sealed"]).contains("(none)") {
        relay.watch_for_a_second("s");
    }
    relay.kill();
    assert!(relay.device("s", &["patients"]).contains("(none)"), "what lies sealed is not seen");
    let named = chart.replace('/', "/Patient/");
    let sealed: Value = serde_json::from_str(&relay.device("s", &["sealed", "--json"])).unwrap();
    assert_eq!((sealed[0]["chart"].as_str(), sealed.as_array().unwrap().len()), (Some(named.as_str()), 1));
    assert!(relay.device("s", &["sealed"]).contains("4.0 hours"));

    let opened = relay.device("s", &["break-glass", &chart, "--reason", "unconscious on the road"]);
    assert!(opened.contains("lay sealed on this device"), "{opened}");
    assert!(relay.device("s", &["patients"]).contains("Okafor"));
    assert!(relay.device("s", &["audit"]).contains("break-glass"), "it is in the trail before anything is read");
    let asked = relay.device("s", &["break-glass", "north/p2", "--reason", "unconscious"]);
    assert!(asked.contains("the answer comes with the next sync"), "{asked}");
}

#[test]
fn the_officer_sees_the_reason_and_ends_the_opening_and_the_device_loses_the_chart() {
    let relay = two_clinics();
    let chart = registered(&relay);
    relay.device("s", &["break-glass", &chart, "--reason", "unconscious\non the road"]);
    relay.device("s", &["sync"]);
    relay.device("s", &["sync"]);
    assert!(relay.device("s", &["patients"]).contains("Okafor"));
    let listed = relay.operator(&["emergency", "list"]);
    assert!(listed.contains("dr-s (south)") && listed.contains("unconscious on the road"), "{listed}");
    let open: Value = serde_json::from_str(&relay.operator(&["emergency", "list", "--json"])).unwrap();
    relay.operator(&["emergency", "end", open[0]["id"].as_str().unwrap()]);
    let left = relay.operator(&["emergency", "list"]);
    assert!(left.contains("(none)"), "{left} of {listed}");
    assert!(relay.operator(&["emergency", "list", "--all"]).contains("unconscious"));
    relay.device("s", &["sync"]);
    assert!(!relay.device("s", &["patients"]).contains("Okafor"));
    let log = std::fs::read_to_string(relay.folder().join("relay.log")).unwrap();
    assert!(!log.contains("unconscious") && !log.contains("Okafor"), "the log holds what a practitioner typed");
}
