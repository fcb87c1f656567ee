//! What devices hold and say, compared with each other and with what the relay told them.

use std::collections::{BTreeMap, BTreeSet};

use client_core::{ChangeHash, ChartRef, DeviceStatus, DocumentId};
use serde_json::Value;

use super::{Named, Node, World};

/// All that a device shows: the heads of every document, and the charts as bundles.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// By document.
    pub heads: BTreeMap<DocumentId, Vec<ChangeHash>>,
    /// By chart.
    pub charts: BTreeMap<ChartRef, Value>,
}

impl World {
    /// The ids of the documents on a device.
    pub fn documents(&mut self, node: Node) -> BTreeSet<DocumentId> {
        self.device(node).documents().unwrap().into_iter().map(|document| document.id).collect()
    }

    /// What a device shows.
    pub fn content(&mut self, node: Node) -> Content {
        let now = self.clock(node);
        let mut content = Content { heads: self.heads(node), charts: BTreeMap::new() };
        for entry in self.device(node).documents().unwrap() {
            let descriptor = entry.descriptor;
            let Some(patient) = descriptor.patient else { continue };
            let chart = ChartRef { organization: descriptor.organization, patient };
            let device = self.device(node);
            content.charts.entry(chart).or_insert_with_key(|chart| device.export_chart(chart, now).unwrap());
        }
        content
    }

    /// Devices that may see the same hold the same changes; quicker than comparing what they show.
    pub fn assert_same_heads(&mut self, nodes: &[Node]) {
        let first = self.heads(nodes[0]);
        for node in &nodes[1..] {
            let differing = differences(&first, &self.heads(*node));
            assert!(differing.is_empty(), "{:?} and {node:?} hold different heads of {differing:?}", nodes[0]);
        }
    }

    fn heads(&mut self, node: Node) -> BTreeMap<DocumentId, Vec<ChangeHash>> {
        let now = self.clock(node);
        let documents = self.documents(node);
        let device = self.device(node);
        let heads = |id: DocumentId| {
            let mut heads = device.heads(&id, now).unwrap();
            heads.sort();
            (id, heads)
        };
        documents.into_iter().map(heads).collect()
    }

    /// Devices that may see the same show the same.
    pub fn assert_converged(&mut self, nodes: &[Node]) {
        let first = self.content(nodes[0]);
        for node in &nodes[1..] {
            let other = self.content(*node);
            let differing = differences(&first.heads, &other.heads);
            assert!(differing.is_empty(), "{:?} and {node:?} hold different heads of {differing:?}", nodes[0]);
            let differing = differences(&first.charts, &other.charts);
            assert!(differing.is_empty(), "{:?} and {node:?} show {differing:?} differently", nodes[0]);
        }
    }

    /// Devices show one chart alike, whatever else each of them has.
    pub fn assert_converged_on(&mut self, nodes: &[Node], chart: &ChartRef) {
        let shown = nodes.iter().map(|node| {
            let now = self.clock(*node);
            self.device(*node).export_chart(chart, now).unwrap()
        });
        let shown: Vec<Value> = shown.collect();
        assert!(shown.windows(2).all(|pair| pair[0] == pair[1]), "{nodes:?} show {chart} differently");
    }

    /// Every change that the relay ever answered to have is in its log.
    pub fn assert_nothing_acknowledged_is_lost(&self) {
        let log: BTreeSet<Named> = self.relay_log().into_iter().collect();
        let lost: Vec<_> = self.acknowledged().difference(&log).collect();
        assert!(lost.is_empty(), "acknowledged and not in the relay's log: {lost:?}");
    }

    /// A device's status.
    pub fn status(&mut self, node: Node) -> DeviceStatus {
        let now = self.clock(node);
        self.device(node).status(now).unwrap()
    }

    /// Every change on a device.
    pub fn held(&mut self, node: Node) -> BTreeSet<Named> {
        let documents = self.documents(node);
        let device = self.device(node);
        let changes = |id: DocumentId| device.change_hashes(&id).unwrap().into_iter().map(move |hash| (id, hash));
        documents.into_iter().flat_map(changes).collect()
    }

    /// From now on it is noted what the relay's log held whenever a device was told that everything was sent.
    pub fn watch_promises(&mut self) {
        self.watches_promises = true;
    }

    /// Checks what a device says of itself against what truly happened on the wires. For devices that may see everything.
    pub fn assert_honest(&mut self, node: Node) {
        let status = self.status(node);
        let mut unsent: BTreeMap<Option<ChartRef>, u64> = BTreeMap::new();
        for chart in self.sites[node.0].unsent.values() {
            *unsent.entry(chart.clone()).or_default() += 1;
        }
        let shown: BTreeMap<_, _> = status.unsent_per_chart.iter().cloned().collect();
        assert_eq!(shown, unsent, "unsent changes of {node:?} by chart");
        assert_eq!(status.unsent, unsent.values().sum::<u64>());
        if status.up_to_date {
            assert_eq!(status.unsent, 0, "{node:?} is up to date with unsent changes");
            let promised = self.sites[node.0].promised.clone();
            let promised = promised.expect("up to date on a connection on which everything was said to be sent");
            let held = self.held(node);
            let missing: Vec<_> = promised.iter().filter(|named| !held.contains(named)).collect();
            assert!(missing.is_empty(), "{node:?} is up to date and lacks {missing:?}");
        }
    }
}

/// The keys under which two maps do not say the same.
fn differences<K: Ord + Clone, V: PartialEq>(one: &BTreeMap<K, V>, other: &BTreeMap<K, V>) -> BTreeSet<K> {
    one.keys().chain(other.keys()).filter(|key| one.get(key) != other.get(key)).cloned().collect()
}
