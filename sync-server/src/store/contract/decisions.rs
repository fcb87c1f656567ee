//! Decisions on custody, and alerts.

use serde_json::json;
use sync_protocol::frame::{ChangeName, CustodyReason, Decision};

use super::*;
use crate::store::{AlertKind, AlertsAfter, CustodyEntry, CustodyState, NewAlert, NewDecision};

pub(super) const CASES: [(&str, Case); 3] = [
    ("a decision is kept, and told until it is known", decided),
    ("signatures of what is in custody are all kept", signatures),
    ("an alert is counted until it is seen", alerts),
];

fn entry(seq: u64) -> CustodyEntry {
    CustodyEntry {
        descriptor: core("p1"),
        hash: hash("p1", seq),
        payload: vec![seq as u8; 10],
        signature: None,
        device: DeviceId([4; 16]),
        practitioner: practitioner("dr-x"),
        organization: organization("elsewhere"),
        reason: CustodyReason::NotPermitted,
        received_at: NOW,
    }
}

fn name(seq: u64) -> ChangeName {
    ChangeName { document: core("p1").id(), hash: hash("p1", seq) }
}

fn decided(reopen: Reopen<'_>) {
    let mut store = reopen();
    let (tablet, phone) = (DeviceId([4; 16]), DeviceId([5; 16]));
    for seq in 1..=3 {
        store.put_custody(&entry(seq)).unwrap();
        store.add_notice(&tablet, &name(seq)).unwrap();
    }
    store.add_notice(&phone, &name(1)).unwrap();
    assert_eq!(store.held_in_custody(&tablet, UnixMillis(0)).unwrap(), (3, 30));
    assert_eq!(store.notices(&tablet, 10).unwrap(), []);
    let officer = Some((practitioner("po"), organization("north")));
    let decision = |accepted| NewDecision { accepted, officer: officer.clone(), reason: "why".into(), at: NOW };
    store.decide_custody(&name(1), &decision(true)).unwrap();
    store.decide_custody(&name(2), &decision(false)).unwrap();
    assert!(matches!(store.decide_custody(&name(9), &decision(true)), Err(StoreError::NotFound(_))));
    // Not known before it was decided.
    store.notice_known(&tablet, &name(3)).unwrap();
    drop(store);
    let mut store = reopen();
    assert_eq!(store.held_in_custody(&tablet, UnixMillis(0)).unwrap(), (1, 10));
    assert_eq!(store.waiting_for_signature(&phone).unwrap(), [core("p1").id()]);
    let returned = Decision { change: name(2), accepted: false, reason: "why".into() };
    assert_eq!(
        store.notices(&tablet, 10).unwrap(),
        std::slice::from_ref(&returned),
        "what waits for a signature is not told"
    );
    store.custody_in_log(&name(1)).unwrap();
    let accepted = Decision { change: name(1), accepted: true, reason: "why".into() };
    assert_eq!(store.notices(&tablet, 10).unwrap(), [accepted.clone(), returned.clone()]);
    assert_eq!(store.notices(&phone, 10).unwrap(), std::slice::from_ref(&accepted));
    assert_eq!(store.notices(&tablet, 1).unwrap(), [accepted]);
    assert_eq!(store.waiting_for_signature(&phone).unwrap(), []);
    store.notice_known(&tablet, &name(1)).unwrap();
    assert_eq!(store.notices(&tablet, 10).unwrap(), [returned]);
    // Sent again: told again.
    store.add_notice(&tablet, &name(1)).unwrap();
    assert_eq!(store.notices(&tablet, 10).unwrap().len(), 2);
    assert_eq!(store.devices_to_tell(&name(1)).unwrap(), [tablet, phone]);
    assert!(store.has_notice(&phone, &name(1)).unwrap() && !store.has_notice(&phone, &name(2)).unwrap());
    let states: Vec<_> = store.custody_of(&core("p1").id()).unwrap().into_iter().map(|case| case.state).collect();
    assert_eq!(states, [CustodyState::Accepted, CustodyState::Returned, CustodyState::Undecided]);
    assert_eq!(store.custody_states(&core("p1").id()).unwrap().len(), 3);
    let case = store.custody_case(2).unwrap();
    assert_eq!((case.entry, case.officer), (entry(2), officer));
    assert!(store.custody_case(1).unwrap().entry.payload.is_empty(), "it is in the log");
    assert!(matches!(store.custody_case(9), Err(StoreError::NotFound(_))));
}

fn signatures(reopen: Reopen<'_>) {
    let mut store = reopen();
    let of = |seq| signature("p1", seq).signature;
    for seq in [1, 3, 3] {
        store.put_custody_signature(&core("p1").id(), &of(seq)).unwrap();
    }
    store.put_custody_signature(&core("p2").id(), &of(2)).unwrap();
    drop(store);
    let mut kept = reopen().custody_signatures(&core("p1").id()).unwrap();
    kept.sort_by_key(|signature| signature.tip != hash("p1", 1));
    assert_eq!(kept, [of(1), of(3)]);
}

fn alerts(reopen: Reopen<'_>) {
    let mut store = reopen();
    let alert = |at: &str, about: &str, later| NewAlert {
        organization: organization(at),
        kind: AlertKind::Custody,
        about: about.into(),
        at: NOW.plus(later),
        device: Some(DeviceId([4; 16])),
        practitioner: Some(practitioner("dr-x")),
        detail: json!({ "later": later }),
    };
    for (at, about, later) in [("north", "a", 0), ("south", "a", 0), ("north", "a", 5), ("north", "b", 1)] {
        store.raise_alert(&alert(at, about, later)).unwrap();
    }
    drop(store);
    let mut store = reopen();
    let all = AlertsAfter { limit: 10, ..AlertsAfter::default() };
    let of_north = [organization("north")];
    let shown = store.alerts(Some(&of_north), all).unwrap();
    let counts: Vec<_> = shown.iter().map(|a| (a.count, a.first_at, a.last_at, a.detail.as_str())).collect();
    let once = (1, NOW.plus(1), NOW.plus(1), r#"{"later":1}"#);
    assert_eq!(counts, [(2, NOW, NOW.plus(5), r#"{"later":5}"#), once]);
    assert_eq!(store.alerts(None, all).unwrap().len(), 3);
    assert_eq!(store.alerts(Some(&[]), all).unwrap(), []);
    assert_eq!(store.unseen_alerts().unwrap(), 3);
    store.alert_seen(shown[0].id, "po", NOW.plus(9)).unwrap();
    store.alert_seen(shown[0].id, "another", NOW.plus(10)).unwrap();
    let seen = store.alert(shown[0].id).unwrap();
    assert_eq!((seen.seen_at, seen.seen_by.as_deref()), (Some(NOW.plus(9)), Some("po")));
    let known = |about| store.was_alerted(&organization("north"), seen.kind, about).unwrap();
    assert!(known("a") && !known("z"), "seen or not");
    // The next one is a new alert.
    store.raise_alert(&alert("north", "a", 20)).unwrap();
    let unseen = AlertsAfter { unseen: true, ..all };
    let ids = |which| store.alerts(Some(&of_north), which).unwrap().iter().map(|a| a.id).collect::<Vec<_>>();
    assert_eq!(ids(unseen).len(), 2);
    assert_eq!(ids(AlertsAfter { after: ids(all)[1], ..all }).len(), 1);
    assert!(matches!(store.alert_seen(99, "po", NOW), Err(StoreError::NotFound(_))));
}
