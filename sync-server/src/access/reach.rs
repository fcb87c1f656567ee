//! What a subject may receive, as a set of document numbers: the union of a few class sets and granted charts.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;
use sync_protocol::{OrganizationId, PatientId, UnixMillis};

use crate::access::facts::{Facts, Subject};
use crate::access::rules::{AccessClass, Action, decide_class};

/// The numbers of all documents, by access class. Kept in memory: bytes per document, whatever the documents' size.
#[derive(Clone, Debug, Default)]
pub struct DocumentSets {
    by_class: BTreeMap<AccessClass, RoaringBitmap>,
}

impl DocumentSets {
    /// Adds a document.
    pub fn insert(&mut self, class: AccessClass, number: u32) {
        self.by_class.entry(class).or_default().insert(number);
    }

    /// The documents of every class that the rules open to all of its charts.
    #[must_use]
    pub fn of_classes(&self, facts: &Facts, subject: &Subject) -> RoaringBitmap {
        let mut reach = RoaringBitmap::new();
        for (class, documents) in &self.by_class {
            if decide_class(facts, subject, class, Action::Read).is_some() {
                reach |= documents;
            }
        }
        reach
    }

    /// How urgently each document is wanted: numbers in order of compartment, then of creation.
    #[must_use]
    pub fn in_order_of_urgency(&self, wanted: &RoaringBitmap) -> Vec<u32> {
        let mut by_urgency: BTreeMap<u8, RoaringBitmap> = BTreeMap::new();
        for (class, documents) in &self.by_class {
            *by_urgency.entry(class.compartment.urgency()).or_default() |= documents & wanted;
        }
        by_urgency.into_values().flatten().collect()
    }
}

/// Charts that are open to a subject by a grant, and until when this holds unchanged.
#[must_use]
pub fn granted_charts(
    facts: &Facts,
    subject: &Subject,
    now: UnixMillis,
) -> (Vec<(OrganizationId, PatientId)>, Option<UnixMillis>) {
    let grants: Vec<_> = facts.grants(subject, now).collect();
    let until = grants.iter().map(|grant| grant.expires_at).min();
    let mut charts: Vec<_> = grants.iter().map(|g| (g.organization.clone(), g.patient.clone())).collect();
    charts.sort();
    charts.dedup();
    (charts, until)
}
