//! A database that fails: nothing is acknowledged, those concerned are told to come back, and afterwards all works.

use super::*;
use crate::access::Reach;
use sync_protocol::frame::{Answer, GoodbyeReason};

/// From now on, what the relay does to this table fails as on a full disk: SQLite rolls the transaction back by itself.
fn break_on(clinic: &Clinic, what: &str) {
    clinic.sql(&format!("CREATE TRIGGER full BEFORE {what} BEGIN SELECT RAISE(ROLLBACK, 'disk full'); END"));
}

fn mend(clinic: &Clinic) {
    clinic.sql("DROP TRIGGER full");
}

fn unavailable(clinic: &Clinic, device: usize) -> bool {
    clinic.devices[device].connection.is_none()
        && clinic.devices[device].closed.as_ref().is_some_and(|(_, reason, _)| *reason == GoodbyeReason::Unavailable)
}

#[test]
fn a_push_that_cannot_be_stored_is_not_acknowledged_and_succeeds_later() {
    for what in ["INSERT ON change_log", "UPDATE ON document", "INSERT ON author_signature", "INSERT ON audit"] {
        let mut clinic = Clinic::of_two();
        let chart = core("north", "p1");
        clinic.write(0, &chart, "before");
        break_on(&clinic, what);
        assert_eq!(clinic.write(0, &chart, "lost?"), [], "{what}");
        assert!(unavailable(&clinic, 0), "{what}");
        assert!(!clinic.devices[1].text(&chart).contains("lost?"), "{what}");
        mend(&clinic);
        (0..3).for_each(|device| clinic.resync(device));
        assert_eq!(clinic.push(0), [Answer::Accepted], "{what}");
        assert!(clinic.devices[1].text(&chart).contains("lost?"), "{what}");
        assert_eq!(clinic.relay.size(), (1, 2), "{what}: positions without gaps");
        (0..3).for_each(|device| clinic.resync(device));
        assert!((0..3).all(|device| clinic.devices[device].agrees()), "{what}");
        assert_eq!(clinic.relay.verify_audit().unwrap().1, None);
        assert_eq!(clinic.metrics.rollbacks.get(), 1);
    }
}

#[test]
fn a_commit_that_fails_acknowledges_nothing() {
    let mut clinic = Clinic::of_two();
    let chart = core("north", "p1");
    // A constraint that is only checked at the commit.
    clinic.sql(
        "CREATE TABLE late (id INTEGER REFERENCES document (number) DEFERRABLE INITIALLY DEFERRED);
         CREATE TRIGGER late BEFORE INSERT ON change_log BEGIN INSERT INTO late VALUES (99999); END",
    );
    assert_eq!(clinic.write(0, &chart, "x"), []);
    assert!((0..3).all(|device| unavailable(&clinic, device)));
    assert_eq!(clinic.relay.size(), (0, 0));
    clinic.sql("DROP TRIGGER late");
    (0..3).for_each(|device| clinic.sync(device));
    assert_eq!(clinic.push(0), [Answer::Accepted]);
    assert!(clinic.devices[1].holds(&chart));
}

#[test]
fn nothing_of_a_round_is_kept_once_something_of_it_failed() {
    let mut clinic = Clinic::of_two();
    clinic.sql(
        "CREATE TRIGGER full BEFORE INSERT ON change_log WHEN (SELECT count(*) FROM change_log) = 0
         BEGIN SELECT RAISE(ROLLBACK, 'disk full'); END",
    );
    // Both pushes come in before the relay flushes; SQLite has no transaction any more when the second one comes.
    for device in [0, 1] {
        clinic.devices[device].edit(&core("north", &format!("p{device}")), "x");
        let body = clinic.devices[device].unsent();
        let (_, bytes) = clinic.devices[device].push(&body).unwrap();
        let id = clinic.devices[device].connection.unwrap();
        clinic.relay.received(id, &bytes, clinic.now);
        if device == 0 {
            clinic.sql("DROP TRIGGER full");
        }
    }
    clinic.run();
    assert!(unavailable(&clinic, 0) && unavailable(&clinic, 1));
    assert_eq!(clinic.relay.size(), (0, 0));
    (0..2).for_each(|device| clinic.sync(device));
    assert_eq!([clinic.push(0), clinic.push(1)], [[Answer::Accepted], [Answer::Accepted]]);
}

#[test]
fn a_device_that_arrives_while_the_database_fails_is_told_to_come_back() {
    let mut clinic = Clinic::of_two();
    let code = clinic.code("dr-b", "north");
    let late = clinic.device("dr-b", "north");
    let stranger = clinic.device("dr-b", "north");
    clinic.cut(0);
    break_on(&clinic, "INSERT ON audit");
    clinic.sync(0);
    assert!(unavailable(&clinic, 0));
    clinic.enrol(late, &code);
    assert!(unavailable(&clinic, late) && !clinic.devices[late].enrolled);
    // Its refusal could not be recorded, so it is not told; its connection ends all the same.
    clinic.sync(stranger);
    assert_eq!(clinic.devices[stranger].connection, None);
    mend(&clinic);
    clinic.enrol(late, &code);
    assert!(clinic.devices[late].enrolled, "the code is still good");
    (0..3).for_each(|device| clinic.resync(device));
    assert!((0..3).all(|device| clinic.devices[device].agrees()));
    clinic.cut_all();
    assert_eq!(clinic.metrics.connections.get(), 0);
}

#[test]
fn a_delivery_that_cannot_be_recorded_is_not_made() {
    let mut clinic = Clinic::of_two();
    let chart = core("north", "p1");
    clinic.write(0, &chart, "CANARY");
    let late = clinic.enrolled("dr-b", "north");
    clinic.sql(
        "CREATE TRIGGER full BEFORE INSERT ON audit WHEN NEW.action = 'disclose'
         BEGIN SELECT RAISE(ROLLBACK, 'disk full'); END",
    );
    clinic.sync(late);
    access::assert_never_saw(&clinic.devices[late], &chart, "CANARY");
    assert!(unavailable(&clinic, late));
    mend(&clinic);
    clinic.sync(late);
    assert!(clinic.devices[late].holds(&chart));
}

#[test]
fn a_damaged_document_is_kept_back_and_nothing_else_is() {
    let mut clinic = Clinic::of_two();
    let [damaged, good] = ["p1", "p2"].map(|of| core("north", of));
    clinic.write(0, &damaged, "x");
    clinic.write(0, &good, "x");
    clinic.sql("UPDATE author_signature SET tip = x'00' WHERE document = 1");
    let late = clinic.enrolled("dr-b", "north");
    clinic.sync(late);
    assert!(clinic.devices[late].holds(&good) && !clinic.devices[late].holds(&damaged));
    clinic.write(0, &damaged, "y");
    clinic.write(0, &good, "y");
    for device in [0, 1, late] {
        assert!(clinic.devices[device].closed.is_none(), "device {device}");
        assert!(clinic.devices[device].text(&good).contains("y"), "device {device}");
    }
    // The author's next signature took the damaged one's place, so that it comes whole again.
    clinic.resync(late);
    assert!(clinic.devices[late].holds(&damaged) && clinic.devices[late].agrees());
}

#[test]
fn a_relay_that_cannot_read_its_database_serves_nobody_until_it_can() {
    let mut clinic = Clinic::of_two();
    clinic.write(0, &core("north", "p1"), "before");
    break_on(&clinic, "INSERT ON change_log");
    clinic.sql("ALTER TABLE practitioner_role RENAME TO away");
    clinic.write(0, &core("north", "p1"), "x");
    clinic.sync(1);
    assert!(unavailable(&clinic, 1));
    mend(&clinic);
    clinic.sql("ALTER TABLE away RENAME TO practitioner_role");
    (0..3).for_each(|device| clinic.sync(device));
    assert_eq!(clinic.push(0), [Answer::Accepted]);
    assert_eq!(clinic.devices[1].text(&core("north", "p1")).len(), 2);
    clinic.resync(1);
    assert!(clinic.devices[1].agrees());
}

/// What everybody may receive now.
fn reaches(clinic: &Clinic) -> Vec<roaring::RoaringBitmap> {
    let of = |(who, at): (&str, &str)| {
        let subject = Subject { practitioner: practitioner(who), organization: organization(at) };
        Reach::documents(&clinic.relay.gate.reach(&subject, clinic.now)).clone()
    };
    [("dr-a", "north"), ("dr-b", "north"), ("dr-s", "south")].map(of).to_vec()
}

#[test]
fn an_acceptance_that_cannot_be_stored_leaves_no_document_behind_that_another_could_be_taken_for() {
    for what in ["INSERT ON audit WHEN NEW.action = 'custody-accept'", "UPDATE OF in_log ON custody"] {
        let mut clinic = Clinic::of_two();
        let officer = clinic.officer("north");
        let [referred, other] = ["p1", "p2"].map(|of| core("north", of));
        // South may read of p1 and not write; what it sends begins the document, once it is accepted.
        clinic.write(2, &referred, "found in the field");
        clinic.grant("north", "p1", Grantee::Organization(organization("south")), &[Compartment::Core], DAY);
        clinic.cut_all();
        break_on(&clinic, what);
        let accepted = clinic.admin(|relay, now| relay.accept_custody(&officer, 1, "checked", now));
        assert!(accepted.is_err(), "{what}");
        mend(&clinic);
        clinic.sync(0);
        assert_eq!(clinic.write(0, &other, "CANARY"), [Answer::Accepted], "{what}");
        clinic.sync(2);
        access::assert_never_saw(&clinic.devices[2], &other, "CANARY");
        let (kept, size) = (reaches(&clinic), clinic.relay.size());
        clinic.restart();
        assert_eq!((kept, size), (reaches(&clinic), clinic.relay.size()), "{what}");
        clinic.admin(|relay, now| relay.accept_custody(&officer, 1, "checked", now)).unwrap();
        (0..3).for_each(|device| clinic.sync(device));
        assert!((0..3).all(|device| clinic.devices[device].agrees()), "{what}");
        assert!(clinic.devices[0].holds(&referred), "{what}");
    }
}

#[test]
fn what_a_device_acknowledged_outlasts_an_action_that_was_rolled_back() {
    let mut clinic = Clinic::of_two();
    let chart = core("north", "p1");
    clinic.write(0, &chart, "one");
    clinic.write(0, &chart, "two");
    assert!(!clinic.relay.acknowledgements.is_empty(), "they wait for a transaction");
    // An officer asks for an accounting, which writes what waits, and something after it fails.
    let failed: Result<(), _> = clinic.admin(|relay, now| {
        relay.disclosures(&organization("north"), &patient("p1"), now)?;
        Err(crate::store::StoreError::Conflict("it does not matter why".into()))
    });
    assert!(failed.is_err());
    let id = clinic.device_id(1);
    let lost = clinic.admin(|relay, _| relay.lost_device(&id)).unwrap();
    assert_eq!(lost.on_device[0].acknowledged.unwrap().version.changes, 2);
}
