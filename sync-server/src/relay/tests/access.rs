//! What the rules open and close, while devices are connected and while they are not.

use super::*;

const CORE: [Compartment; 1] = [Compartment::Core];

fn east() -> Clinic {
    let mut clinic = Clinic::of_two();
    for part in ["p1", "p2"] {
        clinic.write(0, &core("north", part), &format!("CANARY-{part}"));
    }
    clinic
}

/// Asserts that no byte a device was ever sent names a document or holds its content.
pub fn assert_never_saw(device: &Device, descriptor: &DocumentDescriptor, canary: &str) {
    for (_, bytes) in &device.seen {
        let shows = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
        assert!(!shows(&descriptor.id().0), "the id of {descriptor:?}");
        assert!(!shows(canary.as_bytes()), "content of {descriptor:?}");
    }
}

#[test]
fn a_new_document_and_its_changes_reach_who_may_read_it_and_nobody_else() {
    let mut clinic = Clinic::of_two();
    let chart = core("north", "p1");
    clinic.write(0, &chart, "CANARY");
    clinic.write(0, &chart, "CANARY 2");
    assert_eq!(clinic.devices[1].text(&chart).len(), 2);
    let quiet = clinic.devices[2].seen.len();
    clinic.write(1, &chart, "CANARY 3");
    assert_eq!(clinic.devices[0].text(&chart).len(), 3);
    assert_eq!(clinic.devices[2].seen.len(), quiet, "not a byte, not even an empty batch");
    clinic.resync(2);
    assert_never_saw(&clinic.devices[2], &chart, "CANARY");
    assert_eq!(clinic.devices[2].resumed.last().unwrap().documents, 0);
}

#[test]
fn a_grant_opens_one_chart_at_once_and_its_end_withdraws_it_at_once() {
    let mut clinic = east();
    clinic.grant("north", "p1", Grantee::Practitioner(practitioner("dr-s")), &CORE, HOUR);
    assert!(clinic.devices[2].text(&core("north", "p1")).contains("CANARY-p1"));
    clinic.wait(HOUR - 1);
    assert_eq!(clinic.devices[2].withdrawn, []);
    clinic.wait(1);
    assert_eq!(clinic.devices[2].withdrawn, [core("north", "p1").id()]);
    assert_never_saw(&clinic.devices[2], &core("north", "p2"), "CANARY-p2");
    let quiet = clinic.devices[2].seen.len();
    clinic.write(0, &core("north", "p1"), "later");
    assert_eq!(clinic.devices[2].seen.len(), quiet);
}

#[test]
fn a_grant_that_ends_while_the_device_is_away_is_withdrawn_when_it_comes_back() {
    let mut clinic = east();
    let grant = clinic.grant("north", "p1", Grantee::Organization(organization("south")), &CORE, DAY);
    clinic.cut(2);
    clinic.admin(|relay, now| relay.end_grant(&grant.id, now)).unwrap();
    clinic.sync(2);
    assert_eq!(clinic.devices[2].withdrawn, [core("north", "p1").id()]);
    clinic.resync(2);
    assert_eq!(clinic.devices[2].withdrawn.len(), 1, "told once");
    assert!(clinic.devices[2].agrees());
}

#[test]
fn a_withdrawal_that_was_lost_on_the_way_is_told_again() {
    let mut clinic = east();
    clinic.grant("north", "p1", Grantee::Organization(organization("south")), &CORE, HOUR);
    // The relay sends the withdrawal into a connection that is dead already.
    let dead = clinic.devices[2].connection.take().unwrap();
    clinic.wait(HOUR);
    clinic.relay.disconnected(dead);
    assert!(clinic.devices[2].holds(&core("north", "p1")));
    clinic.sync(2);
    assert_eq!(clinic.devices[2].withdrawn, [core("north", "p1").id()]);
    clinic.resync(2);
    assert_eq!(clinic.devices[2].withdrawn.len(), 1);
}

#[test]
fn what_was_sent_but_never_acknowledged_is_withdrawn_too() {
    let mut clinic = east();
    clinic.devices[2].acks = false;
    clinic.grant("north", "p1", Grantee::Organization(organization("south")), &CORE, HOUR);
    assert!(clinic.devices[2].holds(&core("north", "p1")));
    clinic.cut(2);
    clinic.wait(HOUR);
    clinic.sync(2);
    assert!(!clinic.devices[2].holds(&core("north", "p1")));
}

#[test]
fn an_ack_that_crosses_a_withdrawal_does_not_count_as_holding() {
    let mut clinic = east();
    clinic.devices[2].acks = false;
    clinic.grant("north", "p1", Grantee::Organization(organization("south")), &CORE, HOUR);
    let batch = clinic.devices[2].deliveries.last().unwrap().batch;
    clinic.wait(HOUR);
    assert!(!clinic.devices[2].holds(&core("north", "p1")));
    clinic.devices[2].acks = true;
    let ack = sync_protocol::Frame::Ack(sync_protocol::frame::Ack { batch });
    clinic.send_raw(2, &sync_protocol::encode(&ack));
    clinic.cut(2);
    clinic.grant("north", "p1", Grantee::Organization(organization("south")), &CORE, HOUR);
    clinic.sync(2);
    assert!(clinic.devices[2].holds(&core("north", "p1")), "given again whole");
    assert!(clinic.devices[2].agrees());
}

#[test]
fn a_chart_withdrawn_and_opened_again_comes_whole() {
    let mut clinic = east();
    for _ in 0..3 {
        clinic.grant("north", "p1", Grantee::Organization(organization("south")), &CORE, HOUR);
        assert!(clinic.devices[2].holds(&core("north", "p1")) && clinic.devices[2].agrees());
        clinic.write(0, &core("north", "p1"), &format!("{}", clinic.now.0));
        clinic.wait(HOUR);
        assert!(!clinic.devices[2].holds(&core("north", "p1")) && clinic.devices[2].agrees());
    }
    assert_eq!(clinic.relay.verify_audit().unwrap().1, None);
}

#[test]
fn an_affiliation_opens_its_compartments_and_no_others() {
    let mut clinic = east();
    let encounter = document("north", "p1", Compartment::Encounter, "e1");
    let sensitive = document("north", "p1", Compartment::Sensitive, "PSY");
    let index = document("north", "p1", Compartment::PatientIndex, "");
    clinic.role("dr-a", "north", Role::Physician, &["PSY"]);
    clinic.write(0, &encounter, "CANARY-enc");
    clinic.write(0, &sensitive, "CANARY-psy");
    clinic.write(0, &index, "name");
    clinic.affiliate("north", "south", &[Compartment::Core, Compartment::Sensitive], false);
    assert!(clinic.devices[2].holds(&core("north", "p1")) && clinic.devices[2].holds(&index));
    assert_never_saw(&clinic.devices[2], &encounter, "CANARY-enc");
    assert_never_saw(&clinic.devices[2], &sensitive, "CANARY-psy");
    // Not even to a colleague to whom the category is not opened by name.
    assert!(clinic.devices[1].holds(&encounter));
    assert_never_saw(&clinic.devices[1], &sensitive, "CANARY-psy");
    let (north, south) = (organization("north"), organization("south"));
    clinic.admin(|relay, now| relay.remove_affiliation(&north, &south, now)).unwrap();
    assert!(clinic.devices[2].disk.documents.is_empty());
}

#[test]
fn a_role_taken_away_closes_everything_and_given_back_opens_it() {
    let mut clinic = east();
    clinic.no_role("dr-b", "north", Role::Physician);
    assert!(clinic.devices[1].disk.documents.is_empty());
    clinic.role("dr-b", "north", Role::Clerk, &[]);
    assert!(clinic.devices[1].disk.documents.is_empty(), "a clerk sees no medication");
    clinic.role("dr-b", "north", Role::Nurse, &[]);
    assert_eq!(clinic.devices[1].disk.documents.len(), 2);
    assert!(clinic.devices[1].agrees());
}

#[test]
fn a_document_that_a_device_wrote_itself_is_withdrawn_like_any_other() {
    let mut clinic = Clinic::of_two();
    clinic.write(1, &core("north", "p1"), "own");
    clinic.no_role("dr-b", "north", Role::Physician);
    assert_eq!(clinic.devices[1].withdrawn, [core("north", "p1").id()]);
}

#[test]
fn what_an_administrator_fails_to_commit_opens_nothing() {
    let mut clinic = east();
    // A constraint that is only checked at the commit, when the rules have taken the grant in already.
    clinic.sql(
        "CREATE TABLE late (id INTEGER REFERENCES document (number) DEFERRABLE INITIALLY DEFERRED);
         CREATE TRIGGER late BEFORE INSERT ON access_grant BEGIN INSERT INTO late VALUES (99999); END",
    );
    let grant = Grant {
        id: String::new(),
        organization: organization("north"),
        patient: patient("p1"),
        grantee: Grantee::Organization(organization("south")),
        compartments: CORE.to_vec(),
        may_write: false,
        expires_at: clinic.now.plus(DAY),
    };
    assert!(clinic.admin(|relay, now| relay.add_grant(grant, now)).is_err());
    clinic.wait(1_000);
    clinic.resync(2);
    assert_never_saw(&clinic.devices[2], &core("north", "p1"), "CANARY-p1");
    assert_eq!(clinic.relay.grants().unwrap(), []);
}
