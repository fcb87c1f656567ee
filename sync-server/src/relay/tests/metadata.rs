//! What frames tell beside their content: a device sees the same whether or not others do things that it may not see.

use sync_protocol::frame::{Cursor, Inventory, InventoryEntry, Resume};
use sync_protocol::{Checksum, Compartment, Frame, UnixMillis, decode, encode};

use super::*;

/// What a device saw of a message: when, how large, and what it says, with what is random masked.
type Seen = (UnixMillis, usize, String);

/// Everything that `dr-s` at `south` is sent in a fixed course of events; `busy`: north does much that `dr-s` may not see.
fn course(busy: bool) -> Vec<Seen> {
    let mut clinic = Clinic::of_two();
    let watcher = 2;
    clinic.affiliate("north", "south", &[Compartment::Core], true);
    clinic.write(0, &core("north", "p1"), "shared before");
    let foreign = document("north", "p1", Compartment::Encounter, "e1");
    if busy {
        clinic.write(0, &foreign, "hidden");
        clinic.write(0, &document("north", "p1", Compartment::Sensitive, "PSY"), "hidden too");
    }
    clinic.resync(watcher);
    clinic.wait(1_000);
    if busy {
        bustle(&mut clinic);
    }
    clinic.wait(1_000);
    clinic.write(0, &core("north", "p1"), "shared");
    claim(&mut clinic, watcher, &foreign);
    // Without the right to write it: the answer tells nothing of whether it exists.
    clinic.write(watcher, &foreign, "not mine");
    clinic.cut(watcher);
    if busy {
        clinic.write(0, &foreign, "while it was away");
        clinic.write(1, &document("north", "p9", Compartment::Encounter, "e9"), "another patient's");
    }
    clinic.wait(60_000);
    clinic.sync(watcher);
    clinic.wait(1_000);
    clinic.devices[watcher].seen.iter().filter_map(masked).collect()
}

/// Documents, edits, grants, refusals, connections and revocations that are no business of the watcher's.
fn bustle(clinic: &mut Clinic) {
    for number in 0..20 {
        let patient = format!("q{number}");
        clinic.write(0, &document("north", &patient, Compartment::Encounter, "e1"), "hidden");
        clinic.write(1, &document("north", &patient, Compartment::Results, ""), "hidden");
    }
    clinic.organization("east");
    clinic.role("dr-e", "east", Role::Physician, &[]);
    let device = clinic.enrolled("dr-e", "east");
    clinic.sync(device);
    let to = Grantee::Practitioner(practitioner("dr-e"));
    clinic.grant("north", "q1", to, &[Compartment::Encounter], 500);
    clinic.write(device, &document("north", "q1", Compartment::Encounter, "e1"), "by a guest");
    clinic.write(device, &document("north", "q2", Compartment::Encounter, "e1"), "by nobody");
    clinic.resync(1);
    let id = clinic.devices[device].secret.public();
    let revoked = DeviceId::of_key(&id);
    clinic.admin(|relay, now| relay.revoke_device(&revoked, now)).unwrap();
}

/// Says to hold a document that the watcher may not read.
fn claim(clinic: &mut Clinic, watcher: usize, foreign: &DocumentDescriptor) {
    clinic.cut(watcher);
    let tells = std::mem::replace(&mut clinic.devices[watcher].tells, false);
    let resume = Resume { compare: true, ..clinic.devices[watcher].resume() };
    clinic.connect(watcher, Intent::Sync(resume));
    clinic.run();
    let held = clinic.devices[watcher].disk.documents.iter();
    let mut documents: Vec<_> =
        held.map(|(id, held)| InventoryEntry { document: *id, fingerprint: held.fingerprint(id) }).collect();
    documents.push(InventoryEntry { document: foreign.id(), fingerprint: Checksum(7) });
    clinic.send_raw(watcher, &encode(&Frame::Inventory(Inventory { documents, more: false })));
    clinic.devices[watcher].tells = tells;
}

/// A message with its random parts masked; none for what the test device notes besides messages.
fn masked((at, bytes): &(UnixMillis, Vec<u8>)) -> Option<Seen> {
    let mut frame = decode(bytes).ok()?;
    let mask = |cursor: &mut Cursor| cursor.0.fill(0);
    match &mut frame {
        Frame::Challenge(challenge) => challenge.nonce.0.fill(0),
        Frame::Batch(batch) => _ = batch.cursor.as_mut().map(mask),
        Frame::CaughtUp(caught_up) => mask(&mut caught_up.cursor),
        // Keys and relay ids are random in each run, and so is what is made of them.
        Frame::Enrolled(_) => return None,
        _ => {}
    }
    Some((*at, bytes.len(), shape(&frame)))
}

/// The frame's text; of a batch what does not depend on keys, which differ between two runs.
fn shape(frame: &Frame) -> String {
    let Frame::Batch(batch) = frame else { return format!("{frame:?}") };
    let body: sync_protocol::frame::BatchBody = batch.body.unpack().unwrap();
    let documents: Vec<_> = body.documents.iter().map(|d| (d.document, d.changes.len(), d.signatures.len())).collect();
    let (keys, certificates) = (body.organization_keys.len(), body.certificates.len());
    format!("Batch {} {keys} {certificates} {documents:?}", batch.batch)
}

#[test]
fn count_size_content_and_time_of_frames_are_the_same_whatever_happens_out_of_sight() {
    let (quiet, busy) = (course(false), course(true));
    assert!(quiet.len() > 15, "the course is long enough to tell something: {}", quiet.len());
    assert_eq!(quiet, busy);
}

#[test]
fn the_course_tells_of_what_may_be_seen() {
    let seen = course(false);
    let batches = seen.iter().filter(|(_, _, text)| text.starts_with("Batch")).count();
    assert!(batches >= 2, "{seen:#?}");
}
