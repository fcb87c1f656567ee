//! Floods of tries to enrol.

use sync_protocol::frame::GoodbyeReason;

use super::*;
use crate::accounts::Origin;

impl Clinic {
    /// A new device tries a code from somewhere; what it is told, nothing if it was enrolled.
    fn tries(&mut self, code: &str, from: Origin) -> Option<(GoodbyeReason, String)> {
        let device = self.device("dr-a", "north");
        let id = self.relay.connected_from(from);
        let hello = self.devices[device].open(id, Intent::Enroll { code: code.into(), device_name: "Tablet".into() });
        self.relay.received(id, &hello, self.now);
        self.run();
        if self.devices[device].enrolled {
            None
        } else {
            self.devices[device].closed.clone().map(|(_, reason, detail)| (reason, detail))
        }
    }
}

fn from(last: u8) -> Origin {
    Origin::from(std::net::IpAddr::from([10, 0, 0, last]))
}

fn clinic() -> Clinic {
    let mut clinic = Clinic::new(6);
    clinic.organization("north");
    clinic.role("dr-a", "north", Role::Physician, &[]);
    clinic
}

fn too_many(told: Option<(GoodbyeReason, String)>) -> Option<String> {
    let (reason, detail) = told?;
    assert_eq!(reason, GoodbyeReason::EnrolmentRefused);
    detail.starts_with("too many attempts, try again in ").then_some(detail)
}

#[test]
fn who_tries_codes_must_wait_longer_each_time_and_others_need_not() {
    let mut clinic = clinic();
    for number in 0..10 {
        assert_eq!(too_many(clinic.tries("AAAA-AAAA-AAAA-AAAA", from(1))), None, "try {number}");
    }
    let good = clinic.code("dr-a", "north");
    assert_eq!(too_many(clinic.tries(&good, from(1))).unwrap(), "too many attempts, try again in 5 s");
    assert_eq!(clinic.tries(&good, from(2)), None, "the code was not used up");
    clinic.wait(5_000);
    assert_eq!(too_many(clinic.tries("AAAA-AAAA-AAAA-AAAA", from(1))), None);
    assert_eq!(too_many(clinic.tries("x", from(1))).unwrap(), "too many attempts, try again in 10 s");
    clinic.wait(10_000);
    let second = clinic.code("dr-a", "north");
    assert_eq!(clinic.tries(&second, from(1)), None, "after waiting, a good code is good");
}

#[test]
fn good_codes_from_one_address_are_no_failures() {
    let mut clinic = clinic();
    for number in 0..30 {
        let code = clinic.code("dr-a", "north");
        assert_eq!(clinic.tries(&code, from(1)), None, "device {number}");
    }
}

#[test]
fn a_flood_from_everywhere_is_bounded_and_so_is_what_it_writes() {
    let mut clinic = clinic();
    let good = clinic.code("dr-a", "north");
    let before = clinic.relay.verify_audit().unwrap().0;
    let mut looked_at = 0;
    for number in 0..500_u16 {
        let [a, b] = number.to_be_bytes();
        let origin = Origin::from(std::net::IpAddr::from([10, 1, a, b]));
        looked_at += usize::from(too_many(clinic.tries("AAAA-AAAA-AAAA-AAAA", origin)).is_none());
    }
    assert_eq!(looked_at, 300);
    assert!(clinic.relay.verify_audit().unwrap().0 - before <= 60, "audit rows");
    assert!(too_many(clinic.tries(&good, from(1))).is_some(), "for a minute at most");
    clinic.wait(60_000);
    assert_eq!(clinic.tries(&good, from(1)), None);
}

#[test]
fn where_a_refused_try_came_from_is_on_record() {
    let mut clinic = clinic();
    clinic.tries("AAAA-AAAA-AAAA-AAAA", from(7));
    let rows = clinic.relay.audit_after(0, 100).unwrap();
    let row = rows.iter().find(|row| row.action == "refuse-connection").unwrap();
    assert!(row.detail.contains("\"from\":\"10.0.0.7\""), "{}", row.detail);
}
