//! Trails of devices: kept as they were signed, continued where they end, and never overwritten.

use sync_protocol::frame::{Frame, Trail, TrailBody, TrailEntry, encode};
use sync_protocol::identity::SecretKey;
use sync_protocol::{RelayId, TrailHash};

use super::device::bytes_of;
use super::*;
use crate::store::AlertKind;

const ZERO: TrailHash = TrailHash([0; 32]);

fn entry(action: &str) -> TrailEntry {
    TrailEntry {
        at: UnixMillis(5),
        action: action.into(),
        organization: Some(organization("north")),
        patient: Some(patient("p1")),
        documents: Vec::new(),
        reason: String::new(),
        purpose: String::new(),
        break_glass: false,
    }
}

fn body(actions: &[&str]) -> TrailBody {
    TrailBody { entries: actions.iter().map(|action| entry(action)).collect() }
}

/// The hash after these entries.
fn after(actions: &[&str]) -> TrailHash {
    body(actions).chain(1, ZERO).last().map_or(ZERO, |(_, hash)| hash)
}

/// Sends the entries after the first `known`; gives the relay's answer.
fn send(clinic: &mut Clinic, device: usize, known: usize, actions: &[&str]) -> Option<u64> {
    let before = after(&actions[..known]);
    let session = clinic.devices[device].session.as_ref().unwrap();
    let bytes = bytes_of(session.trail(known as u64 + 1, before, &body(&actions[known..])).unwrap());
    let answers = clinic.devices[device].trail_kept.len();
    clinic.send_raw(device, &bytes);
    clinic.devices[device].trail_kept.get(answers).copied()
}

fn kept(clinic: &mut Clinic, device: usize) -> Vec<(u32, u64, String)> {
    let id = clinic.device_id(device);
    let found = clinic.admin(|relay, now| relay.disclosures(&organization("north"), &patient("p1"), now)).unwrap();
    let mut kept: Vec<_> = found.recorded.into_iter().filter(|read| read.device == id).collect();
    kept.sort_by_key(|read| (read.branch, read.seq));
    kept.into_iter().map(|read| (read.branch, read.seq, read.entry.action)).collect()
}

#[test]
fn a_trail_is_kept_once_and_anchored_in_the_relays_own() {
    let mut clinic = Clinic::of_two();
    assert_eq!(send(&mut clinic, 0, 0, &["unlock", "read"]), Some(2));
    assert_eq!(send(&mut clinic, 0, 0, &["unlock", "read"]), Some(2), "again");
    assert_eq!(send(&mut clinic, 0, 1, &["unlock", "read", "export"]), Some(3), "overlapping");
    clinic.restart();
    clinic.sync(0);
    assert_eq!(send(&mut clinic, 0, 3, &["unlock", "read", "export", "read"]), Some(4));
    let whole = [(0, 1, "unlock"), (0, 2, "read"), (0, 3, "export"), (0, 4, "read")];
    assert_eq!(kept(&mut clinic, 0), whole.map(|(branch, seq, action)| (branch, seq, action.to_owned())));
    let anchors = clinic.audited("trail");
    assert_eq!(anchors.len(), 3);
    assert!(anchors[1].detail.contains(&after(&["unlock", "read", "export"]).to_string()));
    assert_eq!(clinic.alerts_of("north"), []);
}

#[test]
fn a_gap_is_not_kept_and_the_device_is_told_where_to_go_on() {
    let mut clinic = Clinic::of_two();
    let all = ["a", "b", "c", "d"];
    assert_eq!(send(&mut clinic, 0, 2, &all), Some(0));
    assert_eq!(send(&mut clinic, 0, 0, &all[..1]), Some(1));
    assert_eq!(send(&mut clinic, 0, 3, &all), Some(1));
    assert_eq!(send(&mut clinic, 0, 1, &all), Some(4));
    assert_eq!(kept(&mut clinic, 0).len(), 4);
}

#[test]
fn a_restored_relay_asks_for_what_it_lost() {
    let mut clinic = Clinic::of_two();
    send(&mut clinic, 0, 0, &["a"]);
    let copy = clinic.backup();
    send(&mut clinic, 0, 1, &["a", "b"]);
    clinic.restore(&copy);
    clinic.sync(0);
    assert_eq!(send(&mut clinic, 0, 2, &["a", "b", "c"]), Some(1));
    assert_eq!(send(&mut clinic, 0, 1, &["a", "b", "c"]), Some(3));
    assert_eq!(clinic.alerts_of("north"), []);
}

#[test]
fn a_trail_that_does_not_continue_is_kept_beside_and_alerts() {
    let mut clinic = Clinic::of_two();
    send(&mut clinic, 0, 0, &["a", "b", "c"]);
    // Set back to after "a", it writes on differently.
    assert_eq!(send(&mut clinic, 0, 1, &["a", "x", "y"]), Some(3));
    assert_eq!(send(&mut clinic, 0, 3, &["a", "x", "y", "z"]), Some(4));
    let text =
        |kept: Vec<(u32, u64, String)>| kept.into_iter().map(|(b, s, a)| format!("{b}{s}{a}")).collect::<Vec<_>>();
    assert_eq!(text(kept(&mut clinic, 0)), ["01a", "02b", "03c", "12x", "13y", "14z"]);
    let alerts = clinic.alerts_of("north");
    assert_eq!(alerts.iter().map(|alert| (alert.kind, alert.count)).collect::<Vec<_>>(), [(AlertKind::TrailFork, 1)]);
    assert_eq!((clinic.audited("trail-fork").len(), clinic.alerts_of("south").len()), (1, 0));
    // A history that has nothing in common with what is known is kept too, from where it begins.
    assert_eq!(send(&mut clinic, 0, 2, &["q", "r", "s"]), Some(3));
    assert_eq!(clinic.audited("trail-fork").len(), 2);
}

#[test]
fn a_device_can_report_for_itself_only() {
    let mut clinic = Clinic::of_two();
    let other = clinic.devices[1].secret.clone();
    let forged = |relay: RelayId, secret: &SecretKey, first, previous| {
        encode(&Frame::Trail(Trail::sign(secret, &relay, first, previous, &body(&["read"]))))
    };
    let own = clinic.devices[0].secret.clone();
    let relay = clinic.relay.id();
    for bad in [
        forged(relay, &other, 1, ZERO),
        forged(RelayId([9; 16]), &own, 1, ZERO),
        forged(relay, &own, 0, ZERO),
        forged(relay, &own, 1, TrailHash([1; 32])),
        forged(relay, &own, 1 << 60, TrailHash([1; 32])),
    ] {
        clinic.send_raw(0, &bad);
        assert!(clinic.devices[0].closed.is_some());
        clinic.resync(0);
    }
    assert_eq!((kept(&mut clinic, 0), kept(&mut clinic, 1)), (Vec::new(), Vec::new()));
    assert_eq!(clinic.metrics.rollbacks.get(), 0, "nobody else is disturbed");
}

#[test]
fn branches_of_one_device_are_bounded() {
    let mut clinic = Clinic::of_two();
    let mut kept = 0;
    for n in 0..70 {
        if clinic.devices[0].connection.is_none() {
            clinic.sync(0);
        }
        let actions = [format!("branch-{n}")];
        kept += usize::from(send(&mut clinic, 0, 0, &[actions[0].as_str()]).is_some());
    }
    assert_eq!(kept, 64);
}
