//! Accounts and sign-ins, with a clock of our own.

use super::*;
use crate::accounts::Origin;
use crate::relay::{Administrator, Admission};
use crate::store::StoreError;

const MINUTE: i64 = 60_000;

impl Clinic {
    /// An administrator of `north` with an account.
    fn with_account() -> Self {
        let mut clinic = Self::new(5);
        clinic.organization("north");
        clinic.role("adm", "north", Role::Administrator, &[]);
        clinic.admin(|relay, now| relay.add_account(&practitioner("adm"), "one-time".into(), now)).unwrap();
        clinic
    }

    fn signs_in(&mut self, verified: &str) -> Option<Admission> {
        let who = Administrator::Practitioner(practitioner("adm"));
        self.admin(|relay, now| relay.admit(&who, Some(verified), 15 * MINUTE, Origin::Unknown, now)).unwrap()
    }

    fn is_signed_in(&self, admission: &Admission) -> bool {
        self.relay.signed_in(&admission.token, self.now).unwrap().is_some()
    }

    fn chooses_password(&mut self, verified: &str, new: &str) -> bool {
        let new = new.to_owned();
        self.admin(|relay, now| relay.change_password(&practitioner("adm"), verified, new, now)).unwrap()
    }
}

#[test]
fn a_sign_in_ends_at_its_time_and_not_before() {
    let mut clinic = Clinic::with_account();
    let admission = clinic.signs_in("one-time").unwrap();
    assert!(admission.only_password && clinic.is_signed_in(&admission));
    clinic.wait(15 * MINUTE - 1);
    assert!(clinic.is_signed_in(&admission));
    clinic.wait(1);
    assert!(!clinic.is_signed_in(&admission));
}

#[test]
fn a_one_time_password_runs_out_and_one_that_was_chosen_does_not() {
    let mut clinic = Clinic::with_account();
    clinic.wait(72 * HOUR);
    assert!(clinic.signs_in("one-time").is_none());
    clinic.admin(|relay, now| relay.reset_password(&practitioner("adm"), "second".into(), now).map(drop)).unwrap();
    assert!(clinic.chooses_password("second", "own"));
    clinic.wait(1_000 * DAY);
    assert!(clinic.signs_in("own").is_some_and(|admission| !admission.only_password));
}

#[test]
fn a_password_that_changed_while_it_was_checked_admits_nobody() {
    let mut clinic = Clinic::with_account();
    assert!(clinic.chooses_password("one-time", "own"));
    assert!(clinic.signs_in("one-time").is_none());
    assert!(!clinic.chooses_password("one-time", "other"));
    clinic.admin(|relay, now| relay.remove_account(&practitioner("adm"), now)).unwrap();
    assert!(clinic.signs_in("own").is_none());
}

#[test]
fn what_changes_an_account_ends_its_sign_ins_and_a_restart_does_not() {
    let mut clinic = Clinic::with_account();
    let first = clinic.signs_in("one-time").unwrap();
    clinic.restart();
    assert!(clinic.is_signed_in(&first));
    clinic.chooses_password("one-time", "own");
    assert!(!clinic.is_signed_in(&first));
    let second = clinic.signs_in("own").unwrap();
    clinic.admin(|relay, now| relay.reset_password(&practitioner("adm"), "reset".into(), now).map(drop)).unwrap();
    assert!(!clinic.is_signed_in(&second));
    let third = clinic.signs_in("reset").unwrap();
    clinic.admin(|relay, now| relay.remove_account(&practitioner("adm"), now)).unwrap();
    assert!(!clinic.is_signed_in(&third));
}

#[test]
fn an_account_has_so_many_sign_ins_and_the_oldest_gives_way() {
    let mut clinic = Clinic::with_account();
    let admissions: Vec<_> = (0..20)
        .map(|_| {
            clinic.wait(1);
            clinic.signs_in("one-time").unwrap()
        })
        .collect();
    let good: Vec<_> = admissions.iter().map(|admission| clinic.is_signed_in(admission)).collect();
    assert_eq!(good.iter().filter(|good| **good).count(), 16);
    assert!(!good[3] && good[4]);
}

#[test]
fn a_flood_of_refusals_is_counted_and_not_written() {
    let mut clinic = Clinic::with_account();
    let before = clinic.relay.verify_audit().unwrap().0;
    for _ in 0..1_000 {
        let refuse =
            |relay: &mut Relay, now| relay.refused("refuse-sign-in", None, Origin::Unknown, "unknown login", now);
        clinic.admin(refuse).unwrap();
    }
    assert_eq!(clinic.relay.verify_audit().unwrap().0 - before, 60);
    clinic.wait(MINUTE);
    let refuse = |relay: &mut Relay, now| {
        relay.refused("refuse-sign-in", Some(&practitioner("adm")), Origin::Unknown, "wrong password", now)
    };
    clinic.admin(refuse).unwrap();
    let last = clinic.relay.audit_after(before + 60, 10).unwrap().remove(0);
    assert!(last.detail.contains("\"refused-before-unrecorded\":940"), "{}", last.detail);
    assert_eq!((last.practitioner.as_deref(), last.organization.as_deref()), (Some("adm"), Some("north")));
}

#[test]
fn what_is_administered_is_recorded_with_who_and_where() {
    let mut clinic = Clinic::with_account();
    let role = |who| assigned(who, "north", Role::Nurse, &[]);
    clinic
        .admin(|relay, now| {
            relay.act_as(Administrator::Practitioner(practitioner("adm")));
            relay.put_role(&role("adm"), now)
        })
        .unwrap();
    clinic
        .admin(|relay, now| {
            relay.act_as(Administrator::Operator);
            relay.put_role(&role("adm"), now)
        })
        .unwrap();
    clinic.admin(|relay, now| relay.put_role(&role("adm"), now)).unwrap();
    let rows = clinic.relay.audit_after(0, 100).unwrap();
    let [by_adm, by_operator, by_nobody] = &rows[rows.len() - 3..] else { panic!("{rows:?}") };
    assert_eq!((by_adm.practitioner.as_deref(), by_adm.organization.as_deref()), (Some("adm"), Some("north")));
    assert!(by_operator.practitioner.is_none() && by_operator.detail.contains("\"by\":\"operator\""));
    assert!(
        by_nobody.practitioner.is_none() && !by_nobody.detail.contains("by\""),
        "the name does not outlast its action"
    );
}

#[test]
fn an_account_is_added_once_and_only_for_somebody() {
    let mut clinic = Clinic::with_account();
    let add = |clinic: &mut Clinic, who| {
        clinic.admin(|relay, now| relay.add_account(&practitioner(who), "h".into(), now).map(drop))
    };
    assert!(matches!(add(&mut clinic, "adm"), Err(StoreError::Exists("account"))));
    assert!(matches!(add(&mut clinic, "nobody"), Err(StoreError::NotFound(_))));
}
