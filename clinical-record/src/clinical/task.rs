//! Gives someone a task, and moves it on.

use serde::Deserialize;
use serde_json::{Value, json};

use super::entry::{expect_status, expect_type, reference, required, set, set_text};
use super::{ClinicalEdit, ClinicalError, Entry};

/// Something to be done.
#[derive(Clone, Default, Deserialize)]
pub struct NewTask {
    /// What.
    pub description: String,
    /// FHIR dateTime or date by which.
    pub due: Option<String>,
    /// Who: FHIR id of a Practitioner.
    pub practitioner: Option<String>,
    /// Who: FHIR id of an Organization. Not together with a practitioner.
    pub organization: Option<String>,
    /// routine, urgent, asap, stat.
    pub priority: Option<String>,
}

/// What happens to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskStep {
    /// Whoever was asked agrees.
    Accept,
    /// Whoever was asked does not.
    Reject,
    /// Work has begun.
    Start,
    /// It waits.
    Hold,
    /// It is done.
    Complete,
    /// It cannot be done.
    Fail,
    /// Whoever asked no longer wants it.
    Cancel,
}

impl TaskStep {
    /// Every step.
    pub const ALL: [Self; 7] =
        [Self::Accept, Self::Reject, Self::Start, Self::Hold, Self::Complete, Self::Fail, Self::Cancel];

    /// The status the step leads to.
    pub const fn status(self) -> &'static str {
        match self {
            Self::Accept => "accepted",
            Self::Reject => "rejected",
            Self::Start => "in-progress",
            Self::Hold => "on-hold",
            Self::Complete => "completed",
            Self::Fail => "failed",
            Self::Cancel => "cancelled",
        }
    }

    /// The statuses it may be taken from.
    pub const fn from(self) -> &'static [&'static str] {
        match self {
            Self::Accept | Self::Reject => &["requested", "received"],
            Self::Start => &["requested", "received", "accepted", "ready", "on-hold"],
            Self::Hold => &["accepted", "ready", "in-progress"],
            Self::Complete => &["requested", "received", "accepted", "ready", "in-progress", "on-hold"],
            Self::Fail => &["accepted", "ready", "in-progress", "on-hold"],
            Self::Cancel => &["draft", "requested", "received", "accepted", "ready", "in-progress", "on-hold"],
        }
    }

    /// True where the step must be explained.
    pub const fn needs_reason(self) -> bool {
        matches!(self, Self::Reject | Self::Fail | Self::Cancel)
    }
}

/// Gives someone a task; nobody in particular when neither is named.
///
/// # Errors
/// [`ClinicalError`] naming the element.
pub fn add_task(entry: &Entry<'_>, new: &NewTask) -> Result<ClinicalEdit, ClinicalError> {
    required("Task.description", &new.description)?;
    let mut task = json!({
        "resourceType": "Task", "id": entry.id, "status": "requested", "intent": "order",
        "description": new.description.trim(), "for": entry.patient_reference(),
        "authoredOn": entry.now, "lastModified": entry.now, "requester": entry.author_reference(),
    });
    set(&mut task, "owner", owner(new)?);
    set_text(&mut task, "priority", new.priority.as_deref());
    set(&mut task, "restriction", new.due.as_deref().map(|due| json!({"period": {"end": due}})));
    entry.in_encounter(&mut task);
    ClinicalEdit::of(entry, [task])
}

fn owner(new: &NewTask) -> Result<Option<Value>, ClinicalError> {
    match (new.practitioner.as_deref(), new.organization.as_deref()) {
        (Some(_), Some(_)) => {
            Err(ClinicalError::new("Task.owner", "must be one, not a practitioner and an organization"))
        }
        (Some(id), None) => Ok(Some(reference("Practitioner", id))),
        (None, Some(id)) => Ok(Some(reference("Organization", id))),
        (None, None) => Ok(None),
    }
}

/// Moves a task on.
///
/// # Errors
/// [`ClinicalError`] naming the element: a step that its status does not allow, a missing reason.
pub fn move_task(
    entry: &Entry<'_>,
    task: &Value,
    step: TaskStep,
    reason: Option<&str>,
) -> Result<ClinicalEdit, ClinicalError> {
    expect_type(task, "Task")?;
    expect_status(task, "status", step.from())?;
    if step.needs_reason() {
        required("Task.statusReason", reason.unwrap_or_default())?;
    }
    let mut task = task.clone();
    task["status"] = step.status().into();
    task["lastModified"] = entry.now.into();
    if let Some(reason) = reason.map(str::trim).filter(|reason| !reason.is_empty()) {
        task["statusReason"] = json!({"text": reason});
    }
    Ok(ClinicalEdit::of(entry, [task])?.because(reason))
}
