//! Devices that exchanged everything show the same, however their edits and exchanges interleaved.

use clinical_record::{RecordDocument, ResourceKey};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value};

use crate::any_resource::any_resource_of;

const DEVICES: usize = 3;
const IDS: [&str; 2] = ["x", "y"];

/// What one device does next.
#[derive(Clone, Debug)]
enum Step {
    /// Puts a resource, with some fields of what it sees.
    Put { device: usize, id: &'static str, fields: Map<String, Value>, keep: bool },
    /// Replaces all versions of a resource.
    Settle { device: usize, id: &'static str, fields: Map<String, Value> },
    /// Types into the conclusion, if there is one.
    Type { device: usize, id: &'static str, at: usize, text: String },
    /// Takes a resource back.
    Retract { device: usize, id: &'static str },
    /// Starts an edit and gives it up.
    Abandon { device: usize, id: &'static str, fields: Map<String, Value> },
    /// Receives some of the changes of another device, newest first.
    Receive { device: usize, from: usize, skip: usize },
}

fn any_step() -> impl Strategy<Value = Step> {
    let device = || 0..DEVICES;
    let id = || proptest::sample::select(&IDS[..]);
    prop_oneof![
        4 => (device(), id(), any_resource_of(), any::<bool>())
            .prop_map(|(device, id, fields, keep)| Step::Put { device, id, fields, keep }),
        1 => (device(), id(), any_resource_of()).prop_map(|(device, id, fields)| Step::Settle { device, id, fields }),
        2 => (device(), id(), 0..40_usize, ".{0,4}").prop_map(|(device, id, at, text)| Step::Type { device, id, at, text }),
        1 => (device(), id()).prop_map(|(device, id)| Step::Retract { device, id }),
        1 => (device(), id(), any_resource_of()).prop_map(|(device, id, fields)| Step::Abandon { device, id, fields }),
        3 => (device(), device(), 0..3_usize).prop_map(|(device, from, skip)| Step::Receive { device, from, skip }),
    ]
}

fn key(id: &str) -> ResourceKey {
    ResourceKey::new("DiagnosticReport", id)
}

fn resource(id: &str, fields: &Map<String, Value>, base: Option<Value>) -> Value {
    let mut resource = base.unwrap_or_else(|| serde_json::json!({"conclusion": "All well so far."}));
    resource.as_object_mut().unwrap().extend(fields.clone());
    resource["resourceType"] = "DiagnosticReport".into();
    resource["id"] = id.into();
    resource
}

fn take(step: &Step, devices: &mut [RecordDocument]) {
    match step {
        Step::Put { device, id, fields, keep } => {
            let base = devices[*device].resource(&key(id)).filter(|_| *keep);
            let wanted = resource(id, fields, base);
            devices[*device].edit(&[*device as u8], 0, |edit| edit.put_resource(&wanted)).unwrap();
            assert_eq!(devices[*device].resource(&key(id)), Some(wanted));
        }
        Step::Settle { device, id, fields } => {
            let wanted = resource(id, fields, None);
            devices[*device].edit(&[*device as u8], 0, |edit| edit.settle_resource(&wanted)).unwrap();
            assert!(devices[*device].conflicts().iter().all(|conflict| conflict.key != key(id)));
        }
        Step::Type { device, id, at, text } => {
            let path = "conclusion".parse().unwrap();
            let _ = devices[*device].edit(&[*device as u8], 0, |edit| edit.splice_text(&key(id), &path, *at, 1, text));
        }
        Step::Retract { device, id } => {
            let _ = devices[*device].edit(&[*device as u8], 0, |edit| edit.mark_entered_in_error(&key(id)));
        }
        Step::Abandon { device, id, fields } => {
            let before = devices[*device].resource(&key(id));
            let failed = devices[*device].edit(&[*device as u8], 0, |edit| {
                edit.put_resource(&resource(id, fields, None))?;
                edit.mark_entered_in_error(&ResourceKey::new("Patient", "nobody"))
            });
            assert!(failed.is_err());
            assert_eq!(devices[*device].resource(&key(id)), before);
        }
        Step::Receive { device, from, skip } => {
            let changes = devices[*from].changes_since(&[]).unwrap();
            devices[*device].apply(changes.iter().skip(*skip).rev().map(|change| change.bytes.as_slice())).unwrap();
        }
    }
}

fn assert_same(a: &RecordDocument, b: &RecordDocument) {
    assert_eq!(a.heads(), b.heads());
    assert_eq!(a.resources().collect::<Vec<_>>(), b.resources().collect::<Vec<_>>());
    assert_eq!(a.conflicts(), b.conflicts());
    assert_eq!(a.overridden_edits(), b.overridden_edits());
}

proptest! {
    #[test]
    fn any_interleaving_of_edits_and_exchanges_converges(steps in vec(any_step(), 1..25)) {
        let mut devices = vec![RecordDocument::new(); DEVICES];
        for step in &steps {
            take(step, &mut devices);
        }
        let all: Vec<_> = devices.iter().flat_map(|device| device.changes_since(&[]).unwrap()).collect();
        for (turn, device) in devices.iter_mut().enumerate() {
            let order = all.iter().cycle().skip(turn * 5).take(all.len());
            device.apply(order.map(|change| change.bytes.as_slice())).unwrap();
            prop_assert!(device.missing_deps().is_empty());
        }
        for device in &devices[1..] {
            assert_same(&devices[0], device);
        }
        let loaded = RecordDocument::load(all.iter().rev().map(|change| change.bytes.as_slice())).unwrap();
        assert_same(&devices[0], &loaded);
        prop_assert_eq!(loaded.history(None).len(), loaded.changes_since(&[]).unwrap().len());
    }
}
