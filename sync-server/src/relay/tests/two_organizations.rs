//! One practitioner who works for two organizations on one tablet: a profile, a key and a certificate for each.

use sync_protocol::frame::{Answer, CustodyReason, Resume};

use super::*;

const CHARTS: [&str; 2] = ["north", "south"];

/// `dr-x` is a physician at both; devices 3 and 4 are the profiles for north and south. Each organization has one chart.
fn tablet() -> (Clinic, [usize; 2]) {
    let mut clinic = Clinic::of_two();
    let profiles = CHARTS.map(|at| {
        clinic.role("dr-x", at, Role::Physician, &["PSY"]);
        clinic.enrolled("dr-x", at)
    });
    for (writer, at) in [(0, "north"), (2, "south")] {
        clinic.write(writer, &core(at, "p1"), "content");
        clinic.write(writer, &document(at, "", Compartment::Directory, ""), "names");
    }
    profiles.iter().for_each(|profile| clinic.sync(*profile));
    (clinic, profiles)
}

#[test]
fn each_profile_holds_the_charts_of_its_own_organization_only() {
    let (clinic, profiles) = tablet();
    for (profile, at) in profiles.into_iter().zip(CHARTS) {
        let held = clinic.devices[profile].disk.documents.values();
        let organizations: Vec<_> = held.map(|held| held.descriptor.organization.as_str()).collect();
        assert_eq!(organizations, [at, at]);
    }
}

#[test]
fn a_profile_writes_for_its_own_organization_only() {
    let (mut clinic, [north, south]) = tablet();
    let refused = [Answer::Custody(CustodyReason::NotPermitted)];
    assert_eq!(clinic.write(north, &core("south", "p1"), "by the wrong hat"), refused);
    assert_eq!(clinic.write(south, &core("north", "p1"), "by the wrong hat"), refused);
    assert_eq!(clinic.write(south, &core("south", "p1"), "by the right one"), [Answer::Accepted]);
}

#[test]
fn a_cursor_of_one_profile_is_worth_nothing_to_the_other() {
    let (mut clinic, [north, south]) = tablet();
    clinic.write(0, &core("north", "p2"), "later");
    clinic.cut(south);
    let borrowed = clinic.devices[north].disk.cursor.clone();
    clinic.devices[south].resumed.clear();
    let resume = Resume { cursor: borrowed, ..clinic.devices[south].resume() };
    clinic.connect(south, Intent::Sync(resume));
    clinic.run();
    assert!(clinic.devices[south].resumed[0].compare, "the cursor was taken for its own");
    assert!(!clinic.devices[south].holds(&core("north", "p1")) && !clinic.devices[south].holds(&core("north", "p2")));
    assert!(clinic.devices[south].agrees());
}

#[test]
fn losing_one_role_takes_one_profile_only() {
    let (mut clinic, [north, south]) = tablet();
    clinic.no_role("dr-x", "north", Role::Physician);
    assert!(clinic.devices[north].disk.documents.is_empty());
    assert!(clinic.devices[south].holds(&core("south", "p1")));
}

#[test]
fn a_revoked_profile_leaves_the_other_connected() {
    let (mut clinic, [north, south]) = tablet();
    let revoked = DeviceId::of_key(&clinic.devices[north].secret.public());
    clinic.admin(|relay, now| relay.revoke_device(&revoked, now)).unwrap();
    assert!(clinic.devices[north].connection.is_none());
    assert_eq!(clinic.write(south, &core("south", "p1"), "goes on"), [Answer::Accepted]);
}
