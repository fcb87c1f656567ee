//! The table as Markdown, for docs/MERGING.md.

use std::fmt::Write;

use super::{Inside, MERGE_RULES, MergeRule, Merging};

/// The table in the order of its rows, one heading for each group of types.
pub fn merging_markdown() -> String {
    let mut text = String::new();
    let mut types: Option<&[&str]> = None;
    for rule in MERGE_RULES {
        if types != Some(rule.types) {
            types = Some(rule.types);
            let title = if rule.types.is_empty() { "Every resource".to_owned() } else { rule.types.join(", ") };
            let _ = write!(text, "\n### {title}\n\n| element | edited apart | because |\n|---|---|---|\n");
        }
        let _ = writeln!(text, "| `{}` | {} | {} |", rule.element, outcome(rule), rule.why);
    }
    text
}

fn outcome(rule: &MergeRule) -> &'static str {
    match rule.merging {
        Merging::Letters => "merges, letter by letter",
        Merging::Items(Inside::Apart) => "merges; each entry's elements by their own rule",
        Merging::Items(Inside::Whole) => "merges; **conflict** over one entry changed twice",
        Merging::Items(Inside::Together) => "merges; **conflict** over one entry changed in two places",
        Merging::Value(Inside::Apart) => "**conflict**",
        Merging::Value(Inside::Whole) => "**conflict**, as one value",
        Merging::Value(Inside::Together) => "**conflict**, even over different parts",
        Merging::Bookkeeping => "merges; the shown value is the same everywhere",
    }
}
