//! Bad changes beside good ones: each is refused for itself, the good ones are taken, and no reader is harmed.

use automerge::transaction::Transactable;
use automerge::{ActorId, AutoCommit, ROOT};
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};
use sync_protocol::frame::{Answer, PushBody, PushedDocument, RefusalReason};
use sync_protocol::identity::ChangeSignature;
use sync_protocol::limits::MAX_CHANGE_BYTES;
use sync_protocol::{AuthorId, ChangeHash};

use super::super::change_size::tests::endless_operations;
use super::held::hash_of;
use super::*;

/// Pushes a good document with a bad one and expects the good one to be accepted; gives the answers to the bad one.
fn beside_a_good_one(clinic: &mut Clinic, bad: PushedDocument) -> Vec<Answer> {
    let good = core("north", "good");
    clinic.devices[0].edit(&good, &format!("text {}", clinic.relay.size().1));
    let mut body = clinic.devices[0].unsent();
    body.documents.retain(|document| document.descriptor == good);
    body.documents.insert(0, bad);
    let before = clinic.relay.size().1;
    let mut answers = clinic.push_body(0, &body);
    assert_eq!(answers.pop(), Some(Answer::Accepted), "the good change");
    let accepted = answers.iter().filter(|answer| **answer == Answer::Accepted).count() as u64;
    assert_eq!(clinic.relay.size().1, before + 1 + accepted);
    assert!(clinic.devices[1].holds(&good));
    answers
}

/// The changes that device 0 would push of a new document of its own, signed.
fn honest(clinic: &mut Clinic, texts: &[&str]) -> PushedDocument {
    let descriptor = core("north", "bad");
    clinic.devices[0].disk.documents.remove(&descriptor.id());
    texts.iter().for_each(|text| _ = clinic.devices[0].edit(&descriptor, text));
    let mut body = clinic.devices[0].unsent();
    body.documents.retain(|document| document.descriptor == descriptor);
    clinic.devices[0].disk.documents.remove(&descriptor.id());
    body.documents.remove(0)
}

fn refused(reason: RefusalReason) -> Answer {
    Answer::Refused(reason)
}

fn signed(clinic: &Clinic, device: usize, document: &mut PushedDocument, tip: ChangeHash) {
    let Device { secret, author, .. } = &clinic.devices[device];
    document.signatures = vec![ChangeSignature::sign(secret, *author, &document.descriptor.id(), tip)];
}

/// A change whose bytes were edited, with a fresh checksum so that it is read at all.
fn resealed(mut change: Vec<u8>, edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    edit(&mut change);
    let checksum: [u8; 32] = Sha256::digest(&change[8..]).into();
    change[4..8].copy_from_slice(&checksum[..4]);
    change
}

#[test]
fn a_forged_signature_is_refused() {
    let mut clinic = Clinic::of_two();
    let mut document = honest(&mut clinic, &["x"]);
    document.signatures[0].signature.0[5] ^= 1;
    assert_eq!(beside_a_good_one(&mut clinic, document), [refused(RefusalReason::NotSigned)]);
    // One made for another document.
    let mut document = honest(&mut clinic, &["x"]);
    let Device { secret, author, .. } = &clinic.devices[0];
    let tip = document.signatures[0].tip;
    document.signatures = vec![ChangeSignature::sign(secret, *author, &core("north", "p9").id(), tip)];
    assert_eq!(beside_a_good_one(&mut clinic, document), [refused(RefusalReason::NotSigned)]);
}

#[test]
fn another_authors_actor_id_is_refused() {
    let mut clinic = Clinic::of_two();
    let victim = clinic.devices[1].author;
    let mut content = AutoCommit::new().with_actor(ActorId::from(victim.actor(0).as_slice()));
    content.put(ROOT, "forged", "entry").unwrap();
    content.commit();
    let bytes = content.get_last_local_change().unwrap().raw_bytes().to_vec();
    let descriptor = core("north", "bad");
    let mut document = PushedDocument { descriptor, changes: vec![bytes.into()], signatures: Vec::new() };
    let tip = hash_of(&document.changes[0]);
    signed(&clinic, 0, &mut document, tip);
    // Without the victim's certificate its author is not known; with it, the signature is not the victim's.
    assert_eq!(beside_a_good_one(&mut clinic, document.clone()), [refused(RefusalReason::NotCertified)]);
    let certificates = vec![clinic.devices[1].disk.certificates[&victim].clone()];
    let forged = ChangeSignature::sign(&clinic.devices[0].secret, victim, &document.descriptor.id(), tip);
    document.signatures.push(forged);
    let body = PushBody { certificates, documents: vec![document] };
    assert_eq!(clinic.push_body(0, &body), [refused(RefusalReason::NotSigned)]);
}

#[test]
fn a_forged_certificate_vouches_for_nobody() {
    let mut clinic = Clinic::of_two();
    let mut certificate = clinic.devices[1].disk.certificates[&clinic.devices[1].author].clone();
    certificate.body.practitioner = practitioner("dr-x");
    let author = certificate.author();
    let mut content = AutoCommit::new().with_actor(ActorId::from(author.actor(0).as_slice()));
    content.put(ROOT, "forged", "entry").unwrap();
    content.commit();
    let bytes = content.get_last_local_change().unwrap().raw_bytes().to_vec();
    let descriptor = core("north", "bad");
    let tip = ChangeSignature::sign(&clinic.devices[1].secret, author, &descriptor.id(), hash_of(&bytes));
    let document = PushedDocument { descriptor, changes: vec![bytes.into()], signatures: vec![tip] };
    let body = PushBody { certificates: vec![certificate], documents: vec![document] };
    assert_eq!(clinic.push_body(0, &body), [refused(RefusalReason::NotCertified)]);
}

#[test]
fn a_change_that_the_signature_does_not_cover_is_refused() {
    let mut clinic = Clinic::of_two();
    let mut document = honest(&mut clinic, &["x", "y"]);
    let first = hash_of(&document.changes[0]);
    signed(&clinic, 0, &mut document, first);
    assert_eq!(beside_a_good_one(&mut clinic, document), [Answer::Accepted, refused(RefusalReason::NotSigned)]);
}

#[test]
fn a_signed_but_refused_successor_smuggles_no_unsigned_change_in() {
    let mut clinic = Clinic::of_two();
    // The second change is signed and refused for its operations; the first is vouched for only through it.
    let mut document = honest(&mut clinic, &["x", "y"]);
    let broken = resealed(document.changes[1].to_vec(), |change| {
        // Magic, checksum, type, length, one dependency, actor: then the sequence number.
        let at = 4 + 4 + 1 + 1 + 1 + 32 + 1 + 20;
        assert_eq!(change[at], 2, "the sequence number");
        change[at] = 9;
    });
    let tip = hash_of(&broken);
    document.changes[1] = ByteBuf::from(broken);
    signed(&clinic, 0, &mut document, tip);
    let answers = beside_a_good_one(&mut clinic, document);
    assert_eq!(answers[0], refused(RefusalReason::NotSigned));
    assert_ne!(answers[1], Answer::Accepted);
    assert!(!clinic.devices[1].holds(&core("north", "bad")));
}

#[test]
fn wrong_operation_numbers_are_refused() {
    let mut clinic = Clinic::of_two();
    let mut document = honest(&mut clinic, &["x"]);
    let shifted = resealed(document.changes[0].to_vec(), |change| {
        let at = 4 + 4 + 1 + 1 + 1 + 1 + 20 + 1;
        assert_eq!(change[at], 1, "the first operation's number");
        change[at] = 7;
    });
    let tip = hash_of(&shifted);
    document.changes[0] = ByteBuf::from(shifted);
    signed(&clinic, 0, &mut document, tip);
    assert_eq!(beside_a_good_one(&mut clinic, document), [refused(RefusalReason::BadOperations)]);
}

#[test]
fn two_changes_under_one_sequence_number_in_one_push_are_not_both_taken() {
    let mut clinic = Clinic::of_two();
    let (one, other) = (honest(&mut clinic, &["x"]), honest(&mut clinic, &["y"]));
    let document = PushedDocument {
        descriptor: one.descriptor,
        changes: [one.changes, other.changes].concat(),
        signatures: [one.signatures, other.signatures].concat(),
    };
    let answers = beside_a_good_one(&mut clinic, document);
    assert_eq!(answers, [Answer::Accepted, refused(RefusalReason::SequenceReused)]);
}

#[test]
fn compressed_oversized_and_shapeless_changes_are_refused() {
    let mut clinic = Clinic::of_two();
    let mut document = honest(&mut clinic, &["x"]);
    let mut content = AutoCommit::new().with_actor(ActorId::from(clinic.devices[0].author.actor(7).as_slice()));
    content.put(ROOT, "k", "a".repeat(50_000)).unwrap();
    content.commit();
    let compressed = content.get_last_local_change().unwrap().bytes().into_owned();
    document.changes.push(compressed.into());
    document.changes.push(vec![0; MAX_CHANGE_BYTES + 1].into());
    document.changes.push(ByteBuf::new());
    let answers = beside_a_good_one(&mut clinic, document);
    let expected = [RefusalReason::Malformed, RefusalReason::TooLarge, RefusalReason::Malformed].map(refused);
    assert_eq!(answers, [&[Answer::Accepted], &expected[..]].concat());
}

#[test]
fn an_author_of_too_many_incarnations_is_refused() {
    let mut clinic = Clinic::of_two();
    for (incarnation, expected) in [(999, Answer::Accepted), (1_000, refused(RefusalReason::NotSigned))] {
        clinic.devices[0].incarnation = incarnation;
        let document = honest(&mut clinic, &["x"]);
        clinic.devices[0].incarnation = 0;
        assert_eq!(beside_a_good_one(&mut clinic, document), [expected]);
    }
}

#[test]
fn a_few_bytes_that_state_endless_operations_are_refused_at_once() {
    let mut clinic = Clinic::of_two();
    let mut document = honest(&mut clinic, &["x"]);
    let actor = clinic.devices[0].author.actor(3);
    document.changes.push(endless_operations(&actor).into());
    let answers = beside_a_good_one(&mut clinic, document);
    assert_eq!(answers, [Answer::Accepted, refused(RefusalReason::Malformed)]);
}

#[test]
fn a_bad_descriptor_is_refused() {
    let mut clinic = Clinic::of_two();
    for (compartment, part) in [(Compartment::Core, "x"), (Compartment::Encounter, ""), (Compartment::Directory, "")] {
        let mut document = honest(&mut clinic, &["x", "y"]);
        document.descriptor = document_of(compartment, part);
        let answers = beside_a_good_one(&mut clinic, document);
        assert_eq!(answers, [refused(RefusalReason::BadDescriptor), refused(RefusalReason::BadDescriptor)]);
    }
}

fn document_of(compartment: Compartment, part: &str) -> DocumentDescriptor {
    document("north", "bad", compartment, part)
}

#[test]
fn signing_anothers_change_does_not_displace_its_authors_signature() {
    let mut clinic = Clinic::of_two();
    // Device 1 wrote a document that the relay does not have yet; device 0 hands it in, its own signature over it first.
    clinic.cut(1);
    let chart = core("north", "p1");
    clinic.devices[1].edit(&chart, "penicillin");
    let mut body = clinic.devices[1].whole(&[chart.id()]);
    let tip = body.documents[0].signatures[0].tip;
    let Device { secret, author, .. } = &clinic.devices[0];
    body.documents[0].signatures.insert(0, ChangeSignature::sign(secret, *author, &chart.id(), tip));
    assert_eq!(clinic.push_body(0, &body), [Answer::Accepted]);
    // A reader verifies what it is given: it would panic on a change that nobody vouches for.
    let reader = clinic.enrolled("dr-b", "north");
    clinic.sync(reader);
    assert!(clinic.devices[reader].holds(&chart));
}

#[test]
fn a_ladder_of_changes_that_fall_one_after_another_does_not_hold_the_relay_up() {
    let mut clinic = Clinic::of_two();
    let authors = [0, 1].map(|device| clinic.devices[device].author);
    let descriptor = core("north", "bad");
    let one = |actor: u32, documents: &mut [AutoCommit]| {
        let author = authors[actor as usize % 2];
        let mut content = AutoCommit::new().with_actor(ActorId::from(author.actor(actor).as_slice()));
        documents.iter_mut().for_each(|other| _ = content.merge(other).unwrap());
        content.put(ROOT, "k", i64::from(actor)).unwrap();
        content.commit();
        content
    };
    // Each rung vouches for its author's root and falls with the other author's root before it.
    let mut roots: Vec<_> = (0..400).map(|n| one(n, &mut [])).collect();
    let rungs: Vec<_> = (1..400).map(|n| one(400 + n as u32, &mut roots[n - 1..=n])).collect();
    let last = |content: AutoCommit| content.clone().get_last_local_change().unwrap().raw_bytes().to_vec();
    let changes: Vec<_> = roots.into_iter().chain(rungs).map(last).collect();
    let signed = |(n, rung): (usize, &Vec<u8>)| {
        let signer = &clinic.devices[(n + 1) % 2];
        ChangeSignature::sign(&signer.secret, signer.author, &descriptor.id(), hash_of(rung))
    };
    // Nothing vouches for the first root.
    let signatures: Vec<_> = changes[400..].iter().enumerate().map(signed).collect();
    let changes = changes.into_iter().map(ByteBuf::from).collect();
    let certificates = vec![clinic.devices[1].disk.certificates[&authors[1]].clone()];
    let documents = vec![PushedDocument { descriptor, changes, signatures }];
    let answers = clinic.push_body(0, &PushBody { certificates, documents });
    assert!(answers.len() == 799 && !answers.contains(&Answer::Accepted), "{answers:?}");
    // Had it gone on to the end, the last rung would be asked for what fell before it.
    assert_eq!(answers.last(), Some(&refused(RefusalReason::NotSigned)));
}

#[test]
fn edited_bytes_of_a_change_never_panic() {
    let mut clinic = Clinic::of_two();
    let document = honest(&mut clinic, &["x", "y"]);
    let change = document.changes[1].to_vec();
    for _ in 0..3_000 {
        let random: [u8; 6] = clinic.random();
        let edited = resealed(change.clone(), |change| {
            for pair in random.chunks(2) {
                let at = 10 + usize::from(pair[0]) % (change.len() - 10);
                change[at] = pair[1];
            }
        });
        let _ = super::super::change_check::check_change(&edited);
    }
    assert_ne!(AuthorId::of_actor(&clinic.devices[0].author.actor(0)), None);
}
