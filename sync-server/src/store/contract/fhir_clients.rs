//! Clients of the FHIR API, their tokens and devices.

use super::*;
use crate::accounts::TokenHash;
use crate::store::{FhirClientRecord, FhirTokenRecord, Scope};

fn client(id: &str) -> FhirClientRecord {
    FhirClientRecord {
        id: id.into(),
        name: "a laboratory".into(),
        practitioner: practitioner("dr-a"),
        organization: organization("north"),
        secret_hash: [9; 32],
        added_at: NOW,
        revoked_at: None,
    }
}

fn token(letter: u8, of: &str) -> FhirTokenRecord {
    let began_at = NOW.plus(letter.into());
    FhirTokenRecord { token: TokenHash([letter; 32]), client: of.into(), began_at, expires_at: began_at.plus(100) }
}

pub(super) fn clients(reopen: Reopen<'_>) {
    let mut store = reopen();
    assert!(matches!(store.add_fhir_client(&client("c1")), Err(StoreError::NotFound(_))));
    populate(store.as_mut());
    for id in ["c1", "c2"] {
        store.add_fhir_client(&client(id)).unwrap();
    }
    assert!(matches!(store.add_fhir_client(&client("c1")), Err(StoreError::Exists(_))));
    store.revoke_fhir_client("c1", NOW.plus(5)).unwrap();
    store.revoke_fhir_client("c1", NOW.plus(9)).unwrap();
    assert!(matches!(store.revoke_fhir_client("c9", NOW), Err(StoreError::NotFound(_))));
    drop(store);
    let store = reopen();
    let revoked = FhirClientRecord { revoked_at: Some(NOW.plus(5)), ..client("c1") };
    assert_eq!(store.fhir_client("c1").unwrap(), Some(revoked.clone()));
    assert_eq!(store.fhir_client("c9").unwrap(), None);
    assert_eq!(store.fhir_clients_page(&Scope::All, "", 9).unwrap(), [revoked, client("c2")]);
    assert_eq!(store.fhir_clients_page(&Scope::All, "c1", 9).unwrap(), [client("c2")]);
    assert_eq!(store.fhir_clients_page(&Scope::Of(vec![organization("south")]), "", 9).unwrap(), []);
}

pub(super) fn tokens(reopen: Reopen<'_>) {
    let mut store = reopen();
    populate(store.as_mut());
    assert!(matches!(store.add_fhir_token(&token(1, "c1"), 9, NOW), Err(StoreError::NotFound(_))));
    store.add_fhir_client(&client("c1")).unwrap();
    (1..=3).for_each(|letter| store.add_fhir_token(&token(letter, "c1"), 2, NOW).unwrap());
    let there = |store: &dyn Store| {
        (1..=4).filter(|letter| store.fhir_token(&TokenHash([*letter; 32])).unwrap().is_some()).collect::<Vec<u8>>()
    };
    assert_eq!(there(reopen().as_ref()), [2, 3], "the oldest gave way");
    assert_eq!(store.fhir_token(&TokenHash([2; 32])).unwrap(), Some(token(2, "c1")));
    store.add_fhir_token(&token(4, "c1"), 9, NOW.plus(102)).unwrap();
    assert_eq!(there(store.as_ref()), [3, 4], "one ran out");
    assert_eq!(store.sign_in(&TokenHash([4; 32])).unwrap(), None, "nor is it a sign-in");
    store.revoke_fhir_client("c1", NOW).unwrap();
    assert_eq!(there(store.as_ref()), [0_u8; 0]);
}

pub(super) fn gateways(reopen: Reopen<'_>) {
    let mut store = reopen();
    populate(store.as_mut());
    store.add_fhir_client(&client("c1")).unwrap();
    let device = device("gateway");
    store.add_fhir_gateway("c1", &device).unwrap();
    assert!(matches!(store.add_fhir_gateway("c1", &device), Err(StoreError::Exists(_))));
    drop(store);
    let store = reopen();
    assert_eq!(store.fhir_gateways("c1").unwrap(), [device.id()]);
    assert_eq!(store.fhir_gateways("c2").unwrap(), []);
    assert_eq!(store.device_by_key(&device.key()).unwrap(), Some(device.clone()));
    assert_eq!(store.certificate(&device.certificate.author()).unwrap(), Some(device.certificate));
}
