//! Starts a care plan and adds to it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::entry::{expect_status, expect_type, push, reference, required, set, set_text};
use super::{ClinicalEdit, ClinicalError, Entry};

/// A care plan.
#[derive(Clone, Default, Deserialize)]
pub struct NewCarePlan {
    /// Its name.
    pub title: String,
    /// What it is about, in words.
    pub description: Option<String>,
    /// FHIR ids of the Conditions it addresses.
    #[serde(default)]
    pub problems: Vec<String>,
    /// What is to be done.
    #[serde(default)]
    pub activities: Vec<NewActivity>,
}

/// Something to be done in a care plan.
#[derive(Clone, Default, Deserialize)]
pub struct NewActivity {
    /// What.
    pub description: String,
    /// In words, when: "every morning".
    pub when: Option<String>,
}

/// Starts a care plan.
///
/// # Errors
/// [`ClinicalError`] naming the element.
pub fn start_care_plan(entry: &Entry<'_>, new: &NewCarePlan) -> Result<ClinicalEdit, ClinicalError> {
    required("CarePlan.title", &new.title)?;
    let mut plan = json!({
        "resourceType": "CarePlan", "id": entry.id, "status": "active", "intent": "plan", "title": new.title.trim(),
        "subject": entry.patient_reference(), "period": {"start": entry.now}, "created": entry.now,
        "author": entry.author_reference(),
    });
    set_text(&mut plan, "description", new.description.as_deref());
    let problems: Vec<Value> = new.problems.iter().map(|id| reference("Condition", id)).collect();
    set(&mut plan, "addresses", (!problems.is_empty()).then(|| problems.into()));
    for activity in &new.activities {
        add(&mut plan, activity)?;
    }
    entry.in_encounter(&mut plan);
    ClinicalEdit::of(entry, [plan])
}

/// Adds an activity to a running care plan.
///
/// # Errors
/// [`ClinicalError`] naming the element: a plan that does not run.
pub fn add_activity(entry: &Entry<'_>, plan: &Value, activity: &NewActivity) -> Result<ClinicalEdit, ClinicalError> {
    expect_type(plan, "CarePlan")?;
    expect_status(plan, "status", &["active", "draft", "on-hold"])?;
    let mut plan = plan.clone();
    add(&mut plan, activity)?;
    ClinicalEdit::of(entry, [plan])
}

fn add(plan: &mut Value, activity: &NewActivity) -> Result<(), ClinicalError> {
    let position = plan["activity"].as_array().map_or(0, Vec::len);
    required(format!("CarePlan.activity[{position}].detail.description"), &activity.description)?;
    let mut detail = json!({"status": "not-started", "description": activity.description.trim()});
    set_text(&mut detail, "scheduledString", activity.when.as_deref());
    push(plan, "activity", json!({"detail": detail}));
    Ok(())
}
