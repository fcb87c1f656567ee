//! Returned work: listed, read, exported, applied again as a new edit, and discarded by its author alone.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clinical_record::{DocumentEditor, RecordError, ResourceKey};
use serde_json::{Map, Value, json};
use sync_protocol::UnixMillis;

use crate::edit::{EditReceipt, Step, edit_in};
use crate::store::documents;
use crate::store::drafts::{self, Draft, DraftStep};
use crate::trail::{self, Act};
use crate::{ChartRef, Device, DeviceError, DeviceEvent, fhir_time};

/// The chart reads differently now at one of the draft's elements.
const OUTDATED: &str = "the chart does not read any more as it did when this was written; look at it, then overwrite";

impl Device {
    /// All drafts, oldest first. Recorded as `draft-read`.
    ///
    /// # Errors
    /// [`DeviceError::LeaseExpired`]; storage.
    pub fn drafts(&mut self, now: UnixMillis) -> Result<Vec<Draft>, DeviceError> {
        self.check_lease(now)?;
        let drafts = drafts::all(&self.db)?;
        for draft in &drafts {
            self.record_unless_recent("draft-read", draft.chart().as_ref(), [draft.document], now)?;
        }
        Ok(drafts)
    }

    /// A draft to be taken elsewhere; see [`Draft::text`] and [`Draft::to_json`]. Each time recorded as `draft-exported`.
    ///
    /// # Errors
    /// [`DeviceError::Invalid`] if there is none with this number; [`DeviceError::LeaseExpired`]; storage.
    pub fn export_draft(&mut self, number: u64, now: UnixMillis) -> Result<Draft, DeviceError> {
        self.check_lease(now)?;
        let draft = self.draft(number)?;
        self.record_act(&Act::new("draft-exported", draft.chart().as_ref(), vec![draft.document]), now)?;
        Ok(draft)
    }

    /// Makes what a draft says anew, as an edit like any other; the draft is gone then.
    ///
    /// `overwrite`: also where the chart shows something else now than when it was written.
    /// # Errors
    /// [`DeviceError::Invalid`] if there is none with this number; [`DeviceError::Content`] where it would overwrite what
    /// its author has not seen; [`DeviceError::UnknownPatient`] while the chart is not here; as [`Device::put_resource`].
    pub fn apply_draft(&mut self, number: u64, overwrite: bool, now: UnixMillis) -> Result<EditReceipt, DeviceError> {
        self.check_lease(now)?;
        let draft = self.draft(number)?;
        self.has_a_place(&draft)?;
        let receipt = self.write_documents(|tx, identity, kept| {
            let receipt =
                edit_in(tx, (identity, kept), &draft.descriptor, now, |editor| apply(editor, &draft, overwrite))?;
            let act = Act::new("edit", receipt.chart.as_ref(), vec![receipt.document]).because("a draft was applied");
            trail::record(tx, &act, now)?;
            drafts::remove(tx, number)?;
            Ok(receipt)
        })?;
        self.tell_edited(&receipt, now);
        Ok(receipt)
    }

    /// Discards a draft for good. On its author's express word only.
    ///
    /// # Errors
    /// [`DeviceError::Invalid`] if there is none with this number; [`DeviceError::LeaseExpired`]; storage.
    pub fn discard_draft(&mut self, number: u64, now: UnixMillis) -> Result<(), DeviceError> {
        self.check_lease(now)?;
        let draft = self.draft(number)?;
        self.write(|tx, _| {
            drafts::remove(tx, number)?;
            trail::record(tx, &Act::new("draft-discarded", draft.chart().as_ref(), vec![draft.document]), now)
        })?;
        self.tell(&DeviceEvent::TrailGrew);
        Ok(())
    }

    fn draft(&self, number: u64) -> Result<Draft, DeviceError> {
        drafts::find(&self.db, number)?.ok_or(DeviceError::Invalid("there is no draft with this number"))
    }

    /// A draft goes into a chart that is here; only one that is a Patient begins a chart.
    fn has_a_place(&self, draft: &Draft) -> Result<(), DeviceError> {
        let Some(chart) = draft.chart() else { return Ok(()) };
        if draft.resource.resource_type != "Patient" && documents::of_chart(&self.db, &chart)?.is_empty() {
            return Err(DeviceError::UnknownPatient { patient: chart.patient.to_string() });
        }
        Ok(())
    }
}

fn apply(editor: &mut DocumentEditor<'_>, draft: &Draft, overwrite: bool) -> Result<ResourceKey, RecordError> {
    let mut resource = editor.resource(&draft.resource);
    // Without what was before nothing tells whether the chart still reads so.
    if draft.json.is_none() && !overwrite {
        return Err(RecordError::Abandoned(OUTDATED));
    }
    if resource.is_none() && draft.steps.first().is_some_and(|step| !step.path.is_empty()) {
        // All of the resource went with another draft, or was never here: begin from what the author had.
        let whole = draft.json.clone().filter(|_| overwrite).ok_or(RecordError::Abandoned(OUTDATED))?;
        return editor.put_resource(&whole);
    }
    for step in &draft.steps {
        let step = step_of(&draft.resource, step);
        if !overwrite && !step.follows(resource.as_ref()) {
            return Err(RecordError::Abandoned(OUTDATED));
        }
        resource = step.apply(resource);
    }
    editor.put_resource(&resource.ok_or(RecordError::Abandoned("the draft holds no resource"))?)
}

fn step_of(key: &ResourceKey, step: &DraftStep) -> Step {
    Step { key: key.clone(), path: step.path.clone(), before: step.before.clone(), after: step.after.clone() }
}

impl Draft {
    /// The draft for a person to read: what it would have changed, element by element, and why it was returned.
    #[must_use]
    pub fn text(&self) -> String {
        let mut lines = vec![match self.chart() {
            Some(chart) => format!("{} of {chart}", self.resource),
            None => format!("{} of the directory", self.resource),
        }];
        lines.push(format!("returned {}: {}", fhir_time::instant(self.returned_at), self.reason));
        for step in &self.steps {
            let element = if step.path.is_empty() { "the whole record".to_owned() } else { step.path.to_string() };
            lines.push(format!("\n{}  {element}", fhir_time::instant(step.made_at)));
            lines.extend(step.message.as_ref().map(|message| format!("  why:  {message}")));
            if let Some(before) = &step.before {
                lines.push(format!("  was:  {}", readable(before)));
            }
            lines.push(format!("  new:  {}", step.after.as_ref().map_or_else(|| "removed".into(), readable)));
        }
        lines.join("\n") + "\n"
    }

    /// The draft for a program: the steps, and the whole resource as the author had it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let steps = self.steps.iter().map(|step| {
            json!({
                "change": step.change, "at": step.made_at, "message": step.message, "path": step.path.to_string(),
                "before": step.before, "after": step.after,
            })
        });
        json!({
            "number": self.number,
            "organization": self.descriptor.organization,
            "patient": self.descriptor.patient,
            "resource": self.resource.to_string(),
            "reason": self.reason,
            "madeAt": self.made_at,
            "returnedAt": self.returned_at,
            "steps": steps.collect::<Vec<_>>(),
            "json": self.json,
        })
    }
}

/// A value as text; the text of notes is shown as it was typed.
fn readable(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => serde_json::to_string_pretty(&decoded(value)).unwrap_or_default().replace('\n', "\n        "),
    }
}

fn decoded(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(decoded).collect(),
        Value::Object(members) => Value::Object(decoded_members(members)),
        other => other.clone(),
    }
}

fn decoded_members(members: &Map<String, Value>) -> Map<String, Value> {
    let is_text = members.get("contentType").and_then(Value::as_str).is_some_and(|kind| kind.starts_with("text/"));
    let one = |(name, value): (&String, &Value)| {
        let bytes = value.as_str().filter(|_| is_text && name == "data").and_then(|data| STANDARD.decode(data).ok());
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        (name.clone(), text.map_or_else(|| decoded(value), Value::String))
    };
    members.iter().map(one).collect()
}

/// The drafts of each chart, counted; none is the directory.
pub(crate) fn counted(db: &rusqlite::Connection) -> Result<Vec<(Option<ChartRef>, u64)>, DeviceError> {
    let mut counted: Vec<(Option<ChartRef>, u64)> = Vec::new();
    for draft in drafts::all(db)? {
        let chart = draft.chart();
        match counted.iter_mut().find(|(other, _)| *other == chart) {
            Some((_, count)) => *count += 1,
            None => counted.push((chart, 1)),
        }
    }
    Ok(counted)
}
