//! Referrals as devices ask for them: who may, what it opens, for how long.

use sync_protocol::frame::{Recipient, Refer, ReferOutcome, ReferRefusal};
use sync_protocol::{Compartment, PractitionerId, ReferralId};

use super::device::bytes_of;
use super::*;

fn referral(of: &str) -> Refer {
    Refer {
        referral: ReferralId([7; 16]),
        organization: organization("north"),
        patient: patient(of),
        to: Recipient::Organization(organization("south")),
        compartments: vec![Compartment::Core, Compartment::Encounter],
        may_write: true,
        for_ms: 2 * HOUR as u64,
    }
}

fn ask(clinic: &mut Clinic, device: usize, asked: Refer) -> Option<ReferOutcome> {
    let bytes = bytes_of(clinic.devices[device].session.as_ref()?.refer(asked)?);
    let before = clinic.devices[device].referred.len();
    clinic.send_raw(device, &bytes);
    clinic.devices[device].referred.get(before).map(|answer| answer.outcome)
}

fn refused(refusal: ReferRefusal) -> Option<ReferOutcome> {
    Some(ReferOutcome::Refused(refusal))
}

#[test]
fn a_referred_chart_is_open_to_the_others_for_its_time_and_closes_by_itself() {
    let mut clinic = Clinic::of_two();
    let chart = core("north", "p1");
    clinic.write(0, &chart, "penicillin");
    assert!(!clinic.devices[2].holds(&chart));
    let until = clinic.now.plus(2 * HOUR);
    assert_eq!(ask(&mut clinic, 0, referral("p1")), Some(ReferOutcome::Opened(until)));
    assert!(clinic.devices[2].holds(&chart));
    let row = clinic.audited("refer").pop().unwrap();
    assert_eq!(row.practitioner.as_deref(), Some("dr-a"));
    clinic.wait(2 * HOUR);
    assert!(!clinic.devices[2].holds(&chart));
}

#[test]
fn the_same_referral_again_is_the_same_grant_also_after_it_was_ended() {
    let mut clinic = Clinic::of_two();
    clinic.write(0, &core("north", "p1"), "penicillin");
    let first = ask(&mut clinic, 0, referral("p1"));
    clinic.wait(HOUR);
    assert_eq!(ask(&mut clinic, 0, referral("p1")), first);
    let grants = clinic.relay.grants().unwrap();
    assert_eq!(grants.len(), 1);
    let id = grants[0].id.clone();
    clinic.admin(|relay, now| relay.end_grant(&id, now)).unwrap();
    let ended = clinic.now;
    assert_eq!(ask(&mut clinic, 0, referral("p1")), Some(ReferOutcome::Opened(ended)));
    assert!(!clinic.devices[2].holds(&core("north", "p1")), "it stays closed");
}

#[test]
fn no_policy_opens_more_than_the_referrer_has_or_for_longer_than_it_says() {
    let mut clinic = Clinic::of_two();
    clinic.write(0, &core("north", "p1"), "penicillin");
    let long = Refer { for_ms: u64::MAX, ..referral("p1") };
    let most = clinic.now.plus(30 * 24 * HOUR);
    assert_eq!(ask(&mut clinic, 0, long), Some(ReferOutcome::Opened(most)));
    clinic.role("nurse", "north", Role::Nurse, &[]);
    let nurse = clinic.enrolled("nurse", "north");
    clinic.sync(nurse);
    assert_eq!(ask(&mut clinic, nurse, referral("p1")), refused(ReferRefusal::MayNotRefer), "not a nurse");
    assert_eq!(ask(&mut clinic, 2, referral("p1")), refused(ReferRefusal::MayNotRefer), "not the one referred to");
    let policy = r#"@id("nurses-refer") @hours("1") permit (principal, action == Action::"refer", resource)
        when { principal.roles.contains(Role::"nurse") };"#;
    let file = crate::access::PolicyFile { name: "own.cedar".into(), text: policy.into() };
    clinic.admin(|relay, now| relay.reload_policies(std::slice::from_ref(&file), now)).unwrap();
    let claims = Refer { compartments: vec![Compartment::Administrative], ..referral("p2") };
    assert_eq!(ask(&mut clinic, nurse, claims), refused(ReferRefusal::MayNotRefer), "a nurse has no claims");
    let until = clinic.now.plus(HOUR);
    assert_eq!(ask(&mut clinic, nurse, referral("p2")), Some(ReferOutcome::Opened(until)));
}

#[test]
fn what_makes_no_sense_is_refused_audited_and_grants_nothing() {
    let mut clinic = Clinic::of_two();
    clinic.write(0, &core("north", "p1"), "penicillin");
    let nobody = Recipient::Practitioner(PractitionerId::new("nobody").unwrap());
    let nowhere = Recipient::Organization(organization("nowhere"));
    for (asked, refusal) in [
        (Refer { compartments: Vec::new(), ..referral("p1") }, ReferRefusal::NothingToOpen),
        (Refer { compartments: vec![Compartment::Sensitive], ..referral("p1") }, ReferRefusal::NothingToOpen),
        (Refer { for_ms: 0, ..referral("p1") }, ReferRefusal::NothingToOpen),
        (Refer { to: nobody.clone(), ..referral("p1") }, ReferRefusal::UnknownRecipient),
        (Refer { to: nowhere, ..referral("p1") }, ReferRefusal::UnknownRecipient),
    ] {
        assert_eq!(ask(&mut clinic, 0, asked), refused(refusal));
    }
    let curious = Refer { to: nobody, ..referral("p1") };
    assert_eq!(ask(&mut clinic, 2, curious), refused(ReferRefusal::MayNotRefer), "who may not refer learns nothing");
    assert_eq!((clinic.audited("refuse-referral").len(), clinic.relay.grants().unwrap().len()), (6, 0));
}

#[test]
fn referrals_of_one_device_are_bounded_by_the_minute() {
    let mut clinic = Clinic::of_two();
    let asked = |n: u8| Refer { referral: ReferralId([n; 16]), ..referral("p1") };
    let answered = (0..200).take_while(|n| ask(&mut clinic, 0, asked(*n)).is_some()).count();
    assert_eq!(answered, 60);
    clinic.wait(60_000);
    clinic.sync(0);
    assert!(ask(&mut clinic, 0, asked(201)).is_some());
}
