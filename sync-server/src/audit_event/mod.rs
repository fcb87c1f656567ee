//! The audit trail as FHIR R4 AuditEvents, after the IHE Basic Audit Log Patterns (BALP).
//!
//! One row may become several events: BALP wants one patient in each.

mod codes;
mod event;
mod time;

use serde_json::{Value, json};
use sync_protocol::frame::TrailEntry;
use sync_protocol::{DeviceId, DocumentDescriptor, OrganizationId, RelayId};

use crate::store::AuditRow;
use codes::{kind_of, kind_of_entry};
use event::Draft;

/// A document that a row is about.
#[derive(Clone, Debug)]
pub struct EventDocument {
    /// What it is about.
    pub descriptor: DocumentDescriptor,
    /// Up to which position of the log it went out; none where that is not what happened.
    pub upto: Option<u64>,
}

/// An entry of a device's own trail that a row anchors.
#[derive(Clone, Debug)]
pub struct EventEntry {
    /// Its number in the device's trail.
    pub seq: u64,
    /// What it says.
    pub entry: TrailEntry,
}

/// A row with what it refers to looked up.
#[derive(Clone, Debug)]
pub struct EventRow {
    /// The row.
    pub row: AuditRow,
    /// Documents that it is about.
    pub documents: Vec<EventDocument>,
    /// What it anchors of a device's trail.
    pub entries: Vec<EventEntry>,
}

/// The events that a row stands for, in order.
#[must_use]
pub fn events(relay: &RelayId, of: &EventRow) -> Vec<Value> {
    let kind = kind_of(&of.row.action);
    let mut drafts = Vec::new();
    for (chart, documents) in by_chart(&of.documents) {
        drafts.push(Draft::of_row(relay, &of.row, kind, chart, documents));
    }
    if drafts.is_empty() {
        drafts.push(Draft::of_row(relay, &of.row, kind, None, Vec::new()));
    }
    drafts.extend(
        of.entries.iter().map(|entry| Draft::of_entry(relay, &of.row, kind_of_entry(&entry.entry.action), entry)),
    );
    drafts.iter().enumerate().map(|(n, draft)| draft.render(n)).collect()
}

/// Events as a Bundle.
#[must_use]
pub fn bundle(rows: &[EventRow], relay: &RelayId) -> Value {
    let mut entries = Vec::new();
    for of in rows {
        for (n, event) in events(relay, of).into_iter().enumerate() {
            entries.push(json!({ "fullUrl": event::full_url(&of.row, n), "resource": event }));
        }
    }
    json!({ "resourceType": "Bundle", "type": "collection", "entry": entries })
}

type ChartOf = Option<(OrganizationId, String)>;

/// Documents by the chart that they belong to, in order of first mention; the directory belongs to none.
fn by_chart(documents: &[EventDocument]) -> Vec<(ChartOf, Vec<&EventDocument>)> {
    let mut charts: Vec<(ChartOf, Vec<&EventDocument>)> = Vec::new();
    for document in documents {
        let of = &document.descriptor;
        let chart = of.patient.as_ref().map(|patient| (of.organization.clone(), patient.to_string()));
        match charts.iter_mut().find(|(other, _)| *other == chart) {
            Some((_, found)) => found.push(document),
            None => charts.push((chart, vec![document])),
        }
    }
    charts
}

/// Where something happened: on the relay, or on a device that told of it later.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Observer {
    /// The relay.
    Relay(RelayId),
    /// A device.
    Device(DeviceId),
}

#[cfg(test)]
mod tests;
