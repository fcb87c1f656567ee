//! Accounts, sign-ins, and lists in pages.

use super::*;
use crate::access::{Grant, Grantee};
use crate::accounts::TokenHash;
use crate::store::{AccountRecord, CustodyEntry, NewAuditRow, Scope, SignInRecord};

fn account(password_hash: &str, set_at: i64) -> AccountRecord {
    AccountRecord {
        practitioner: practitioner("dr-a"),
        password_hash: password_hash.into(),
        one_time_until: Some(NOW.plus(5)),
        added_at: NOW,
        set_at: NOW.plus(set_at),
    }
}

fn sign_in(letter: u8, of: Option<&str>) -> SignInRecord {
    SignInRecord {
        token: TokenHash([letter; 32]),
        practitioner: of.map(practitioner),
        only_password: letter == 1,
        began_at: NOW.plus(letter.into()),
        expires_at: NOW.plus(100 + i64::from(letter)),
    }
}

pub(super) fn accounts(reopen: Reopen<'_>) {
    let mut store = reopen();
    assert!(matches!(store.put_account(&account("h", 0)), Err(StoreError::NotFound(_))));
    populate(store.as_mut());
    store.put_account(&account("first", 0)).unwrap();
    let own = AccountRecord { one_time_until: None, added_at: NOW.plus(99), ..account("second", 7) };
    store.put_account(&own).unwrap();
    drop(store);
    let mut store = reopen();
    let expected = AccountRecord { added_at: NOW, ..own };
    assert_eq!(store.account(&practitioner("dr-a")).unwrap(), Some(expected.clone()));
    assert_eq!(store.accounts().unwrap(), [expected]);
    assert_eq!(store.account(&practitioner("dr-b")).unwrap(), None);
    store.remove_account(&practitioner("dr-a")).unwrap();
    assert!(matches!(store.remove_account(&practitioner("dr-a")), Err(StoreError::NotFound("account"))));
    assert_eq!(store.accounts().unwrap(), []);
}

pub(super) fn sign_ins(reopen: Reopen<'_>) {
    let mut store = reopen();
    populate(store.as_mut());
    assert!(matches!(store.add_sign_in(&sign_in(1, Some("dr-a")), 9), Err(StoreError::NotFound(_))));
    store.put_account(&account("h", 0)).unwrap();
    (1..=3).for_each(|letter| store.add_sign_in(&sign_in(letter, Some("dr-a")), 2).unwrap());
    (4..=5).for_each(|letter| store.add_sign_in(&sign_in(letter, None), 9).unwrap());
    drop(store);
    let mut store = reopen();
    let there = |store: &dyn Store| {
        (1..=5).filter(|letter| store.sign_in(&TokenHash([*letter; 32])).unwrap().is_some()).collect::<Vec<u8>>()
    };
    assert_eq!(there(store.as_ref()), [2, 3, 4, 5], "the oldest of the account gave way");
    assert_eq!(store.sign_in(&TokenHash([2; 32])).unwrap(), Some(sign_in(2, Some("dr-a"))));
    assert_eq!(store.sign_ins_of(Some(&practitioner("dr-a")), NOW.plus(102)).unwrap(), 1);
    assert_eq!(store.sign_ins_of(None, NOW).unwrap(), 2);
    store.end_sign_in(&TokenHash([4; 32])).unwrap();
    store.forget_sign_ins(NOW.plus(102)).unwrap();
    assert_eq!(there(store.as_ref()), [3, 5]);
    store.end_sign_ins_of(None).unwrap();
    assert_eq!(there(store.as_ref()), [3]);
    store.remove_account(&practitioner("dr-a")).unwrap();
    assert_eq!(there(store.as_ref()), [] as [u8; 0], "they end with the account");
}

pub(super) fn pages(reopen: Reopen<'_>) {
    let mut store = reopen();
    populate(store.as_mut());
    for (id, at) in [("a", "north"), ("b", "south"), ("c", "north")] {
        fill(store.as_mut(), id, at);
    }
    let north = Scope::Of(vec![organization("north")]);
    let hostile = Scope::Of(vec![organization("x")]);
    let both = Scope::Of(vec![organization("north"), organization("south")]);
    for (scope, expected) in [(&Scope::All, 3), (&both, 3), (&north, 2), (&hostile, 0)] {
        let grants = store.grants_page(scope, "", 10).unwrap();
        let custody = store.custody_page(scope, 0, 10).unwrap();
        let audit = store.audit_page(scope, 0, 10).unwrap();
        assert_eq!((grants.len(), custody.len(), audit.len()), (expected, expected, expected), "{scope:?}");
    }
    let ids = |after: &str, limit| {
        store.grants_page(&north, after, limit).unwrap().into_iter().map(|grant| grant.id).collect::<Vec<_>>()
    };
    assert_eq!((ids("", 1), ids("a", 1), ids("c", 1)), (vec!["a".into()], vec!["c".into()], Vec::<String>::new()));
    let first = store.custody_page(&north, 0, 1).unwrap().remove(0).id;
    assert_eq!(store.custody_page(&north, first, 10).unwrap().len(), 1);
    assert_eq!(store.audit_page(&north, 1, 10).unwrap()[0].seq, 3);
    assert_eq!(store.grant("b").unwrap().organization, organization("south"));
    assert!(matches!(store.grant("z"), Err(StoreError::NotFound("grant"))));
}

fn fill(store: &mut dyn Store, id: &str, at: &str) {
    let grant = Grant {
        id: id.into(),
        organization: organization(at),
        patient: PatientId::new("p1").unwrap(),
        grantee: Grantee::Practitioner(practitioner("dr-a")),
        compartments: vec![Compartment::Core],
        may_write: false,
        expires_at: NOW,
    };
    store.add_grant(&grant).unwrap();
    let entry = CustodyEntry {
        descriptor: DocumentDescriptor { organization: organization(at), ..core("p1") },
        hash: hash(id, 1),
        payload: vec![1],
        signature: None,
        device: DeviceId([1; 16]),
        practitioner: practitioner("dr-a"),
        // Whose author it is does not count, but whose chart.
        organization: organization("elsewhere"),
        reason: sync_protocol::frame::CustodyReason::NotPermitted,
        received_at: NOW,
    };
    store.put_custody(&entry).unwrap();
    let detail = serde_json::json!({});
    let row = NewAuditRow {
        at: NOW,
        action: "x",
        device: None,
        practitioner: None,
        organization: Some(organization(at)),
        detail,
    };
    store.append_audit(&row).unwrap();
}

pub(super) fn devices_in_pages(reopen: Reopen<'_>) {
    let mut store = reopen();
    populate(store.as_mut());
    for (letter, name) in [(1, "tablet"), (2, "phone"), (3, "laptop")] {
        store.add_enrolment_code(&code(letter)).unwrap();
        store.enroll(&[letter; 32], &device(name)).unwrap();
    }
    let north = Scope::Of(vec![organization("north")]);
    let all: Vec<_> = store.devices_page(&north, None, 10).unwrap().iter().map(DeviceRecord::id).collect();
    assert!(all.len() == 3 && all.is_sorted());
    let rest: Vec<_> = store.devices_page(&Scope::All, Some(all[0]), 1).unwrap().iter().map(DeviceRecord::id).collect();
    assert_eq!(rest, all[1..2]);
    assert_eq!(store.devices_page(&Scope::Of(vec![organization("south")]), None, 10).unwrap(), []);
    assert_eq!(store.device(&all[2]).unwrap().id(), all[2]);
    assert!(matches!(store.device(&DeviceId([0; 16])), Err(StoreError::NotFound("device"))));
}

pub(super) fn whose(reopen: Reopen<'_>) {
    let mut store = reopen();
    populate(store.as_mut());
    let own =
        PractitionerRecord { id: practitioner("dr-b"), name: "B".into(), organization: Some(organization("south")) };
    store.add_practitioner(&own).unwrap();
    let nowhere = PractitionerRecord { id: practitioner("dr-c"), organization: Some(organization("x")), ..own.clone() };
    assert!(matches!(store.add_practitioner(&nowhere), Err(StoreError::NotFound(_))));
    assert_eq!(store.practitioner(&practitioner("dr-b")).unwrap(), own);
    assert_eq!(store.practitioner(&practitioner("dr-a")).unwrap().organization, None);
    assert!(matches!(store.practitioner(&practitioner("dr-c")), Err(StoreError::NotFound("practitioner"))));
    store.put_role(&role(Role::Nurse)).unwrap();
    assert_eq!(store.roles_of(&practitioner("dr-a")).unwrap(), [role(Role::Nurse)]);
    assert_eq!(store.roles_of(&practitioner("dr-b")).unwrap(), []);
}
