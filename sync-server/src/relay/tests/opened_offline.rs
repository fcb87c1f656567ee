//! Charts that devices opened without the relay: what their trails tell of it, and what that may open.

use sync_protocol::TrailHash;
use sync_protocol::frame::{Frame, Trail, TrailBody, TrailEntry, encode};

use super::emergency::{ask, opened, request};
use super::*;
use crate::access::Relationship;
use crate::store::AlertKind;

/// The core of the charts p0, p1, ... of north lies sealed on dr-s's device (2) at south.
fn laid_ready(charts: usize) -> Clinic {
    let mut clinic = Clinic::of_two();
    for n in 0..charts {
        let of = format!("p{n}");
        clinic.write(0, &core("north", &of), "penicillin");
        relate(&mut clinic, &of, true);
    }
    clinic.resync(2);
    assert_eq!((clinic.devices[2].disk.sealed.len(), clinic.devices[2].disk.documents.len()), (charts, 0));
    clinic
}

fn relate(clinic: &mut Clinic, of: &str, treats: bool) {
    let (organization, partner) = (organization("north"), organization("south"));
    let relationship = Relationship { organization, patient: patient(of), partner };
    let change = |relay: &mut Relay, now| match treats {
        true => relay.put_relationship(&relationship, now),
        false => relay.remove_relationship(&relationship, now),
    };
    clinic.admin(change).unwrap();
}

/// What a device's trail says of a chart that was opened.
fn opening_entry(of: &str, at: UnixMillis) -> TrailEntry {
    TrailEntry {
        at,
        action: "break-glass".into(),
        organization: Some(organization("north")),
        patient: Some(patient(of)),
        documents: vec![core("north", of).id()],
        reason: "unconscious".into(),
        purpose: "ETREAT".into(),
        break_glass: true,
    }
}

/// Device 2 sends its trail, as often as said.
fn tell(clinic: &mut Clinic, entries: &[TrailEntry], times: usize) {
    let body = TrailBody { entries: entries.to_vec() };
    let secret = clinic.devices[2].secret.clone();
    let trail = Trail::sign(&secret, &clinic.relay.id(), 1, TrailHash([0; 32]), &body);
    for _ in 0..times {
        clinic.send_raw(2, &encode(&Frame::Trail(trail.clone())));
    }
}

/// How often it is on record that a chart was opened, and how many alerts of it each clinic has.
fn counts(clinic: &Clinic) -> (usize, usize, usize) {
    let alerts = |at: &str| clinic.alerts_of(at).iter().filter(|alert| alert.kind == AlertKind::BreakGlass).count();
    (clinic.audited("break-glass").len(), alerts("north"), alerts("south"))
}

#[test]
fn what_was_opened_off_line_is_opened_on_the_relay_once_with_the_same_end_and_alerted() {
    let mut clinic = laid_ready(1);
    let at = clinic.now.plus(-HOUR);
    tell(&mut clinic, &[opening_entry("p0", at)], 2);
    assert!(clinic.devices[2].holds(&core("north", "p0")));
    assert_eq!(counts(&clinic), (1, 1, 0));
    assert!(clinic.alerts_of("north")[0].detail.contains(r#""offline":true"#));
    clinic.wait(3 * HOUR - 1);
    assert!(clinic.devices[2].holds(&core("north", "p0")));
    clinic.wait(1);
    assert!(!clinic.devices[2].holds(&core("north", "p0")), "four hours after it was opened");
}

#[test]
fn what_was_opened_off_line_and_is_over_is_alerted_and_not_opened() {
    let mut clinic = laid_ready(1);
    let at = clinic.now.plus(-4 * HOUR);
    tell(&mut clinic, &[opening_entry("p0", at)], 1);
    assert!(!clinic.devices[2].holds(&core("north", "p0")));
    assert_eq!(counts(&clinic), (0, 1, 0));
    assert!(clinic.alerts_of("north")[0].detail.contains(r#""patients":["p0"]"#));
}

#[test]
fn a_clock_that_runs_ahead_gives_no_more_time() {
    let mut clinic = laid_ready(1);
    let at = clinic.now.plus(100 * HOUR);
    tell(&mut clinic, &[opening_entry("p0", at)], 1);
    clinic.wait(4 * HOUR);
    assert!(!clinic.devices[2].holds(&core("north", "p0")));
}

#[test]
fn a_request_in_the_trail_opens_nothing() {
    let mut clinic = laid_ready(1);
    let at = clinic.now;
    tell(&mut clinic, &[TrailEntry { documents: Vec::new(), ..opening_entry("p0", at) }], 1);
    assert!(!clinic.devices[2].holds(&core("north", "p0")));
    assert_eq!(counts(&clinic), (0, 0, 0));
}

#[test]
fn an_opening_asked_for_over_the_connection_is_not_opened_again_by_the_trail() {
    let mut clinic = laid_ready(1);
    opened(ask(&mut clinic, 2, request("p0", "ETREAT", "unconscious")));
    let at = clinic.now;
    tell(&mut clinic, &[opening_entry("p0", at)], 1);
    assert_eq!(counts(&clinic), (1, 1, 0));
}

#[test]
fn a_chart_that_never_lay_sealed_on_the_device_is_not_opened_by_its_trail() {
    let mut clinic = laid_ready(1);
    clinic.write(0, &core("north", "p9"), "penicillin");
    let at = clinic.now;
    // Neither by naming a document that does lie there.
    let named = TrailEntry { documents: vec![core("north", "p0").id()], ..opening_entry("p9", at) };
    tell(&mut clinic, &[opening_entry("p8", at), opening_entry("p9", at), named], 1);
    access::assert_never_saw(&clinic.devices[2], &core("north", "p9"), "penicillin");
    assert_eq!(counts(&clinic), (0, 0, 1));
    assert_eq!(clinic.audited("refuse-break-glass").len(), 0);
}

#[test]
fn a_chart_that_lay_sealed_there_until_the_relay_took_it_back_is_opened() {
    let mut clinic = laid_ready(1);
    clinic.cut(2);
    relate(&mut clinic, "p0", false);
    clinic.sync(2);
    assert_eq!(clinic.devices[2].disk.sealed.len(), 0);
    assert!(clinic.relay.store.staged(&clinic.device_id(2)).unwrap().is_empty());
    let at = clinic.now;
    tell(&mut clinic, &[opening_entry("p0", at)], 1);
    assert!(clinic.devices[2].holds(&core("north", "p0")));
    assert_eq!(counts(&clinic), (1, 1, 0));
}

#[test]
fn what_would_be_refused_over_the_connection_is_not_opened_by_the_trail() {
    let long = "x".repeat(3_000);
    let wrong =
        [("", "ETREAT"), (" ", "BTG"), ("unconscious", ""), ("unconscious", "CURIOSITY"), ("unconscious", "TREAT")];
    for (reason, purpose) in wrong.into_iter().chain([(long.as_str(), "ETREAT")]) {
        let mut clinic = laid_ready(1);
        let at = clinic.now;
        let entry = TrailEntry { reason: reason.into(), purpose: purpose.into(), ..opening_entry("p0", at) };
        tell(&mut clinic, &[entry], 1);
        assert!(!clinic.devices[2].holds(&core("north", "p0")), "{purpose}");
        assert_eq!(counts(&clinic), (0, 1, 0), "{purpose}");
    }
}

#[test]
fn what_a_trail_opens_counts_as_asked_for_within_the_minute_and_the_newest_come_first() {
    let mut clinic = laid_ready(14);
    let at = clinic.now;
    let entries: Vec<_> = (0..14).map(|n| opening_entry(&format!("p{n}"), at)).collect();
    tell(&mut clinic, &entries, 1);
    let open: Vec<_> = (0..14).filter(|n| clinic.devices[2].holds(&core("north", &format!("p{n}")))).collect();
    assert_eq!(open, (4..14).collect::<Vec<_>>());
    assert_eq!(counts(&clinic), (10, 11, 0), "and one alert for all that were too many");
    assert_eq!(ask(&mut clinic, 2, request("p0", "ETREAT", "unconscious")), None, "none is left to ask for");
}

#[test]
fn thousands_of_entries_make_one_alert() {
    let mut clinic = laid_ready(1);
    let at = clinic.now;
    let entries: Vec<_> = (1..=4_096).map(|n| opening_entry(&format!("x{n}"), at.plus(-n))).collect();
    tell(&mut clinic, &entries, 1);
    assert_eq!(clinic.devices[2].trail_kept, [4_096]);
    assert_eq!(counts(&clinic), (0, 0, 1));
    assert!(clinic.alerts_of("south")[0].detail.contains(r#""charts":4096"#));
    assert_eq!(clinic.audited("refuse-break-glass").len(), 0);
}

#[test]
fn a_device_that_is_to_be_erased_opens_nothing_and_somebody_hears_of_it() {
    let mut clinic = laid_ready(1);
    let (id, at) = (clinic.device_id(2), clinic.now);
    clinic.admin(|relay, now| relay.order_wipe(&id, now)).unwrap();
    clinic.sync(2);
    tell(&mut clinic, &[opening_entry("p0", at)], 1);
    assert_eq!(clinic.devices[2].trail_kept, [1]);
    assert_eq!(counts(&clinic), (0, 1, 0));
    assert_eq!(clinic.relay.openings_after(clinic.now).unwrap(), []);
}
