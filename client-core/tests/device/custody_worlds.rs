//! Random work, permissions and decisions: whatever the order, nothing the author typed disappears, and the document ends
//! as that of a device that only ever saw what was accepted.

use std::collections::BTreeSet;

use client_core::{ChartRef, Device, DeviceError, ElementPath, ResourceKey};
use serde_json::{Value, json};
use sync_protocol::AuthorId;

use crate::relay::Relay;
use crate::world::{Node, START, assert_converged, randomness};

const SEEDS: u64 = 80;
const STEPS: usize = 45;

type Dice = Box<dyn FnMut(&mut [u8])>;

struct World {
    relay: Relay,
    /// May always write.
    other: Node,
    author: Node,
    chart: ChartRef,
    dice: Dice,
    /// Everything that the author wrote.
    typed: Vec<String>,
    seed: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut relay = Relay::new();
        let mut other = Node::new(&mut relay, 1, "north", "dr-a");
        let mut author = Node::new(&mut relay, 2, "south", "dr-b");
        let chart = other.chart("Silva");
        for n in 0..3 {
            other.device.put_resource(&chart, &medication(&chart, &format!("m{n}"), "first"), START).unwrap();
        }
        other.sync(&mut relay);
        author.sync(&mut relay);
        relay.conduct.asks_for_signatures = true;
        let dice = Box::new(randomness(1_000 + seed));
        Self { relay, other, author, chart, dice, typed: Vec::new(), seed }
    }

    fn roll(&mut self, sides: usize) -> usize {
        let mut bytes = [0; 4];
        (self.dice)(&mut bytes);
        u32::from_le_bytes(bytes) as usize % sides
    }

    fn step(&mut self, number: usize) {
        match self.roll(10) {
            0..4 => self.edit(true, number),
            4..5 => self.edit(false, number),
            5..7 => drop(self.author.connect(&mut self.relay, START)),
            7 => drop(self.other.connect(&mut self.relay, START)),
            8 => self.toggle(),
            _ => self.decide_one(),
        }
    }

    fn edit(&mut self, by_author: bool, number: usize) {
        let word = format!("{}-{}-word{number}-", self.seed, if by_author { "own" } else { "other" });
        let (resource, what) = (format!("m{}", self.roll(3)), self.roll(6));
        let chart = self.chart.clone();
        let node = if by_author { &mut self.author } else { &mut self.other };
        let key = ResourceKey::new("MedicationRequest", resource);
        let set = |node: &mut Node, path: &str, value: Value| {
            set_or_settle(&mut node.device, &chart, &key, path, &value);
        };
        match what {
            0 => set(node, "statusReason.text", json!(word)),
            1 => set(node, "dosageInstruction[0].text", json!(word)),
            2 => set(node, "category", json!([{"text": word}, {"text": "more"}])),
            3 => set(node, "performerType", json!({"coding": [{"display": word}]})),
            4 => drop(node.device.add_note(&chart, &word, None, START).unwrap()),
            _ => {
                let new = medication(&chart, &format!("n{number}"), &word);
                node.device.put_resource(&chart, &new, START).unwrap();
            }
        }
        if by_author {
            self.typed.push(word);
        }
    }

    fn toggle(&mut self) {
        let practitioner = client_core::PractitionerId::new("dr-b").unwrap();
        let author = AuthorId::of(&self.author.key(), &practitioner);
        if !self.relay.accounts.may_not_write.remove(&author) {
            self.relay.accounts.may_not_write.insert(author);
        }
    }

    fn decide_one(&mut self) {
        let ready = self.relay.decidable();
        if !ready.is_empty() {
            let (document, hash) = ready[self.roll(ready.len())];
            // The relay does not put into the log what nobody could verify.
            let accepted = self.roll(2) == 0 && self.relay.is_signed(&(document, hash));
            self.relay.decide(document, hash, accepted, "no right to it");
        }
    }

    fn finish(&mut self) {
        self.relay.accounts.may_not_write.clear();
        for round in 0.. {
            self.author.connect(&mut self.relay, START);
            self.other.connect(&mut self.relay, START);
            if self.relay.accounts.custody.is_empty() && self.relay.accounts.decisions.is_empty() {
                break;
            }
            assert!(round < 200, "it does not come to an end");
            self.decide_one();
        }
        self.author.sync(&mut self.relay);
        self.other.sync(&mut self.relay);
        self.author.sync(&mut self.relay);
    }

    fn check(&mut self) {
        assert_converged(&self.author, &self.other);
        let mut fresh = Node::new(&mut self.relay, 9, "north", "dr-z");
        fresh.sync(&mut self.relay);
        assert_converged(&self.author, &fresh);
        let of_author = self.author.device.export_chart(&self.chart, START).unwrap();
        assert_eq!(of_author, fresh.device.export_chart(&self.chart, START).unwrap());
        let status = self.author.device.status(START).unwrap();
        assert!(status.held.is_empty() && status.unsent == 0 && status.quarantined.is_empty());
        self.check_places();
        for word in &self.typed.clone() {
            assert!(self.is_somewhere(word), "{word} is nowhere any more");
        }
    }

    /// No sequence number of an actor was used twice in a document.
    fn check_places(&mut self) {
        for document in self.author.device.documents().unwrap() {
            let changes = self.author.device.raw_changes(&document.id, START).unwrap();
            let metas = changes.iter().map(|(_, bytes)| clinical_record::inspect_change(bytes).unwrap());
            let places: BTreeSet<_> = metas.map(|meta| (meta.actor, meta.seq)).collect();
            assert_eq!(places.len(), changes.len());
        }
    }

    /// In a change of the document, or in a draft.
    fn is_somewhere(&mut self, word: &str) -> bool {
        for document in self.author.device.documents().unwrap() {
            let changes = self.author.device.raw_changes(&document.id, START).unwrap();
            let holds = |bytes: &[u8]| bytes.windows(word.len()).any(|window| window == word.as_bytes());
            if changes.iter().any(|(_, bytes)| holds(bytes)) {
                return true;
            }
        }
        self.author.device.drafts(START).unwrap().iter().any(|draft| draft.text().contains(word))
    }
}

fn medication(chart: &ChartRef, id: &str, text: &str) -> Value {
    json!({
        "resourceType": "MedicationRequest", "id": id, "status": "active", "intent": "order",
        "medicationCodeableConcept": {"text": "Warfarin"},
        "subject": {"reference": format!("Patient/{}", chart.patient)}, "dosageInstruction": [{"text": text}],
    })
}

#[test]
fn whatever_is_decided_in_whatever_order_nothing_the_author_typed_disappears() {
    let only = std::env::var("SATCHEL_SEED").ok().and_then(|seed| seed.parse::<u64>().ok());
    let (mut returned, mut drafted) = (0, 0);
    for seed in only.map_or(0..SEEDS, |seed| seed..seed + 1) {
        println!("seed {seed}");
        let mut world = World::new(seed);
        (0..STEPS).for_each(|number| world.step(number));
        world.finish();
        world.check();
        let trail = world.author.device.trail(0, 10_000).unwrap();
        returned += trail.iter().filter(|record| record.entry.action == "custody-returned").count();
        drafted += world.author.device.drafts(START).unwrap().len();
    }
    // The worlds would prove nothing if decisions were rare in them.
    assert!(only.is_some() || (returned > 60 && drafted > 60), "{returned} returned, {drafted} drafts");
}

/// Sets an element; what is in conflict there is settled by what it is to become.
fn set_or_settle(device: &mut Device, chart: &ChartRef, key: &ResourceKey, path: &str, value: &Value) {
    let element: ElementPath = path.parse().unwrap();
    let Err(error) = device.set_element(chart, key, &element, value.clone(), START) else { return };
    let DeviceError::InConflict { path: at, .. } = error else { panic!("{error}") };
    let within = at.strip_prefix(path).unwrap_or_else(|| panic!("{at} is not in {path}"));
    let pointer = within.replace(['.', '['], "/").replace(']', "");
    let chosen = value.pointer(&pointer).unwrap_or_else(|| panic!("{at} is nothing that was to be set"));
    device.settle_conflict(chart, key, &at.parse().unwrap(), Some(chosen), "decided", START).unwrap();
}
