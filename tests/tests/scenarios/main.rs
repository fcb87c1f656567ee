//! The scenarios that every language's bindings execute (mobile/scenarios/scenarios.json), in Rust over the same functions.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod access;
mod run;
mod step;
mod tablet;
mod world;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::step::Step;
use crate::world::Scenario;

const SATCHEL: &str = env!("CARGO_BIN_EXE_satchel-process");
const SHARED: &str = include_str!("../../../mobile/scenarios/scenarios.json");
/// Of the steps that this runner knows.
const VOCABULARY: u64 = 2;

#[test]
fn every_shared_scenario_holds() {
    let shared: Value = serde_json::from_str(SHARED).unwrap();
    assert_eq!(shared["vocabulary"], VOCABULARY, "this runner knows another vocabulary");
    let mut names = BTreeSet::new();
    for scenario in shared["scenarios"].as_array().unwrap() {
        let name = scenario["name"].as_str().unwrap();
        println!("{name}");
        let mut world = Scenario::new();
        for (number, step) in scenario["steps"].as_array().unwrap().iter().enumerate() {
            world.step(&Step(step), number);
        }
        assert!(names.insert(name), "two scenarios are called {name}");
    }
    assert!(names.len() >= 24, "{} scenarios", names.len());
}

#[test]
#[should_panic(expected = "no step is called conjure")]
fn an_unknown_step_fails() {
    Scenario::new().step(&Step(&serde_json::json!({"do": "conjure"})), 0);
}
