//! `satchel device edit|put|note|entered-in-error|settle`

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use client_core::driver::system_time;
use client_core::{EditReceipt, ElementPath, ResourceKey};
use serde_json::{Value, json};

use super::Context;
use crate::failure::Failure;
use crate::output;

/// Arguments of `satchel device edit`.
#[derive(Debug, Args)]
pub struct EditArgs {
    /// PATIENT, or ORGANIZATION/PATIENT
    chart: String,
    /// Type/id, for example MedicationRequest/123
    resource: String,
    /// Element, for example dosageInstruction[0].text
    path: String,
    /// New value: JSON, or plain text
    value: String,
}

/// Arguments of `satchel device put`.
#[derive(Debug, Args)]
pub struct PutArgs {
    /// PATIENT, or ORGANIZATION/PATIENT
    chart: String,
    /// JSON file of one resource, - for standard input
    file: PathBuf,
}

/// Arguments of `satchel device note`.
#[derive(Debug, Args)]
pub struct NoteArgs {
    /// PATIENT, or ORGANIZATION/PATIENT
    chart: String,
    /// The text, - for standard input
    text: String,
    /// Encounter that a new note belongs to (its FHIR id)
    #[arg(long, value_name = "ID", conflicts_with = "append_to")]
    encounter: Option<String>,
    /// Add the text to the end of this note instead (DocumentReference/id)
    #[arg(long, value_name = "NOTE")]
    append_to: Option<String>,
}

/// Arguments of `satchel device entered-in-error`.
#[derive(Debug, Args)]
pub struct EnteredInErrorArgs {
    /// PATIENT, or ORGANIZATION/PATIENT
    chart: String,
    /// Type/id
    resource: String,
    /// Why; it stays in the history
    #[arg(long)]
    reason: String,
}

/// Arguments of `satchel device settle`.
#[derive(Debug, Args)]
pub struct SettleArgs {
    /// PATIENT, or ORGANIZATION/PATIENT
    chart: String,
    /// Type/id
    resource: String,
    /// Element in conflict; "" for the whole resource
    path: String,
    /// The value that is right: JSON, or plain text; none to remove the element
    value: Option<String>,
    /// Why; it stays in the history
    #[arg(long)]
    reason: String,
}

/// Runs `satchel device edit`.
///
/// # Errors
/// [`Failure`].
pub fn edit(mut context: Context, args: &EditArgs) -> Result<(), Failure> {
    let chart = context.chart(&args.chart)?;
    let (key, path) = (resource_key(&args.resource)?, element_path(&args.path)?);
    let receipt = context.device.set_element(&chart, &key, &path, value(&args.value), system_time())?;
    show(context.json, &receipt)
}

/// Runs `satchel device put`.
///
/// # Errors
/// [`Failure`].
pub fn put(mut context: Context, args: &PutArgs) -> Result<(), Failure> {
    let chart = context.chart(&args.chart)?;
    let text = read_text(&args.file)?;
    // The parser's message could quote the content; line and column say enough.
    let resource: Value = serde_json::from_str(&text).map_err(|error| {
        let place = format!("line {} column {}", error.line(), error.column());
        Failure::BadInput(format!("{}: not JSON at {place}", args.file.display()))
    })?;
    let receipt = context.device.put_resource(&chart, &resource, system_time())?;
    show(context.json, &receipt)
}

/// Runs `satchel device note`.
///
/// # Errors
/// [`Failure`].
pub fn note(mut context: Context, args: &NoteArgs) -> Result<(), Failure> {
    let chart = context.chart(&args.chart)?;
    let text = if args.text == "-" { read_text(Path::new("-"))? } else { args.text.clone() };
    let receipt = match &args.append_to {
        Some(note) => context.device.append_to_note(&chart, &resource_key(note)?, &text, system_time())?,
        None => context.device.add_note(&chart, &text, args.encounter.as_deref(), system_time())?,
    };
    show(context.json, &receipt)
}

/// Runs `satchel device entered-in-error`.
///
/// # Errors
/// [`Failure`].
pub fn entered_in_error(mut context: Context, args: &EnteredInErrorArgs) -> Result<(), Failure> {
    let chart = context.chart(&args.chart)?;
    let key = resource_key(&args.resource)?;
    let receipt = context.device.mark_entered_in_error(&chart, &key, &args.reason, system_time())?;
    show(context.json, &receipt)
}

/// Runs `satchel device settle`.
///
/// # Errors
/// [`Failure`].
pub fn settle(mut context: Context, args: &SettleArgs) -> Result<(), Failure> {
    let chart = context.chart(&args.chart)?;
    let key = resource_key(&args.resource)?;
    let path = if args.path.is_empty() { ElementPath::default() } else { element_path(&args.path)? };
    let chosen = args.value.as_deref().map(value);
    let receipt = context.device.settle_conflict(&chart, &key, &path, chosen.as_ref(), &args.reason, system_time())?;
    show(context.json, &receipt)
}

fn show(json: bool, receipt: &EditReceipt) -> Result<(), Failure> {
    let shown = json!({
        "resource": receipt.resource.to_string(),
        "document": receipt.document,
        "change": receipt.change,
    });
    output::print(json, &shown, |_| match receipt.change {
        Some(_) => say!("saved {}; it is sent with the next sync", receipt.resource),
        None => say!("{} was so already", receipt.resource),
    })
}

/// Reads `Type/id`.
pub(super) fn resource_key(text: &str) -> Result<ResourceKey, Failure> {
    let bad = || Failure::BadInput(format!("{text} is not a resource: write Type/id"));
    let (resource_type, id) = text.split_once('/').ok_or_else(bad)?;
    let key = json!({ "resourceType": resource_type, "id": id });
    ResourceKey::of(&key).map_err(|_| bad())
}

fn element_path(text: &str) -> Result<ElementPath, Failure> {
    let bad =
        |_| Failure::BadInput(format!("{text} is not an element path: write for example dosageInstruction[0].text"));
    text.parse().map_err(bad)
}

/// JSON if it parses as such, a string otherwise: people write `finished`, not `"finished"`.
fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

fn read_text(path: &Path) -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::BadInput(format!("{}: {error}", path.display()));
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(failed)?;
        return Ok(text);
    }
    std::fs::read_to_string(path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_json_where_they_parse_and_text_otherwise() {
        assert_eq!(value("finished"), json!("finished"));
        assert_eq!(value("{\"a\":[1]}"), json!({"a": [1]}));
        assert_eq!(value("2 tablets"), json!("2 tablets"));
        assert_eq!(value("\"7\""), json!("7"));
    }

    #[test]
    fn a_resource_is_written_as_type_and_id() {
        assert_eq!(resource_key("Flag/f1").unwrap(), ResourceKey::new("Flag", "f1"));
        for bad in ["Flag", "Flag/", "/f1", "Flag/a b"] {
            assert!(resource_key(bad).is_err(), "{bad}");
        }
    }
}
