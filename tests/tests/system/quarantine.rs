//! One bad document or change is put aside with a reason and stops nothing else.

use client_core::sync::SyncEvent;
use rusqlite::params;
use sync_protocol::frame::{Answer, RefusalReason};
use system_tests::charts::{medication, patient};
use system_tests::{Node, World, seeds};

/// The relay's file comes to hold a false signature over one chart's core document; a new device then syncs.
fn with_one_bad_document() -> (World, [Node; 2], [client_core::ChartRef; 3]) {
    let mut world = World::new(seeds::one());
    let [a] = world.practice("north", 1)[..] else { unreachable!() };
    let charts = ["Good-One", "Bad-One", "Good-Two"].map(|family| {
        let chart = world.register(a, family);
        world.put(a, &chart, &medication(&chart, "m1", "Warfarin", "2.5 mg"));
        chart
    });
    world.settle();
    let bad = charts[1].patient.clone();
    world.tamper_with_relay(|db| {
        let sql = "UPDATE author_signature SET signature = ?2 WHERE document =
                   (SELECT number FROM document WHERE patient = ?1 AND compartment = 'core')";
        assert_eq!(db.execute(sql, params![bad.as_str(), [9u8; 64]]).unwrap(), 1);
    });
    let b = world.enroll("dr-north-0", "north");
    world.go_online(b);
    world.settle();
    (world, [a, b], charts)
}

#[test]
fn a_document_with_a_false_signature_is_put_aside_and_the_others_arrive() {
    let (mut world, [_, b], charts) = with_one_bad_document();
    let quarantined = world.status(b).quarantined;
    assert_eq!(quarantined.len(), 1);
    assert!(quarantined[0].reason.contains("signature"), "{}", quarantined[0].reason);
    for good in [&charts[0], &charts[2]] {
        assert!(world.resource(b, good, "MedicationRequest/m1").is_some());
    }
    assert_eq!(world.resource(b, &charts[1], "MedicationRequest/m1"), None);
    assert!(world.events(b).iter().any(|event| matches!(event, SyncEvent::Quarantined { .. })));
}

#[test]
fn work_on_other_documents_goes_on_in_both_directions() {
    let (mut world, [a, b], charts) = with_one_bad_document();
    world.note(a, &charts[0], "from a to b past the quarantine");
    world.note(b, &charts[2], "from b to a past the quarantine");
    world.settle();
    for chart in [&charts[0], &charts[2]] {
        world.assert_converged_on(&[a, b], chart);
    }
}

#[test]
fn what_is_in_quarantine_is_accepted_once_the_fault_is_gone() {
    let (mut world, [a, b], charts) = with_one_bad_document();
    // Another change of the same author brings a true signature, which covers the earlier ones.
    world.put(a, &charts[1], &medication(&charts[1], "m2", "Heparin", "1 dose"));
    world.settle();
    assert_eq!(world.status(b).quarantined, []);
    world.assert_converged(&[a, b]);
}

#[test]
fn a_bad_change_in_a_push_is_refused_and_the_good_ones_beside_it_are_accepted() {
    let mut world = World::new(seeds::one());
    let [honest] = world.practice("north", 1)[..] else { unreachable!() };
    let mut forger = world.forger("dr-north-0", "north");
    let organization = system_tests::world::organization("north");
    let index = |id: &str| sync_protocol::DocumentDescriptor {
        organization: organization.clone(),
        patient: Some(sync_protocol::PatientId::new(id).unwrap()),
        compartment: sync_protocol::Compartment::PatientIndex,
        part: String::new(),
    };
    let good = forger.change(forger.author, &patient("p1", "Good-Beside"));
    let signature = forger.sign(&index("p1"), &good);
    let mut bad = good.bytes.clone();
    *bad.last_mut().unwrap() ^= 1;
    let answers = forger.push(&mut world, &index("p1"), vec![bad, good.bytes], vec![signature]);
    assert_eq!(answers, [Answer::Refused(RefusalReason::Malformed), Answer::Accepted]);
    world.settle();
    assert!(world.recording(honest).mentions("Good-Beside"));
}
