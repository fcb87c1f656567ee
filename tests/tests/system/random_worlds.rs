//! Whole clinics at random: edits, notes, imports, cuts, crashes, grants and withdrawals, ending in agreement.

use std::collections::{BTreeMap, BTreeSet};

use client_core::{ChartRef, DeviceError, DocumentId};
use clinical_record::{sample, write_bundle};
use serde_json::json;
use sync_protocol::Compartment;
use system_tests::charts::{allergy, encounter, medication};
use system_tests::{Node, World, seeds};

/// Organizations with how many devices each has.
const CLINICS: [(&str, usize); 3] = [("north", 2), ("south", 2), ("east", 1)];
/// Things that happen in one world.
const ROUNDS: usize = 45;
const HOUR_MS: i64 = 60 * 60 * 1000;

/// A random world and what its scenario knows of it.
struct Story {
    world: World,
    nodes: Vec<(Node, &'static str)>,
    charts: Vec<ChartRef>,
    /// Texts that stand in a chart and nowhere else.
    canaries: BTreeMap<ChartRef, Vec<String>>,
    grants: Vec<(String, ChartRef, &'static str)>,
    /// Organizations that ever had a right to a chart of another.
    ever_opened: BTreeSet<(ChartRef, &'static str)>,
    number: usize,
}

impl Story {
    fn begin(seed: u64) -> Self {
        let mut world = World::new(seed);
        let mut nodes = Vec::new();
        for (id, devices) in CLINICS {
            nodes.extend(world.practice(id, devices).into_iter().map(|node| (node, id)));
        }
        let (charts, canaries, grants) = (Vec::new(), BTreeMap::new(), Vec::new());
        let mut story = Self { world, nodes, charts, canaries, grants, ever_opened: BTreeSet::new(), number: 0 };
        for at in 0..story.nodes.len() {
            let offset = story.world.dice().between(-5, 5) * 24 * HOUR_MS;
            story.world.set_clock(story.nodes[at].0, offset);
            story.register(at);
        }
        story.world.settle();
        story
    }

    /// A text for a chart that is found nowhere else.
    fn canary(&mut self, chart: &ChartRef) -> String {
        self.number += 1;
        let canary = format!("Canary{}x{:06x}", self.number, self.world.dice().below(1 << 24));
        self.canaries.entry(chart.clone()).or_default().push(canary.clone());
        canary
    }

    fn register(&mut self, at: usize) {
        let (node, id) = self.nodes[at];
        let patient = client_core::PatientId::new(self.world.dice().fhir_id()).unwrap();
        let chart = ChartRef { organization: system_tests::world::organization(id), patient };
        let family = self.canary(&chart);
        let resource = system_tests::charts::patient(chart.patient.as_str(), &family);
        self.world.put(node, &chart, &resource);
        let drug = self.canary(&chart);
        self.world.put(node, &chart, &medication(&chart, "m1", &drug, "1 tablet"));
        self.charts.push(chart);
    }

    /// A chart that the device holds at this moment.
    fn held_chart(&mut self, node: Node) -> Option<ChartRef> {
        let charts = self.charts.clone();
        let held: Vec<_> = charts
            .into_iter()
            .filter(|chart| self.world.resource(node, chart, "MedicationRequest/m1").is_some())
            .collect();
        if held.is_empty() { None } else { Some(self.world.dice().pick(&held).clone()) }
    }

    fn happen(&mut self) {
        let at = self.world.dice().below(self.nodes.len() as u64) as usize;
        let (node, id) = self.nodes[at];
        match self.world.dice().below(24) {
            0..10 => self.edit(node, id),
            10 => self.register(at),
            11 => self.import(at),
            12 | 13 => self.world.cut(node),
            14 => self.world.go_offline(node),
            15 | 16 => self.world.go_online(node),
            17 => self.world.power_cut(node),
            18 => self.world.power_cut_after_next_commit(node),
            19 => self.crash_relay(),
            20 | 21 => self.grant(),
            22 => self.end_grant(),
            _ => {
                // A jump beyond the lease locks the charts until the next connect, which another test looks at.
                let offset = self.world.dice().between(-6, 6) * 24 * HOUR_MS;
                self.world.set_clock(node, offset);
            }
        }
        let pause = *self.world.dice().pick(&[0, 5, 40, 300, 2_000, 30_000]);
        self.world.run_for(pause);
    }

    fn edit(&mut self, node: Node, id: &str) {
        let Some(chart) = self.held_chart(node) else { return };
        let text = self.canary(&chart);
        let own = chart.organization.as_str() == id;
        match self.world.dice().below(5) {
            0 => self.set_dose(node, &chart, &text),
            1 if own => _ = self.world.note(node, &chart, &text),
            2 if own => _ = self.world.put(node, &chart, &encounter(&chart, &text)),
            3 => {
                let key = system_tests::charts::key("MedicationRequest/m1");
                self.world
                    .edit_one(node, |device, now| device.mark_entered_in_error(&chart, &key, "entered twice", now));
            }
            _ => _ = self.world.put(node, &chart, &allergy(&chart, &text, &text)),
        }
    }

    /// Sets a dose; one that is in conflict is settled, as a clinician would.
    fn set_dose(&mut self, node: Node, chart: &ChartRef, text: &str) {
        let key = system_tests::charts::key("MedicationRequest/m1");
        let path = system_tests::charts::path("dosageInstruction[0].text");
        system_tests::canaries::plant(text);
        self.world.edit_one(node, |device, now| match device.set_element(chart, &key, &path, json!(text), now) {
            Err(DeviceError::InConflict { .. }) => {
                device.settle_conflict(chart, &key, &path, Some(&json!(text)), "asked the patient", now)
            }
            done => done,
        });
    }

    fn import(&mut self, at: usize) {
        let (node, _) = self.nodes[at];
        let seed = self.world.dice().roll();
        let resources: Vec<_> = sample::small_chart(seed, 1).concat();
        let bundle = write_bundle(resources.into_iter().map(|resource| (resource, None)));
        self.world.import(node, &bundle);
    }

    fn crash_relay(&mut self) {
        if self.world.dice().chance(50) {
            self.world.relay_power_cut_after_commit();
        } else {
            self.world.relay_power_cut();
        }
        let down = self.world.dice().between(0, 20_000);
        self.world.run_for(down);
        self.world.relay_starts();
    }

    fn grant(&mut self) {
        let chart = {
            let charts = self.charts.clone();
            self.world.dice().pick(&charts).clone()
        };
        let to = self.world.dice().pick(&CLINICS).0;
        if chart.organization.as_str() == to {
            return;
        }
        let (may_write, valid) = (self.world.dice().chance(70), self.world.dice().between(1, 200) * 10_000);
        let of = chart.organization.to_string();
        let grant = self.world.grant(&of, &chart.patient, to, may_write, valid);
        self.ever_opened.insert((chart.clone(), to));
        self.grants.push((grant, chart, to));
    }

    fn end_grant(&mut self) {
        if !self.grants.is_empty() {
            let at = self.world.dice().below(self.grants.len() as u64) as usize;
            let (grant, ..) = self.grants.remove(at);
            self.world.end_grant(&grant);
        }
    }

    /// Peace: every line holds, every grant is over or stays, and everything is exchanged.
    fn end(&mut self) {
        while !self.grants.is_empty() {
            self.end_grant();
        }
        self.world.run_for(HOUR_MS);
        self.world.all_online();
        self.world.settle();
    }

    fn check(&mut self) {
        self.world.assert_nothing_acknowledged_is_lost();
        assert_eq!(self.world.relay().verify_audit().unwrap().1, None, "the audit trail's chain is broken");
        for (id, _) in CLINICS {
            let of_clinic: Vec<Node> = self.nodes.iter().filter(|(_, at)| *at == id).map(|(node, _)| *node).collect();
            self.world.assert_converged(&of_clinic);
        }
        for (node, id) in self.nodes.clone() {
            self.check_device(node, id);
        }
    }

    fn check_device(&mut self, node: Node, id: &str) {
        let status = self.world.status(node);
        assert!(status.up_to_date && !status.diverged && status.quarantined.is_empty(), "{node:?}: {status:?}");
        for document in self.world.device(node).documents().unwrap() {
            let foreign = document.descriptor.organization.as_str() != id;
            assert!(!foreign, "{node:?} of {id} still holds {:?} after every grant has ended", document.descriptor);
        }
        let sent = self.world.recording(node).searchable();
        for chart in &self.charts {
            if chart.organization.as_str() == id || self.ever_opened.iter().any(|(open, to)| open == chart && *to == id)
            {
                continue;
            }
            for canary in &self.canaries[chart] {
                assert!(!sent.holds(canary.as_bytes()), "{node:?} of {id} was sent {canary} of {chart}");
            }
            assert!(!sent.holds(chart.patient.as_str().as_bytes()), "{node:?} of {id} was sent the id of {chart}");
            for compartment in [Compartment::PatientIndex, Compartment::Core] {
                let document = document(chart, compartment);
                assert!(!sent.holds(document.as_bytes()), "{node:?} of {id} was sent the id of a document of {chart}");
            }
        }
    }
}

fn document(chart: &ChartRef, compartment: Compartment) -> DocumentId {
    let (organization, patient) = (chart.organization.clone(), Some(chart.patient.clone()));
    sync_protocol::DocumentDescriptor { organization, patient, compartment, part: String::new() }.id()
}

#[test]
fn random_worlds_end_in_agreement_with_nothing_lost_and_nothing_leaked() {
    for seed in seeds::many(100) {
        let mut story = Story::begin(seed);
        for _ in 0..ROUNDS {
            story.happen();
        }
        story.end();
        story.check();
    }
}
