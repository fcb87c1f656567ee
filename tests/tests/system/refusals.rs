//! What a dishonest or disowned device is told, over real frames.

use client_core::sync::SyncFailure;
use sync_protocol::frame::{Answer, GoodbyeReason, RefusalReason};
use sync_protocol::identity::{ChangeSignature, SecretKey};
use sync_protocol::{AuthorId, ChangeHash, Compartment, DocumentDescriptor, Frame, PatientId, Signature};
use system_tests::charts::patient;
use system_tests::world::{organization, practitioner, prove};
use system_tests::{Node, World, seeds};

const FORGED: &str = "Forged-Family";

/// A practice with one honest device.
fn practice() -> (World, Node) {
    let mut world = World::new(seeds::one());
    let [honest] = world.practice("north", 1)[..] else { unreachable!() };
    world.settle();
    (world, honest)
}

fn index_of(id: &str) -> DocumentDescriptor {
    let patient = Some(PatientId::new(id).unwrap());
    DocumentDescriptor {
        organization: organization("north"),
        patient,
        compartment: Compartment::PatientIndex,
        part: String::new(),
    }
}

/// The honest device got nothing of what was forged, and neither did the log.
fn assert_nowhere(mut world: World, honest: Node) {
    world.settle();
    assert_eq!(world.relay_log(), []);
    assert!(!world.recording(honest).mentions(FORGED));
}

fn goodbye(frames: &[Frame]) -> GoodbyeReason {
    match frames.last() {
        Some(Frame::Goodbye(goodbye)) => goodbye.reason,
        other => panic!("a goodbye should come, not {other:?}"),
    }
}

#[test]
fn an_honest_change_made_by_hand_is_accepted() {
    let (mut world, honest) = practice();
    let mut forger = world.forger("dr-north-0", "north");
    let change = forger.change(forger.author, &patient("p1", "Honest-Family"));
    let signature = forger.sign(&index_of("p1"), &change);
    let answers = forger.push(&mut world, &index_of("p1"), vec![change.bytes], vec![signature]);
    assert_eq!(answers, [Answer::Accepted]);
    world.settle();
    assert!(world.recording(honest).mentions("Honest-Family"));
}

#[test]
fn a_change_with_a_forged_signature_is_refused() {
    let (mut world, honest) = practice();
    let mut forger = world.forger("dr-north-0", "north");
    let change = forger.change(forger.author, &patient("p1", FORGED));
    let mut signature = forger.sign(&index_of("p1"), &change);
    signature.signature.0[7] ^= 1;
    let answers = forger.push(&mut world, &index_of("p1"), vec![change.bytes], vec![signature]);
    assert_eq!(answers, [Answer::Refused(RefusalReason::NotSigned)]);
    assert_nowhere(world, honest);
}

#[test]
fn a_change_without_a_signature_is_refused() {
    let (mut world, honest) = practice();
    let mut forger = world.forger("dr-north-0", "north");
    let change = forger.change(forger.author, &patient("p1", FORGED));
    let answers = forger.push(&mut world, &index_of("p1"), vec![change.bytes], Vec::new());
    assert_eq!(answers, [Answer::Refused(RefusalReason::NotSigned)]);
    assert_nowhere(world, honest);
}

#[test]
fn a_signature_for_another_document_is_refused() {
    let (mut world, honest) = practice();
    let mut forger = world.forger("dr-north-0", "north");
    let change = forger.change(forger.author, &patient("p1", FORGED));
    let elsewhere = forger.sign(&index_of("p2"), &change);
    let answers = forger.push(&mut world, &index_of("p1"), vec![change.bytes], vec![elsewhere]);
    assert_eq!(answers, [Answer::Refused(RefusalReason::NotSigned)]);
    assert_nowhere(world, honest);
}

#[test]
fn a_change_under_someone_elses_actor_id_is_refused_whatever_signature_comes_along() {
    let (mut world, honest) = practice();
    world.practitioner("dr-mallory", "north", sync_server::access::Role::Physician);
    let mut mallory = world.forger("dr-mallory", "north");
    let victim = world.forger("dr-north-0", "north");
    let change = mallory.change(victim.author, &patient("p1", FORGED));
    let tip = ChangeHash(change.meta.hash);
    let claims = ChangeSignature { author: victim.author, tip, signature: Signature([9; 64]) };
    let own = mallory.sign(&index_of("p1"), &change);
    let as_victim = ChangeSignature { author: victim.author, ..own };
    for signatures in [vec![], vec![claims], vec![own], vec![as_victim], vec![own, as_victim]] {
        let answers = mallory.push(&mut world, &index_of("p1"), vec![change.bytes.clone()], signatures);
        let [Answer::Refused(reason)] = answers[..] else { panic!("{answers:?}") };
        assert!(matches!(reason, RefusalReason::NotSigned | RefusalReason::NotCertified), "{reason:?}");
    }
    assert_nowhere(world, honest);
}

#[test]
fn a_change_under_an_actor_id_that_nobody_has_is_refused() {
    let (mut world, honest) = practice();
    let mut forger = world.forger("dr-north-0", "north");
    let stranger = AuthorId::of(&SecretKey::from_seed([3; 32]).public(), &practitioner("dr-north-0"));
    let change = forger.change(stranger, &patient("p1", FORGED));
    let signature = forger.sign(&index_of("p1"), &change);
    let answers = forger.push(&mut world, &index_of("p1"), vec![change.bytes], vec![signature]);
    assert_eq!(answers, [Answer::Refused(RefusalReason::NotCertified)]);
    assert_nowhere(world, honest);
}

#[test]
fn a_proof_that_was_heard_on_one_connection_is_worthless_on_the_next() {
    let (mut world, _) = practice();
    let secret = world.forger("dr-north-0", "north").secret;
    let mut first = world.raw_peer();
    let heard_proof = prove(&secret, &first.challenge(&mut world, &secret));
    let mut second = world.raw_peer();
    second.challenge(&mut world, &secret);
    let answer = second.send(&mut world, &Frame::Proof(heard_proof));
    assert_eq!(goodbye(&answer), GoodbyeReason::ProofRefused);
    assert!(second.is_closed());
}

#[test]
fn a_key_that_is_not_enrolled_is_refused() {
    let (mut world, _) = practice();
    let mut peer = world.raw_peer();
    let heard = peer.sign_in(&mut world, &SecretKey::from_seed([7; 32]));
    assert_eq!(goodbye(&heard), GoodbyeReason::UnknownDevice);
    assert!(peer.is_closed());
}

#[test]
fn a_device_that_proves_another_key_than_it_names_is_refused() {
    let (mut world, _) = practice();
    let enrolled = world.forger("dr-north-0", "north").secret;
    let mut peer = world.raw_peer();
    let challenge = peer.challenge(&mut world, &enrolled);
    let answer = peer.send(&mut world, &Frame::Proof(prove(&SecretKey::from_seed([7; 32]), &challenge)));
    assert_eq!(goodbye(&answer), GoodbyeReason::ProofRefused);
}

#[test]
fn a_revoked_device_is_cut_off_at_once_and_not_let_in_again() {
    let (mut world, honest) = practice();
    let second = world.enroll("dr-north-0", "north");
    world.go_online(second);
    world.settle();
    let id = world.device(second).identity().unwrap().device;
    world.administer(|relay, now| relay.revoke_device(&id, now));
    let mark = world.recording(second).mark();
    let chart = world.register(honest, "After-Revocation");
    world.run_for(5_000);
    world.note(honest, &chart, "a note after the revocation");
    world.go_offline(second);
    world.go_online(second);
    world.settle();
    let Some(SyncFailure::Goodbye { reason, .. }) = world.stopped(second) else { panic!("it is not let in") };
    assert_eq!(*reason, GoodbyeReason::Revoked);
    assert!(!world.recording(second).since(mark).mentions("After-Revocation"));
}

#[test]
fn an_expired_enrolment_code_is_refused() {
    let (mut world, _) = practice();
    let code = world.enrolment_code("north", "dr-north-0", 60_000);
    world.run_for(60_000);
    let refused = world.try_enroll(SecretKey::from_seed([7; 32]), &code).unwrap_err();
    assert!(refused.contains("expired"), "{refused}");
}

#[test]
fn an_enrolment_code_enrols_one_device_only() {
    let (mut world, _) = practice();
    let code = world.enrolment_code("north", "dr-north-0", 60_000);
    world.try_enroll(SecretKey::from_seed([7; 32]), &code).unwrap();
    let refused = world.try_enroll(SecretKey::from_seed([8; 32]), &code).unwrap_err();
    assert!(refused.contains("used already"), "{refused}");
}

#[test]
fn a_device_that_missed_the_answer_may_repeat_its_enrolment() {
    let (mut world, _) = practice();
    let code = world.enrolment_code("north", "dr-north-0", 60_000);
    let secret = SecretKey::from_seed([7; 32]);
    let first = world.try_enroll(secret.clone(), &code).unwrap();
    let again = world.try_enroll(secret, &code).unwrap();
    assert_eq!(first.certificate, again.certificate);
}

#[test]
fn a_guessed_enrolment_code_is_refused() {
    let (mut world, _) = practice();
    let refused = world.try_enroll(SecretKey::from_seed([7; 32]), "AAAA-BBBB-CCCC-DDDD").unwrap_err();
    assert!(refused.contains("no such enrolment code"), "{refused}");
}

#[test]
fn each_refused_connection_is_in_the_audit_trail() {
    let (mut world, _) = practice();
    world.raw_peer().sign_in(&mut world, &SecretKey::from_seed([7; 32]));
    let rows = world.relay().audit_after(0, 1_000).unwrap();
    assert!(rows.iter().any(|row| row.action == "refuse-connection"));
    assert_eq!(world.relay().verify_audit().unwrap().1, None, "the chain holds");
}
