//! People, access facts, enrolment and devices.

use std::collections::HashSet;

use roaring::RoaringBitmap;

use super::*;
use crate::access::{Affiliation, Grant, Grantee};
use crate::store::Holdings;

pub(super) fn exists<T: std::fmt::Debug>(outcome: &Result<T, StoreError>, what: &str) {
    assert!(matches!(outcome, Err(StoreError::Exists(found)) if *found == what), "{outcome:?}");
}

pub(super) fn not_found<T: std::fmt::Debug>(outcome: &Result<T, StoreError>) {
    assert!(matches!(outcome, Err(StoreError::NotFound(_))), "{outcome:?}");
}

fn affiliation(partner: &str) -> Affiliation {
    let compartments = vec![Compartment::Core];
    Affiliation {
        organization: organization("north"),
        partner: organization(partner),
        compartments,
        may_write: false,
        patients: Default::default(),
    }
}

fn grant(id: &str, at: &str) -> Grant {
    Grant {
        id: id.into(),
        organization: organization(at),
        patient: PatientId::new("p1").unwrap(),
        grantee: Grantee::Practitioner(practitioner("dr-a")),
        compartments: vec![Compartment::Core, Compartment::Sensitive],
        may_write: true,
        expires_at: NOW,
    }
}

pub(super) fn added_once(reopen: Reopen<'_>) {
    let mut store = reopen();
    populate(store.as_mut());
    let again = store.organizations().unwrap().remove(0);
    exists(&store.add_organization(&again), "organization");
    exists(
        &store.add_practitioner(&PractitionerRecord { id: practitioner("dr-a"), name: "x".into(), organization: None }),
        "practitioner",
    );
    drop(store);
    let store = reopen();
    let organizations = store.organizations().unwrap();
    let names: Vec<_> = organizations.iter().map(|o| (o.id.as_str(), o.name.as_str())).collect();
    assert_eq!(names, [("north", "NORTH"), ("south", "SOUTH")]);
    assert_eq!(organizations[0].key.seed(), random::<32>("north"));
    assert_eq!(store.organization_key(&organizations[1].id).unwrap(), Some(organizations[1].key.public()));
    assert_eq!(store.organization_key(&organization("nowhere")).unwrap(), None);
    assert_eq!(store.practitioners().unwrap()[0].name, "Dr A");
}

pub(super) fn missing(reopen: Reopen<'_>) {
    let mut store = reopen();
    not_found(&store.put_role(&role(Role::Nurse)));
    not_found(&store.put_affiliation(&affiliation("south")));
    not_found(&store.add_grant(&grant("g", "north")));
    not_found(&store.add_enrolment_code(&code(1)));
    populate(store.as_mut());
    not_found(&store.remove_role(&role(Role::Nurse)));
    not_found(&store.remove_affiliation(&organization("north"), &organization("south")));
    not_found(&store.set_grant_expiry("g", NOW));
    not_found(&store.enroll(&[1; 32], &device("tablet")));
    not_found(&store.revoke_device(&DeviceId([1; 16]), NOW));
    not_found(&store.device_seen(&DeviceId([1; 16]), NOW));
    not_found(&store.holdings(&DeviceId([1; 16])));
    not_found(&store.set_holdings(&DeviceId([1; 16]), &Holdings::default()));
    not_found(&store.document_by_number(1));
    assert_eq!(store.enrolment_code(&[1; 32]).unwrap(), None);
    assert_eq!(store.certificate(&AUTHOR).unwrap(), None);
}

pub(super) fn facts(reopen: Reopen<'_>) {
    let mut store = reopen();
    populate(store.as_mut());
    store.put_role(&role(Role::Nurse)).unwrap();
    let closed = PractitionerRole { sensitive: Vec::new(), ..role(Role::Nurse) };
    store.put_role(&closed).unwrap();
    store.put_role(&role(Role::Physician)).unwrap();
    store.put_affiliation(&affiliation("south")).unwrap();
    let writing = Affiliation { may_write: true, ..affiliation("south") };
    store.put_affiliation(&writing).unwrap();
    store.add_grant(&grant("g1", "north")).unwrap();
    exists(&store.add_grant(&grant("g1", "south")), "grant");
    store.set_grant_expiry("g1", NOW.plus(5)).unwrap();
    drop(store);
    let mut store = reopen();
    assert_eq!(store.roles().unwrap(), [closed, role(Role::Physician)]);
    assert_eq!(store.affiliations().unwrap(), std::slice::from_ref(&writing));
    assert_eq!(store.grants().unwrap(), [Grant { expires_at: NOW.plus(5), ..grant("g1", "north") }]);
    let facts = store.facts().unwrap();
    assert_eq!((facts.roles, facts.affiliations, facts.grants.len()), (store.roles().unwrap(), vec![writing], 1));
    store.remove_role(&role(Role::Nurse)).unwrap();
    store.remove_affiliation(&organization("north"), &organization("south")).unwrap();
    assert_eq!(store.roles().unwrap(), [role(Role::Physician)]);
    assert_eq!(store.affiliations().unwrap(), []);
}

pub(super) fn codes(reopen: Reopen<'_>) {
    let mut store = reopen();
    populate(store.as_mut());
    store.add_enrolment_code(&code(1)).unwrap();
    exists(&store.add_enrolment_code(&code(1)), "enrolment code");
    assert_eq!(store.enrolment_code(&[1; 32]).unwrap(), Some(code(1)));
    store.enroll(&[1; 32], &device("tablet")).unwrap();
    drop(store);
    let mut store = reopen();
    let used = EnrolmentCode { used_by: Some(device("tablet").id()), ..code(1) };
    assert_eq!(store.enrolment_code(&[1; 32]).unwrap(), Some(used));
    not_found(&store.enroll(&[1; 32], &device("phone")));
    assert_eq!(store.devices().unwrap().len(), 1);
    // A key that is there already leaves a good code unused once the caller gives up its transaction.
    store.add_enrolment_code(&code(2)).unwrap();
    store.begin().unwrap();
    exists(&store.enroll(&[2; 32], &device("tablet")), "device");
    store.rollback();
    assert_eq!(store.enrolment_code(&[2; 32]).unwrap(), Some(code(2)));
}

pub(super) fn devices(reopen: Reopen<'_>) {
    let mut store = reopen();
    populate(store.as_mut());
    for (letter, name) in [(1, "tablet"), (2, "phone")] {
        store.add_enrolment_code(&code(letter)).unwrap();
        store.enroll(&[letter; 32], &device(name)).unwrap();
    }
    let tablet = device("tablet");
    store.device_seen(&tablet.id(), NOW.plus(1)).unwrap();
    store.revoke_device(&tablet.id(), NOW.plus(2)).unwrap();
    store.revoke_device(&tablet.id(), NOW.plus(3)).unwrap();
    drop(store);
    let mut store = reopen();
    let expected = DeviceRecord { last_seen: Some(NOW.plus(1)), revoked_at: Some(NOW.plus(2)), ..tablet.clone() };
    assert_eq!(store.device_by_key(&tablet.key()).unwrap(), Some(expected));
    assert_eq!(store.device_by_key(&SecretKey::from_seed([9; 32]).public()).unwrap(), None);
    let names: HashSet<_> = store.devices().unwrap().into_iter().map(|device| device.name).collect();
    assert_eq!(names, HashSet::from(["tablet".into(), "phone".into()]));
    // An author's certificate stays as it was first.
    let author = tablet.certificate.author();
    let mut other = tablet.certificate.clone();
    other.body.not_after = NOW.plus(9_999);
    store.put_certificate(&other).unwrap();
    assert_eq!(store.certificate(&author).unwrap(), Some(tablet.certificate));
}

pub(super) fn holdings(reopen: Reopen<'_>) {
    let mut store = reopen();
    populate(store.as_mut());
    for (letter, name) in [(1, "tablet"), (2, "phone")] {
        store.add_enrolment_code(&code(letter)).unwrap();
        store.enroll(&[letter; 32], &device(name)).unwrap();
    }
    let [tablet, phone] = ["tablet", "phone"].map(|name| device(name).id());
    assert_eq!(store.holdings(&tablet).unwrap(), Holdings::default());
    let set = |numbers: &[u32]| numbers.iter().copied().collect::<RoaringBitmap>();
    let holdings = Holdings {
        held: set(&[1, 70_000, u32::MAX]),
        given: (0..100_000).collect(),
        gone: set(&[5]),
        withdrawals: 7,
        marked: [(1, NOW), (u32::MAX, NOW.plus(1))].into(),
    };
    store.set_holdings(&tablet, &holdings).unwrap();
    drop(store);
    let store = reopen();
    assert_eq!(store.holdings(&tablet).unwrap(), holdings);
    assert_eq!(store.holdings(&phone).unwrap(), Holdings::default());
}
