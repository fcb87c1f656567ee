//! However authors edit and exchange, they agree in the end, and what any of them entered last is shown, in the inbox or,
//! where someone who knew of it changed it, in the history.
//!
//! The test keeps its own account of who knew what, independent of the document engine.

use std::collections::BTreeSet;

use clinical_record::{RecordDocument, ResourceKey, Touch};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

const AUTHORS: usize = 4;

/// Elements that take one value, some alone, some part of a unit, one a choice.
const ELEMENTS: &[&str] = &[
    "/status",
    "/priority",
    "/dosageInstruction/0/text",
    "/dosageInstruction/0/patientInstruction",
    "/dosageInstruction/0/doseAndRate/0/doseQuantity",
    "/dosageInstruction/0/timing",
    "/subject",
    "/reportedBoolean",
    "/reportedReference",
];

#[derive(Clone, Debug)]
enum Step {
    /// Enters a value of its own.
    Enter { author: usize, element: usize },
    /// Adds an entry to a collection, maybe beginning it.
    Add { author: usize, collection: &'static str },
    /// Settles whatever is first in the inbox with its first value.
    Settle { author: usize },
    /// Receives what another has.
    Receive { author: usize, from: usize },
}

fn any_step() -> impl Strategy<Value = Step> {
    let author = || 0..AUTHORS;
    let collection = proptest::sample::select(&["identifier", "note", "reasonReference"][..]);
    prop_oneof![
        5 => (author(), 0..ELEMENTS.len()).prop_map(|(author, element)| Step::Enter { author, element }),
        3 => (author(), collection).prop_map(|(author, collection)| Step::Add { author, collection }),
        1 => author().prop_map(|author| Step::Settle { author }),
        4 => (author(), author()).prop_map(|(author, from)| Step::Receive { author, from }),
    ]
}

/// One thing entered: where, what, and which changes its author knew of.
struct Entered {
    element: String,
    value: Value,
    change: [u8; 32],
    known: BTreeSet<[u8; 32]>,
}

struct Ward {
    devices: Vec<RecordDocument>,
    entered: Vec<Entered>,
    turn: usize,
}

fn key() -> ResourceKey {
    ResourceKey::new("MedicationRequest", "m")
}

fn hashes(document: &RecordDocument) -> BTreeSet<[u8; 32]> {
    document.changes_since(&[]).unwrap().into_iter().map(|change| change.meta.hash).collect()
}

/// A value nobody else enters.
fn value(element: &str, turn: usize) -> Value {
    match element {
        "/subject" | "/reportedReference" => {
            json!({"reference": format!("Patient/{turn}"), "display": format!("d{turn}")})
        }
        "/reportedBoolean" => json!(format!("b{turn}")),
        element if element.ends_with("Quantity") => json!({"value": turn, "unit": format!("u{turn}")}),
        element if element.ends_with("timing") => json!({"code": {"text": format!("t{turn}")}}),
        _ => json!(format!("v{turn}")),
    }
}

impl Ward {
    fn new() -> Self {
        let mut first = RecordDocument::new();
        let start = json!({"resourceType": "MedicationRequest", "id": "m", "status": "draft",
            "dosageInstruction": [{"text": "start", "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "mg"}}]}]});
        first.edit(b"start", 0, |edit| edit.put_resource(&start)).unwrap();
        Self { devices: vec![first; AUTHORS], entered: Vec::new(), turn: 0 }
    }

    fn take(&mut self, step: &Step) {
        self.turn += 1;
        match step {
            Step::Enter { author, element } => {
                let element = ELEMENTS[*element];
                let value = value(element, self.turn);
                self.put(*author, element, &value, |resource| {
                    let (parent, name) = element.rsplit_once('/').unwrap();
                    let parent = resource.pointer_mut(parent).and_then(Value::as_object_mut);
                    parent.map(|parent| parent.insert(name.to_owned(), value.clone()));
                });
            }
            Step::Add { author, collection } => {
                let value = json!({"text": format!("i{}", self.turn)});
                self.put(*author, collection, &value, |resource| {
                    let list = resource.as_object_mut().unwrap().entry(*collection).or_insert_with(|| json!([]));
                    list.as_array_mut().unwrap().push(value.clone());
                });
            }
            Step::Settle { author } => {
                let document = &mut self.devices[*author];
                if let Some(conflict) = document.conflicts().first() {
                    let chosen = conflict.values[0].value.clone();
                    let settled = document.edit(&[*author as u8], 0, |edit| {
                        edit.settle(&conflict.key, &conflict.path, Some(&chosen), "chosen")
                    });
                    settled.unwrap();
                    assert!(document.conflicts().iter().all(|other| other.path != conflict.path));
                }
            }
            Step::Receive { author, from } => {
                let changes = self.devices[*from].changes_since(&[]).unwrap();
                self.devices[*author].apply(changes.iter().rev().map(|change| change.bytes.as_slice())).unwrap();
            }
        }
    }

    fn put(&mut self, author: usize, element: &str, value: &Value, change: impl FnOnce(&mut Value)) {
        let document = &mut self.devices[author];
        let known = hashes(document);
        let mut resource = document.resource(&key()).unwrap();
        change(&mut resource);
        let made = document.edit(&[author as u8], 0, |edit| edit.put_resource(&resource)).unwrap().1;
        assert_eq!(document.resource(&key()), Some(resource));
        let Some(made) = made else { return };
        self.entered.push(Entered { element: element.to_owned(), value: value.clone(), change: made.meta.hash, known });
    }

    /// Everyone receives everything, in another order each.
    fn meet(&mut self) {
        let all: Vec<_> = self.devices.iter().flat_map(|device| device.changes_since(&[]).unwrap()).collect();
        for (turn, device) in self.devices.iter_mut().enumerate() {
            let order = all.iter().cycle().skip(turn * 3).take(all.len());
            device.apply(order.map(|change| change.bytes.as_slice())).unwrap();
        }
        for other in &self.devices[1..] {
            assert_eq!(self.devices[0].heads(), other.heads());
            assert_eq!(self.devices[0].resource(&key()), other.resource(&key()));
            assert_eq!(self.devices[0].conflicts(), other.conflicts());
            assert_eq!(self.devices[0].overridden_edits(), other.overridden_edits());
        }
    }
}

fn holds(tree: &Value, wanted: &Value) -> bool {
    tree == wanted
        || match tree {
            Value::Object(map) => map.values().any(|child| holds(child, wanted)),
            Value::Array(list) => list.iter().any(|child| holds(child, wanted)),
            _ => false,
        }
}

/// True when the value is shown, waits in the inbox, or its change is listed as overridden.
fn in_sight(document: &RecordDocument, entered: &Entered) -> bool {
    holds(&document.resource(&key()).unwrap(), &entered.value)
        || document.conflicts().iter().any(|one| one.values.iter().any(|side| holds(&side.value, &entered.value)))
        || document.overridden_edits().iter().any(|edit| edit.lost == entered.change)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_value_entered_disappears(steps in vec(any_step(), 1..30)) {
        let mut ward = Ward::new();
        for step in &steps {
            ward.take(step);
        }
        ward.meet();
        let document = &ward.devices[0];
        let history = document.history(None);
        let settled = history.iter().any(|entry| entry.message.is_some());
        for one in &ward.entered {
            let entry = history.iter().find(|entry| entry.hash == one.change);
            prop_assert!(entry.is_some_and(|entry| !entry.touched.is_empty()), "not in the history: {}", one.value);
            let changed_knowingly =
                ward.entered.iter().any(|later| later.element == one.element && later.known.contains(&one.change));
            // Whoever settles knows the values too, and may take another.
            prop_assert!(changed_knowingly || settled || in_sight(document, one), "{} at {}", one.value, one.element);
        }
    }

    #[test]
    fn two_values_of_one_element_entered_apart_are_both_in_the_inbox(
        steps in vec(any_step().prop_filter("undecided", |step| !matches!(step, Step::Settle { .. })), 1..30),
    ) {
        let mut ward = Ward::new();
        for step in &steps {
            ward.take(step);
        }
        ward.meet();
        let conflicts = ward.devices[0].conflicts();
        let inboxed = |one: &Entered| conflicts.iter().any(|c| c.values.iter().any(|side| holds(&side.value, &one.value)))
            || ward.devices[0].overridden_edits().iter().any(|edit| edit.lost == one.change);
        let last: Vec<_> = ward.entered.iter().filter(|one| one.element.starts_with('/')).filter(|one| {
            !ward.entered.iter().any(|later| later.element == one.element && later.known.contains(&one.change))
        }).collect();
        for one in &last {
            if last.iter().any(|other| other.element == one.element && other.value != one.value) {
                prop_assert!(inboxed(one), "{} at {}", one.value, one.element);
            }
        }
    }
}

#[test]
fn the_history_tells_the_value_of_every_simple_entry() {
    let mut ward = Ward::new();
    for author in 0..AUTHORS {
        ward.take(&Step::Enter { author, element: 0 });
    }
    ward.meet();
    let touched: Vec<_> = ward.devices[2].history(None).into_iter().flat_map(|entry| entry.touched).collect();
    for one in &ward.entered {
        assert!(touched.iter().any(|touch| touch.what == Touch::Set(one.value.clone())));
    }
    assert_eq!(ward.devices[1].conflicts()[0].values.len(), AUTHORS);
}
