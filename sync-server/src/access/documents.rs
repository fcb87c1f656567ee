//! The documents, as far as access goes: numbers by class and by chart. Some ten bytes for each, whatever its size.

use std::collections::HashSet;
use std::sync::Arc;

use roaring::RoaringBitmap;
use sync_protocol::{Compartment, DocumentDescriptor};

use crate::access::charts::{ChartNumber, Charts, OrganizationNumber};

const NONE: u32 = u32::MAX;
/// Compartments that come before any chart, the most urgent ones: directory and patient index.
const INDEX_COMPARTMENTS: usize = 2;
/// Charts worked on last that come before all others.
const RECENT_CHARTS: usize = 200;
/// Sensitive categories of one organization, at most: each is a class, to be decided on for everyone.
pub(in crate::access) const MAX_CATEGORIES: usize = 128;

/// What policies can tell apart about the documents of one organization, facts about their charts aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::access) struct Class {
    /// What kind of content.
    pub compartment: Compartment,
    /// Which category, of a sensitive document.
    pub category: Option<Arc<str>>,
}

impl Class {
    /// The class of a document.
    pub fn of(descriptor: &DocumentDescriptor) -> Self {
        let sensitive = descriptor.compartment == Compartment::Sensitive;
        Self { compartment: descriptor.compartment, category: sensitive.then(|| descriptor.part.as_str().into()) }
    }

    fn is_of(&self, descriptor: &DocumentDescriptor) -> bool {
        self.compartment == descriptor.compartment
            && self.category.as_deref().is_none_or(|category| category == descriptor.part)
    }
}

/// The documents of one class at one organization.
#[derive(Debug)]
pub(in crate::access) struct ClassSet {
    pub class: Class,
    pub documents: RoaringBitmap,
}

/// All documents, by number.
#[derive(Debug, Default)]
pub(in crate::access) struct Documents {
    /// By organization number.
    classes: Vec<Vec<ClassSet>>,
    /// By document number: where in its organization's classes it stands, its chart, and the document of the same chart that
    /// came before it.
    class_of: Vec<u32>,
    chart_of: Vec<u32>,
    before: Vec<u32>,
    /// By chart number: its newest document.
    newest: Vec<u32>,
    by_compartment: [RoaringBitmap; Compartment::ALL.len()],
}

impl Documents {
    /// Adds a document.
    pub fn insert(&mut self, charts: &mut Charts, descriptor: &DocumentDescriptor, number: u32) {
        let chart = charts.number(&descriptor.organization, descriptor.patient.as_ref());
        let class = self.class(charts.organization_of(chart), descriptor, number);
        let at = number as usize;
        if self.class_of.len() <= at {
            self.class_of.resize(at + 1, NONE);
            self.chart_of.resize(at + 1, NONE);
            self.before.resize(at + 1, NONE);
        }
        if self.newest.len() <= chart.0 as usize {
            self.newest.resize(chart.0 as usize + 1, NONE);
        }
        self.class_of[at] = class;
        self.chart_of[at] = chart.0;
        self.before[at] = std::mem::replace(&mut self.newest[chart.0 as usize], number);
        self.by_compartment[usize::from(descriptor.compartment.urgency())].insert(number);
    }

    /// Adds a number to its class; gives where the class stands.
    fn class(&mut self, organization: OrganizationNumber, descriptor: &DocumentDescriptor, number: u32) -> u32 {
        let at = organization.0 as usize;
        if self.classes.len() <= at {
            self.classes.resize_with(at + 1, Vec::new);
        }
        let classes = &mut self.classes[at];
        let found = classes.iter().position(|set| set.class.is_of(descriptor));
        let class = found.unwrap_or_else(|| {
            classes.push(ClassSet { class: Class::of(descriptor), documents: RoaringBitmap::new() });
            classes.len() - 1
        });
        classes[class].documents.insert(number);
        class as u32
    }

    /// One more than the highest number.
    pub fn end(&self) -> u32 {
        self.class_of.len() as u32
    }

    /// The classes of an organization.
    pub fn classes(&self, organization: OrganizationNumber) -> &[ClassSet] {
        self.classes.get(organization.0 as usize).map_or(&[], Vec::as_slice)
    }

    /// Whether an organization has documents of this one's class, or would not have too many categories with it.
    pub fn has_room_for(&self, organization: OrganizationNumber, descriptor: &DocumentDescriptor) -> bool {
        let classes = self.classes(organization);
        let known = classes.iter().any(|set| set.class.is_of(descriptor));
        known || classes.iter().filter(|set| set.class.category.is_some()).count() < MAX_CATEGORIES
    }

    /// Chart and class of a document.
    pub fn look_up(&self, charts: &Charts, number: u32) -> Option<(ChartNumber, &Class)> {
        let chart = ChartNumber(*self.chart_of.get(number as usize).filter(|chart| **chart != NONE)?);
        let classes = self.classes(charts.organization_of(chart));
        Some((chart, &classes[self.class_of[number as usize] as usize].class))
    }

    /// The documents of a chart, newest first.
    pub fn of_chart(&self, chart: ChartNumber) -> impl Iterator<Item = u32> {
        let there = |number: u32| (number != NONE).then_some(number);
        let newest = self.newest.get(chart.0 as usize).copied().and_then(there);
        std::iter::successors(newest, move |number| there(self.before[*number as usize]))
    }

    /// Orders documents for delivery: what finds patients, then the charts of recent documents, then by compartment and as
    /// they were begun.
    pub fn in_order_of_urgency(&self, wanted: &RoaringBitmap, recent: &[u32]) -> Vec<u32> {
        if wanted.is_empty() {
            return Vec::new();
        }
        let (index, contents) = self.by_compartment.split_at(INDEX_COMPARTMENTS);
        let mut order: Vec<u32> = index.iter().flat_map(|of_compartment| of_compartment & wanted).collect();
        let mut charts = HashSet::new();
        let mut given = RoaringBitmap::from_iter(&order);
        for number in recent.iter().filter(|number| wanted.contains(**number)) {
            if charts.len() == RECENT_CHARTS {
                break;
            }
            let Some(chart) = self.chart_of.get(*number as usize).filter(|chart| charts.insert(**chart)) else {
                continue;
            };
            let of_chart = RoaringBitmap::from_iter(self.of_chart(ChartNumber(*chart))) & wanted;
            order.extend(contents.iter().flat_map(|of_compartment| of_compartment & &of_chart));
            given |= of_chart;
        }
        let rest = wanted - given;
        order.extend(contents.iter().flat_map(|of_compartment| of_compartment & &rest));
        order
    }
}
