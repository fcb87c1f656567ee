//! Work on the devices of a world.

use client_core::sync::Input;
use client_core::{ChartRef, Device, DeviceError, EditReceipt, ImportOptions, ImportReport};
use serde_json::{Value, json};
use sync_protocol::{PatientId, UnixMillis};

use super::{Node, World};
use crate::{canaries, charts};

impl World {
    /// Edits on a device, whose engine then hears of it.
    pub fn edit<T>(&mut self, node: Node, edit: impl FnOnce(&mut Device, UnixMillis) -> Result<T, DeviceError>) -> T {
        let now = self.clock(node);
        let done = edit(self.device(node), now).unwrap();
        self.give(node, Input::LocalEdit);
        done
    }

    /// Edits one resource; the change counts as unsent until the device is told otherwise.
    pub fn edit_one(
        &mut self,
        node: Node,
        edit: impl FnOnce(&mut Device, UnixMillis) -> Result<EditReceipt, DeviceError>,
    ) -> EditReceipt {
        let now = self.clock(node);
        let receipt = edit(self.device(node), now).unwrap();
        if let Some(change) = receipt.change {
            self.sites[node.0].unsent.insert((receipt.document, change), receipt.chart.clone());
        }
        self.give(node, Input::LocalEdit);
        receipt
    }

    /// Starts a chart, managed by the device's organization.
    pub fn register(&mut self, node: Node, family: &str) -> ChartRef {
        let organization = self.device(node).identity().unwrap().organization;
        let patient = PatientId::new(self.dice.fhir_id()).unwrap();
        let chart = ChartRef { organization, patient };
        let resource = charts::patient(chart.patient.as_str(), family);
        self.put(node, &chart, &resource);
        chart
    }

    /// Creates or replaces a resource. Its texts must not be logged from now on.
    pub fn put(&mut self, node: Node, chart: &ChartRef, resource: &Value) -> EditReceipt {
        canaries::plant_all_of(resource);
        self.edit_one(node, |device, now| device.put_resource(chart, resource, now))
    }

    /// Sets one element of a resource.
    pub fn set(&mut self, node: Node, chart: &ChartRef, key: &str, path: &str, value: Value) -> EditReceipt {
        canaries::plant_all_of(&json!({"value": value}));
        self.edit_one(node, |device, now| device.set_element(chart, &charts::key(key), &charts::path(path), value, now))
    }

    /// Adds a note.
    pub fn note(&mut self, node: Node, chart: &ChartRef, text: &str) -> EditReceipt {
        canaries::plant(text);
        self.edit_one(node, |device, now| device.add_note(chart, text, None, now))
    }

    /// Imports a bundle.
    pub fn import(&mut self, node: Node, bundle: &Value) -> ImportReport {
        canaries::plant_all_of(bundle);
        let bytes = bundle.to_string();
        self.edit(node, |device, now| device.import(bytes.as_bytes(), &ImportOptions::default(), now, |_, _| {}))
    }

    /// A resource as a device shows it; none if it does not have it.
    pub fn resource(&mut self, node: Node, chart: &ChartRef, key: &str) -> Option<Value> {
        let now = self.clock(node);
        self.device(node).resource(chart, &charts::key(key), now).ok()
    }
}
