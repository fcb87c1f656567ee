//! Referrals: asked for as soon as the relay is reached, until it has answered.

use client_core::sync::SyncEvent;
use client_core::{
    ChartRef, Compartment, DeviceError, OrganizationId, PatientId, Recipient, ReferralScope, ReferralState, UnixMillis,
};
use sync_protocol::frame::{ReferOutcome, ReferRefusal};

use crate::relay::Relay;
use crate::world::{Node, START};

const DAY_MS: u64 = 86_400_000;

fn scope() -> ReferralScope {
    let to = Recipient::Organization(OrganizationId::new("south").unwrap());
    ReferralScope { to, compartments: vec![Compartment::Core, Compartment::Workflow], may_write: true, for_ms: DAY_MS }
}

fn referred() -> (Relay, Node, ChartRef) {
    let mut relay = Relay::new();
    let mut node = Node::new(&mut relay, 1, "north", "dr-a");
    let chart = node.chart("Silva");
    node.device.open_by_referral(&chart, &scope(), START).unwrap();
    (relay, node, chart)
}

#[test]
fn a_referral_is_sent_until_it_is_answered_and_then_no_more() {
    let (mut relay, mut node, chart) = referred();
    assert_eq!(node.device.referrals(START).unwrap()[0].state, ReferralState::Waiting);
    node.sync(&mut relay);
    node.sync(&mut relay);
    assert_eq!(relay.accounts.referred.len(), 2, "once for each connection");
    assert_eq!(relay.accounts.referred[0], relay.accounts.referred[1], "and it is the same");
    let until = START.plus(5);
    relay.accounts.referral = Some(ReferOutcome::Opened(until));
    let events = node.sync(&mut relay);
    let told = node.device.referrals(START).unwrap();
    assert_eq!((told.len(), &told[0].state, &told[0].chart), (1, &ReferralState::Opened(until), &chart));
    assert!(events.contains(&SyncEvent::ReferralAnswered { referral: told[0].id, refusal: None }));
    node.sync(&mut relay);
    assert_eq!(relay.accounts.referred.len(), 3);
    let asked = &relay.accounts.referred[0];
    assert_eq!((asked.to.clone(), asked.compartments.clone(), asked.may_write, asked.for_ms), {
        let scope = scope();
        (scope.to, scope.compartments, scope.may_write, scope.for_ms)
    });
    assert!(relay.accounts.trails[&node.key()].entries.iter().any(|entry| entry.action == "refer"));
}

#[test]
fn a_refusal_is_told_with_its_reason() {
    let (mut relay, mut node, _) = referred();
    relay.accounts.referral = Some(ReferOutcome::Refused(ReferRefusal::UnknownRecipient));
    node.sync(&mut relay);
    let told = node.device.referrals(START).unwrap();
    assert!(matches!(&told[0].state, ReferralState::Refused(why) if why.contains("does not know")));
}

#[test]
fn what_no_referral_opens_is_refused_before_anything_is_kept() {
    let (_, mut node, chart) = referred();
    for scope in [
        ReferralScope { compartments: Vec::new(), ..scope() },
        ReferralScope { compartments: vec![Compartment::Core, Compartment::Sensitive], ..scope() },
        ReferralScope { compartments: vec![Compartment::Directory], ..scope() },
        ReferralScope { for_ms: 0, ..scope() },
    ] {
        assert!(matches!(node.device.open_by_referral(&chart, &scope, START), Err(DeviceError::Invalid(_))));
    }
    let stranger = ChartRef { patient: PatientId::new("stranger").unwrap(), ..chart };
    let refused = node.device.open_by_referral(&stranger, &scope(), START);
    assert!(matches!(refused, Err(DeviceError::UnknownPatient { .. })));
    assert_eq!(node.device.referrals(START).unwrap().len(), 1);
}

#[test]
fn a_referral_of_a_chart_that_is_taken_back_is_forgotten() {
    let (mut relay, mut node, _) = referred();
    relay.accounts.referral = Some(ReferOutcome::Opened(UnixMillis(5)));
    node.sync(&mut relay);
    relay.conduct.withdraw = relay.documents.keys().copied().collect();
    node.sync(&mut relay);
    assert_eq!(node.device.documents().unwrap().len(), 0);
    assert_eq!(node.device.referrals(START).unwrap(), []);
}
