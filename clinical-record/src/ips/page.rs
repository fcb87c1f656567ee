//! The summary as what a print-out shows: who, and rows of text for each section.

use serde_json::Value;

use super::narrative::cells;
use crate::{ResourceKey, patient_summary, resource_summary};

/// What a print-out shows. All of it is patient content.
#[derive(Clone, PartialEq, Eq)]
pub struct SummaryPage {
    /// What the patient is called.
    pub name: String,
    /// Birth, sex, numbers: a line each.
    pub lines: Vec<String>,
    /// In order.
    pub sections: Vec<PageSection>,
    /// When it was made and by whom.
    pub footer: String,
}

/// One section.
#[derive(Clone, PartialEq, Eq)]
pub struct PageSection {
    /// Its title.
    pub title: String,
    /// What, details, status, date. None where nothing is known.
    pub rows: Vec<[String; 4]>,
}

impl std::fmt::Debug for SummaryPage {
    /// Counts only.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SummaryPage").field("sections", &self.sections.len()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for PageSection {
    /// Counts only.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PageSection").field("rows", &self.rows.len()).finish_non_exhaustive()
    }
}

/// What to print of an International Patient Summary; `None` for another Bundle.
pub fn summary_page(bundle: &Value) -> Option<SummaryPage> {
    let resources: Vec<&Value> = bundle["entry"].as_array()?.iter().map(|entry| &entry["resource"]).collect();
    let composition = resources.first().filter(|one| one["resourceType"] == "Composition")?;
    let patient = resources.iter().find(|one| one["resourceType"] == "Patient")?;
    let find = |reference: &Value| {
        let name = reference["reference"].as_str()?;
        resources.iter().copied().find(|one| ResourceKey::of(one).is_ok_and(|key| key.to_string() == name))
    };
    let sections = composition["section"].as_array()?.iter().map(|section| PageSection {
        title: section["title"].as_str().unwrap_or_default().to_owned(),
        rows: section["entry"].as_array().into_iter().flatten().filter_map(find).map(cells).collect(),
    });
    let author = composition["author"][0].get("reference").and_then(|_| find(&composition["author"][0]));
    let by = author.map(|author| resource_summary(author).display).unwrap_or_default();
    let made = composition["date"].as_str().unwrap_or_default();
    Some(SummaryPage {
        name: resource_summary(patient).display,
        lines: lines(patient),
        sections: sections.collect(),
        footer: format!("International Patient Summary, made {made} by {by}"),
    })
}

fn lines(patient: &Value) -> Vec<String> {
    let summary = patient_summary(patient).unwrap_or_default();
    let born = summary.birth_date.unwrap_or_else(|| "unknown".into());
    let mut lines = vec![format!("born {born}, {}", summary.gender.unwrap_or_else(|| "sex unknown".into()))];
    if summary.deceased {
        lines.push("DECEASED".into());
    }
    lines.extend(summary.identifiers.into_iter().map(|one| match one.system {
        Some(system) => format!("{} ({system})", one.value),
        None => one.value,
    }));
    lines
}
