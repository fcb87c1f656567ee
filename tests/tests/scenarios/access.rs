//! Steps on access: referrals, emergencies, work that others do not have.

use mobile::core::{Compartment, KeptState, OrganizationId, PractitionerId};
use mobile::{EmergencyOutcome, ReferralOutcome, ReferralWish, ReferredTo, SatchelDevice, SatchelError};
use serde_json::Value;

use crate::run::Given;
use crate::step::Step;
use crate::world::{Named, Scenario, eventually};

const HOUR_MS: u64 = 60 * 60 * 1000;

impl Scenario {
    pub fn of_access(&mut self, verb: &str, step: &Step<'_>) -> Given {
        let device = self.device(step);
        match verb {
            "refer" => {
                let wish = ReferralWish {
                    to: to(step.text("to")),
                    compartments: step.texts("compartments").iter().map(|name| compartment(name)).collect(),
                    may_write: step.flag("mayWrite"),
                    for_ms: step.number("hours") * HOUR_MS,
                };
                return Ok(Some(Named::Text(device.open_by_referral(self.chart(step, "chart")?, wish)?)));
            }
            "expect_referrals" => {
                let states: Vec<&str> = device.referrals()?.iter().map(|made| referral(&made.outcome)).collect();
                assert_eq!(states, step.texts("states"));
            }
            "break_glass" => self.break_glass(step, &device)?,
            "expect_emergencies" => {
                let states: Vec<&str> = device.emergencies()?.iter().map(|one| emergency(&one.outcome)).collect();
                assert_eq!(states, step.texts("states"));
            }
            "await_sealed" => {
                let mut wanted: Vec<String> = step.texts("charts").iter().map(|text| self.text(text)).collect();
                wanted.sort();
                eventually(&wanted, || sealed(&device));
            }
            _ => work(verb, step, &device)?,
        }
        Ok(None)
    }

    fn break_glass(&self, step: &Step<'_>, device: &SatchelDevice) -> Result<(), SatchelError> {
        let (chart, purpose, reason) = (self.chart(step, "chart")?, step.text("purpose"), step.text("reason"));
        match step.find_number("sealed") {
            None => device.request_break_glass(chart, purpose.into(), reason.into()).map(drop),
            Some(documents) => {
                assert_eq!(device.break_glass_offline(chart, purpose.into(), reason.into())?, documents);
                Ok(())
            }
        }
    }
}

fn work(verb: &str, step: &Step<'_>, device: &SatchelDevice) -> Result<(), SatchelError> {
    match verb {
        "expect_own_work" => {
            let work = device.own_work()?;
            let mut states: Vec<&str> = work.iter().map(|one| kept(one.state)).collect();
            states.sort_unstable();
            assert_eq!(states, step.texts("states"));
            if let Some(has) = step.find_text("has") {
                let written: Result<Vec<Value>, _> = work.into_iter().map(|one| device.export_own_work(one)).collect();
                assert!(written?.iter().any(|one| one.to_string().contains(has)));
            }
        }
        "send_held_again" => assert_eq!(device.send_held_again()?, step.number("count")),
        "expect_drafts" => {
            let drafts = device.drafts()?;
            let reasons: Vec<&str> = drafts.iter().map(|draft| draft["reason"].as_str().unwrap()).collect();
            assert_eq!(reasons, step.texts("reasons"));
            if let Some(has) = step.find_text("has") {
                assert!(device.export_draft(oldest_draft(device)?)?.contains(has));
            }
        }
        "apply_draft" => drop(device.apply_draft(oldest_draft(device)?, step.flag("overwrite"))?),
        "discard_draft" => device.discard_draft(oldest_draft(device)?)?,
        verb => panic!("no step is called {verb}"),
    }
    Ok(())
}

fn oldest_draft(device: &SatchelDevice) -> Result<u64, SatchelError> {
    Ok(device.drafts()?[0]["number"].as_u64().unwrap())
}

fn sealed(device: &SatchelDevice) -> Vec<String> {
    let mut patients: Vec<String> =
        device.sealed_charts().unwrap().iter().map(|one| one.chart.patient.to_string()).collect();
    patients.sort();
    patients
}

fn to(text: &str) -> ReferredTo {
    match text.split_once('/').unwrap() {
        ("Organization", id) => ReferredTo::Colleagues { organization: OrganizationId::new(id).unwrap() },
        ("Practitioner", id) => ReferredTo::Person { practitioner: PractitionerId::new(id).unwrap() },
        (kind, _) => panic!("nobody is referred to a {kind}"),
    }
}

fn compartment(name: &str) -> Compartment {
    match name {
        "patient-index" => Compartment::PatientIndex,
        "core" => Compartment::Core,
        "sensitive" => Compartment::Sensitive,
        other => panic!("no compartment is called {other}"),
    }
}

fn referral(outcome: &ReferralOutcome) -> &'static str {
    match outcome {
        ReferralOutcome::Waiting => "waiting",
        ReferralOutcome::Opened { .. } => "opened",
        ReferralOutcome::Refused { .. } => "refused",
    }
}

fn emergency(outcome: &EmergencyOutcome) -> &'static str {
    match outcome {
        EmergencyOutcome::Waiting => "waiting",
        EmergencyOutcome::Open { .. } => "open",
        EmergencyOutcome::Refused { .. } => "refused",
        EmergencyOutcome::Lapsed => "lapsed",
        EmergencyOutcome::Over => "over",
    }
}

fn kept(state: KeptState) -> &'static str {
    match state {
        KeptState::Kept => "kept",
        KeptState::Queued => "queued",
        KeptState::Custody => "custody",
        KeptState::Refused => "refused",
        KeptState::Returned => "returned",
    }
}
