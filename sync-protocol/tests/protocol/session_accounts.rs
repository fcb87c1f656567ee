//! By which a device accounts for what it holds: receipts, its trail, decisions, emergency access, and being erased.

use sync_protocol::frame::{
    BreakGlass, BreakGlassAnswer, BreakGlassOutcome, BreakGlassRefusal, ChangeName, Decision, GoodbyeReason,
    ReferAnswer, ReferOutcome, Welcome,
};
use sync_protocol::session::{ClientEvent, Intent, RelayEvent};
use sync_protocol::{ChangeHash, DocumentId, Frame, OrganizationId, PatientId, TrailHash, UnixMillis};

use crate::pair::Pair;
use crate::samples::{RELAY, device_secret, first_resume, push_body, samples, sealed_document, trail_body};

#[test]
fn a_receipt_comes_signed_and_is_answered() {
    let mut pair = Pair::active();
    let receipt = pair.client.receipt(3, vec![DocumentId([1; 16])], false, UnixMillis(9)).unwrap();
    pair.client_does([receipt]);
    pair.run();
    let [RelayEvent::Receipt(receipt)] = &pair.relay_events[..] else { panic!("{:?}", pair.relay_events) };
    assert_eq!(receipt.verify(&device_secret().public(), &RELAY), Ok(()));
    assert_eq!((receipt.receipt, receipt.documents.len(), receipt.wiped), (3, 1, false));

    let kept = pair.relay.receipt_kept(3);
    pair.relay_does([kept]);
    pair.run();
    assert_eq!(pair.client_events, [ClientEvent::ReceiptKept(3)]);
}

#[test]
fn a_trail_comes_signed_and_is_answered() {
    let mut pair = Pair::active();
    let trail = pair.client.trail(1, TrailHash([0; 32]), &trail_body()).unwrap();
    pair.client_does([trail]);
    pair.run();
    let [RelayEvent::Trail { trail, body }] = &pair.relay_events[..] else { panic!("{:?}", pair.relay_events) };
    assert_eq!(trail.verify(body, &device_secret().public(), &RELAY), Ok(()));
    assert_eq!(*body, trail_body());

    let kept = pair.relay.trail_kept(2);
    pair.relay_does([kept]);
    pair.run();
    assert_eq!(pair.client_events, [ClientEvent::TrailKept(2)]);
}

#[test]
fn a_trail_may_leave_before_the_resume_is_answered() {
    let mut pair = Pair::new(Intent::Sync(first_resume()));
    pair.run();
    assert_eq!(pair.client.trail(1, TrailHash([0; 32]), &trail_body()), None, "the relay is not known yet");
    let welcome = pair.relay.welcome(crate::samples::welcome());
    pair.relay_does(welcome);
    pair.run();
    assert!(!pair.client.may_push());
    assert!(pair.client.trail(1, TrailHash([0; 32]), &trail_body()).is_some());
}

#[test]
fn decisions_are_told_and_acknowledged() {
    let change = ChangeName { document: DocumentId([1; 16]), hash: ChangeHash([2; 32]) };
    let decision = Decision { change, accepted: false, reason: "not her patient".into() };
    let mut pair = Pair::active();
    let decided = pair.relay.decided(vec![decision.clone()]);
    pair.relay_does([decided]);
    pair.run();
    assert_eq!(pair.client_events, [ClientEvent::Decided(vec![decision])]);

    let known = pair.client.decisions_known(vec![change]);
    pair.client_does([known]);
    pair.run();
    assert_eq!(pair.relay_events, [RelayEvent::DecisionsKnown(vec![change])]);
}

#[test]
fn emergency_access_is_asked_for_and_answered() {
    let request = BreakGlass {
        request: 5,
        organization: OrganizationId::new("north").unwrap(),
        patient: PatientId::new("p1").unwrap(),
        purpose: "ETREAT".into(),
        reason: "found unconscious".into(),
    };
    let mut pair = Pair::active();
    let asked = pair.client.break_glass(request.clone()).unwrap();
    pair.client_does([asked]);
    pair.run();
    assert_eq!(pair.relay_events, [RelayEvent::BreakGlass(request)]);

    let outcome = BreakGlassOutcome::Refused(BreakGlassRefusal::NotPermitted);
    let answer = pair.relay.break_glass_answer(5, outcome.clone());
    pair.relay_does([answer]);
    pair.run();
    assert_eq!(pair.client_events, [ClientEvent::BreakGlassAnswered(BreakGlassAnswer { request: 5, outcome })]);
}

#[test]
fn a_referral_is_asked_for_and_answered() {
    let Some((_, Frame::Refer(referral))) = samples().into_iter().find(|(name, _)| name == "Refer/to-organization")
    else {
        panic!("no sample")
    };
    let mut pair = Pair::active();
    let asked = pair.client.refer(referral.clone()).unwrap();
    pair.client_does([asked]);
    pair.run();
    assert_eq!(pair.relay_events, [RelayEvent::Refer(referral.clone())]);

    let outcome = ReferOutcome::Opened(UnixMillis(5));
    let answer = pair.relay.refer_answer(referral.referral, outcome);
    pair.relay_does([answer]);
    pair.run();
    let answered = ReferAnswer { referral: referral.referral, outcome };
    assert_eq!(pair.client_events, [ClientEvent::ReferAnswered(answered)]);
}

#[test]
fn a_device_tells_its_sealing_key_when_it_is_asked_for() {
    let mut pair = Pair::new(Intent::Sync(first_resume()));
    pair.run();
    let welcome = pair.relay.welcome(Welcome { sealing: true, ..crate::samples::welcome() });
    pair.relay_does(welcome);
    pair.relay_events.clear();
    pair.run();
    assert_eq!(pair.relay_events, [RelayEvent::Sealing(device_secret().sealing_key())]);
}

#[test]
fn sealed_documents_are_laid_ready_one_frame_at_a_time() {
    let mut pair = Pair::active();
    assert!(pair.relay.may_stage());
    let stage = pair.relay.stage(vec![sealed_document()], true);
    assert!(!pair.relay.may_stage());
    pair.relay_does([stage]);
    pair.run();
    assert_eq!(pair.client_events, [ClientEvent::Stage { stage: 1, documents: vec![sealed_document()], more: true }]);

    let staged = pair.client.staged(1);
    pair.client_does([staged.clone(), staged]);
    pair.run();
    assert_eq!(pair.relay_events, [RelayEvent::Staged], "a doubled answer counts once");
    assert!(pair.relay.may_stage());
}

#[test]
fn a_device_that_is_to_erase_itself_sends_what_is_unsent_and_is_not_resumed() {
    let mut pair = Pair::erasing();
    assert!(pair.relay_events.is_empty(), "its resume is passed over: {:?}", pair.relay_events);
    assert!(!pair.relay.may_deliver());
    let (_, push) = pair.client.push(&push_body()).unwrap();
    let wiped = pair.client.receipt(1, Vec::new(), true, UnixMillis(9)).unwrap();
    pair.client_does([push, wiped]);
    pair.run();
    let [RelayEvent::Append { .. }, RelayEvent::Receipt(receipt)] = &pair.relay_events[..] else {
        panic!("{:?}", pair.relay_events)
    };
    assert!(receipt.wiped);

    let mut last = vec![pair.relay.receipt_kept(1)];
    last.extend(pair.relay.close(GoodbyeReason::Revoked, "this device was revoked"));
    pair.relay_does(last);
    pair.run();
    assert!(matches!(
        pair.client_events[..],
        [ClientEvent::ReceiptKept(1), ClientEvent::Closed { reason: GoodbyeReason::Revoked, .. }]
    ));
}
