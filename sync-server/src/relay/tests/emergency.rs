//! Emergency access as devices ask for it.

use sync_protocol::frame::{BreakGlass, BreakGlassOutcome, BreakGlassRefusal, GoodbyeReason, Opening};

use super::device::bytes_of;
use super::*;
use crate::store::AlertKind;

pub fn request(of: &str, purpose: &str, reason: &str) -> BreakGlass {
    BreakGlass {
        request: 7,
        organization: organization("north"),
        patient: patient(of),
        purpose: purpose.into(),
        reason: reason.into(),
    }
}

/// Asks from a device; gives the answer, if the connection lives.
pub fn ask(clinic: &mut Clinic, device: usize, asked: BreakGlass) -> Option<BreakGlassOutcome> {
    let bytes = bytes_of(clinic.devices[device].session.as_ref()?.break_glass(asked)?);
    let before = clinic.devices[device].opened.len();
    clinic.send_raw(device, &bytes);
    clinic.devices[device].opened.get(before).map(|answer| answer.outcome.clone())
}

pub fn opened(outcome: Option<BreakGlassOutcome>) -> Opening {
    let Some(BreakGlassOutcome::Opened(opening)) = outcome else { panic!("{outcome:?}") };
    opening
}

#[test]
fn a_request_that_comes_again_opens_nothing_anew_and_nothing_after_it_was_ended() {
    let mut clinic = Clinic::of_two();
    let chart = core("north", "p1");
    clinic.write(0, &chart, "penicillin");
    let first = opened(ask(&mut clinic, 2, request("p1", "ETREAT", "unconscious")));
    clinic.wait(HOUR);
    // The device did not hear the answer, and comes again.
    clinic.cut(2);
    clinic.sync(2);
    let again = opened(ask(&mut clinic, 2, request("p1", "ETREAT", "unconscious")));
    assert_eq!((again.id, again.until, again.for_ms), (first.id, first.until, 3 * HOUR as u64));
    assert_eq!((clinic.audited("break-glass").len(), clinic.alerts_of("north")[0].count), (1, 1));
    clinic.admin(|relay, now| relay.end_opening(&first.id, now)).unwrap();
    assert!(!clinic.devices[2].holds(&chart));
    let ended = ask(&mut clinic, 2, request("p1", "ETREAT", "unconscious"));
    assert!(matches!(ended, Some(BreakGlassOutcome::Refused(BreakGlassRefusal::NotPermitted))), "{ended:?}");
    assert!(!clinic.devices[2].holds(&chart));
    // Another request is another matter, and a chart that two of them opened is closed by the end of either.
    for number in [8, 9] {
        opened(ask(&mut clinic, 2, BreakGlass { request: number, ..request("p1", "ETREAT", "unconscious") }));
    }
    let open = clinic.relay.openings_after(clinic.now).unwrap();
    assert_eq!(open.len(), 2);
    clinic.admin(|relay, now| relay.end_opening(&open[0].id, now)).unwrap();
    assert!(!clinic.devices[2].holds(&chart) && clinic.relay.openings_after(clinic.now).unwrap().is_empty());
}

#[test]
fn a_chart_is_opened_for_hours_marked_alerted_and_closed_by_itself() {
    let mut clinic = Clinic::of_two();
    let chart = core("north", "p1");
    clinic.write(0, &chart, "penicillin");
    let opening = opened(ask(&mut clinic, 2, request("p1", "ETREAT", "unconscious")));
    assert_eq!((opening.until, opening.for_ms), (clinic.now.plus(4 * HOUR), 4 * HOUR as u64));
    assert!(clinic.devices[2].holds(&chart));
    assert_eq!(clinic.devices[2].by_break_glass.get(&chart.id()), Some(&opening.until));
    let alerts = clinic.alerts_of("north");
    assert_eq!(alerts.iter().map(|alert| (alert.kind, alert.count)).collect::<Vec<_>>(), [(AlertKind::BreakGlass, 1)]);
    assert!(!alerts[0].detail.contains("unconscious") && clinic.alerts_of("south").is_empty());
    let row = clinic.audited("disclose").pop().unwrap();
    assert!(row.detail.contains(r#""break-glass":["#), "{}", row.detail);
    let found = clinic.admin(|relay, now| relay.disclosures(&organization("north"), &patient("p1"), now)).unwrap();
    let to_south: Vec<_> = found.sent.iter().filter(|s| s.organization.as_deref() == Some("south")).collect();
    assert!(!to_south.is_empty() && to_south.iter().all(|s| s.break_glass && s.purpose.as_deref() == Some("ETREAT")));
    assert!(found.sent.iter().filter(|s| s.organization.as_deref() == Some("north")).all(|s| !s.break_glass));
    clinic.wait(4 * HOUR);
    assert!(!clinic.devices[2].holds(&chart));
    assert_eq!(clinic.relay.devices_owing(clinic.now).unwrap(), [], "and confirmed");
    let mut verifier = crate::relay::AuditVerifier::default();
    while !clinic.relay.verify_further(&mut verifier, 100).unwrap() {}
    assert_eq!(verifier.faults, []);
}

#[test]
fn the_answer_is_the_same_whether_or_not_there_is_such_a_chart() {
    let mut clinic = Clinic::of_two();
    clinic.write(0, &core("north", "p1"), "penicillin");
    let mut answers = Vec::new();
    for of in ["p1", "p2"] {
        let before = clinic.devices[2].seen.len();
        let opening = opened(ask(&mut clinic, 2, request(of, "BTG", "unconscious")));
        let answer = clinic.devices[2].seen[before].1.len();
        answers.push((opening.until, opening.for_ms, answer));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(clinic.alerts_of("north").len(), 2);
}

#[test]
fn what_is_refused_is_answered_audited_and_opens_nothing() {
    let mut clinic = Clinic::of_two();
    clinic.write(0, &core("north", "p1"), "penicillin");
    clinic.role("clerk", "south", Role::Clerk, &[]);
    let clerk = clinic.enrolled("clerk", "south");
    clinic.sync(clerk);
    let long = "x".repeat(3_000);
    for (device, purpose, reason, refusal) in [
        (2, "ETREAT", " ", BreakGlassRefusal::ReasonMissing),
        (2, "", "unconscious", BreakGlassRefusal::ReasonMissing),
        (2, "ETREAT", long.as_str(), BreakGlassRefusal::TooLong),
        (2, long.as_str(), "unconscious", BreakGlassRefusal::TooLong),
        (2, "CURIOSITY", "unconscious", BreakGlassRefusal::NotPermitted),
        (2, "TREAT", "unconscious", BreakGlassRefusal::NotPermitted),
        (clerk, "ETREAT", "unconscious", BreakGlassRefusal::NotPermitted),
    ] {
        assert_eq!(ask(&mut clinic, device, request("p1", purpose, reason)), Some(BreakGlassOutcome::Refused(refusal)));
    }
    assert_eq!(clinic.audited("refuse-break-glass").len(), 7);
    assert!(clinic.audited("refuse-break-glass").iter().all(|row| !row.detail.contains("xxx")));
    assert_eq!((clinic.alerts_of("north").len(), clinic.devices[2].holds(&core("north", "p1"))), (0, false));
}

#[test]
fn requests_of_one_device_are_bounded_by_the_minute() {
    let mut clinic = Clinic::of_two();
    let answered = |clinic: &mut Clinic| {
        let asked = |n: usize| request(&format!("p{n}"), "ETREAT", "unconscious");
        (0..20).take_while(|n| ask(clinic, 2, asked(*n)).is_some()).count()
    };
    assert_eq!(answered(&mut clinic), 10);
    assert_eq!(clinic.devices[2].closed.as_ref().unwrap().1, GoodbyeReason::ProtocolViolation);
    clinic.sync(2);
    assert_eq!(answered(&mut clinic), 0, "connecting anew gives no more");
    clinic.wait(60_000);
    clinic.sync(2);
    assert_eq!(answered(&mut clinic), 10);
}
