//! The chart as it was, what changed, Provenance, and what was signed.

use client_core::clinical::{Concept, NewNote, NewProblem};
use client_core::{ChartRef, Occasion, ResourceKey, UnixMillis};
use serde_json::{Value, json};

use crate::relay::Relay;
use crate::world::{Node, START, assert_converged};

fn at(minutes: i64) -> UnixMillis {
    START.plus(minutes * 60_000)
}

fn problem(node: &mut Node, chart: &ChartRef, what: &str, minutes: i64) -> ResourceKey {
    let new = NewProblem { problem: Concept::words(what), ..NewProblem::default() };
    node.device.record_problem(&Occasion::new(chart, at(minutes)), &new).unwrap().resources.remove(0)
}

#[test]
fn a_chart_is_shown_as_of_a_moment_and_compared_between_two() {
    let mut node = Node::new(&mut Relay::new(), 1, "north", "dr-a");
    let chart = node.chart("Silva");
    let first = problem(&mut node, &chart, "Asthma", 1);
    let second = problem(&mut node, &chart, "Gout", 2);
    node.device.resolve_problem(&Occasion::new(&chart, at(3)), &second.id, None, None).unwrap();
    node.device.mark_entered_in_error(&chart, &first, "wrong patient", at(4)).unwrap();
    let problems = |node: &mut Node, minutes: i64| {
        let then = node.device.chart_as_of(&chart, at(minutes), at(9)).unwrap();
        assert_eq!(then.out_of_order, 0);
        let conditions = then.resources.into_iter().filter(|one| one["resourceType"] == "Condition");
        let mut names: Vec<_> = conditions.map(|one| one["code"]["text"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(problems(&mut node, 0), [] as [String; 0]);
    assert_eq!(problems(&mut node, 1), ["Asthma"]);
    assert_eq!(problems(&mut node, 2), ["Asthma", "Gout"]);
    assert_eq!(problems(&mut node, 9), ["Gout"]);
    let between = node.device.compare_chart(&chart, at(2), at(3), at(9)).unwrap();
    let paths: Vec<_> = between.iter().map(|one| (one.change.key.clone(), one.change.path.to_string())).collect();
    assert!(paths.iter().all(|(key, _)| *key == second), "{paths:?}");
    let status = between.iter().find(|one| one.change.path.to_string() == "clinicalStatus.coding[0].code").unwrap();
    assert_eq!((&status.change.before, &status.change.after), (&Some(json!("active")), &Some(json!("resolved"))));
}

#[test]
fn the_history_is_exported_as_provenance_with_who_why_and_the_signature() {
    let mut node = Node::new(&mut Relay::new(), 1, "north", "dr-a");
    let chart = node.chart("Silva");
    let key = problem(&mut node, &chart, "Asthma", 1);
    node.device.mark_entered_in_error(&chart, &key, "wrong patient", at(2)).unwrap();
    let bundle = node.device.export_provenance(&chart, Some(&key), at(3)).unwrap();
    let entries: Vec<&Value> = bundle["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]).collect();
    assert_eq!(entries.len(), 2);
    for one in &entries {
        assert_eq!(clinical_record::validate(one), []);
        assert_eq!(one["agent"][0]["who"]["reference"], "Practitioner/dr-a");
        assert_eq!(one["agent"][0]["onBehalfOf"]["reference"], "Organization/north");
        assert!(one["agent"][1]["who"]["reference"].as_str().unwrap().starts_with("Device/"));
    }
    assert_eq!(entries[1]["reason"][0]["text"], "wrong patient");
    assert!(entries[1]["signature"][0]["data"].is_string(), "the newest change of an author carries the signature");
    let all = node.device.export_provenance(&chart, None, at(3)).unwrap();
    assert!(all["entry"].as_array().unwrap().len() > entries.len());
    assert_eq!(node.device.trail(0, 100).unwrap().last().unwrap().entry.action, "export");
}

#[test]
fn what_was_signed_stays_findable_when_someone_typed_in_it_meanwhile() {
    let mut relay = Relay::new();
    let mut a = Node::new(&mut relay, 1, "north", "dr-a");
    let mut b = Node::new(&mut relay, 2, "north", "dr-b");
    let chart = a.chart("Silva");
    let new = NewNote { text: "Stable.".into(), ..NewNote::default() };
    let note = a.device.write_note(&Occasion::new(&chart, START), &new).unwrap().resources.remove(0);
    assert_eq!(a.device.signed_note(&chart, &note, START).unwrap(), None);
    a.sync(&mut relay);
    b.sync(&mut relay);
    a.device.sign_note(&Occasion::new(&chart, START), &note.id).unwrap();
    b.device.append_to_note(&chart, &note, " Slept well.", START).unwrap();
    for _ in 0..2 {
        a.sync(&mut relay);
        b.sync(&mut relay);
    }
    assert_converged(&a, &b);
    for node in [&mut a, &mut b] {
        let signed = node.device.signed_note(&chart, &note, START).unwrap().unwrap();
        assert!(signed.altered);
        assert_eq!(signed.author.practitioner.as_ref().unwrap().as_str(), "dr-a");
        assert_eq!(signed.signed["content"][0]["attachment"]["data"], "U3RhYmxlLg==");
    }
}
