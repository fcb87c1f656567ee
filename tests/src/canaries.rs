//! Patient content that must never be logged, and the tracing layer that panics when it is.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::sync::{LazyLock, Mutex, PoisonError, RwLock};

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// Shorter texts occur in honest log lines, too.
const SHORTEST: usize = 6;
/// Elements whose text names or describes a patient.
const TELLING: [&str; 12] = [
    "family",
    "given",
    "value",
    "line",
    "city",
    "text",
    "data",
    "valueString",
    "note",
    "birthDate",
    "dose",
    "description",
];

/// By their first bytes: thousands are planted, and each log line is looked through once.
static PLANTED: LazyLock<RwLock<HashMap<[u8; SHORTEST], BTreeSet<String>>>> = LazyLock::new(RwLock::default);
static LEAKED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// From now on nothing that is logged in this process may contain `text`.
pub fn plant(text: &str) {
    if let Some(start) = text.as_bytes().first_chunk() {
        let mut planted = PLANTED.write().unwrap_or_else(PoisonError::into_inner);
        planted.entry(*start).or_default().insert(text.to_owned());
    }
}

/// Plants the names, identifiers and texts of a resource or Bundle.
pub fn plant_all_of(value: &Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                plant_member(name, member);
                plant_all_of(member);
            }
        }
        Value::Array(items) => items.iter().for_each(plant_all_of),
        _ => {}
    }
}

fn plant_member(name: &str, member: &Value) {
    if !TELLING.contains(&name) {
        return;
    }
    match member {
        Value::String(text) => plant(text),
        Value::Array(items) => items.iter().filter_map(Value::as_str).for_each(plant),
        _ => {}
    }
}

/// The first planted text in `text`.
#[must_use]
pub fn found_in(text: &str) -> Option<String> {
    let planted = PLANTED.read().unwrap_or_else(PoisonError::into_inner);
    let text = text.as_bytes();
    (0..text.len()).find_map(|at| {
        let begin_alike = planted.get(text[at..].first_chunk()?)?;
        begin_alike.iter().find(|canary| text[at..].starts_with(canary.as_bytes())).cloned()
    })
}

/// Installs the layer for the whole process; only the first call counts.
pub fn watch_logs() {
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(CanaryLayer));
}

/// Panics if anything was logged that must not be, also where the panic at that place was caught.
pub fn assert_nothing_leaked() {
    let leaked = LEAKED.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(leaked.is_empty(), "patient content was logged: {leaked:?}");
}

/// Panics on a log event or span that contains a planted text.
#[derive(Clone, Copy, Debug)]
pub struct CanaryLayer;

impl<S: Subscriber> Layer<S> for CanaryLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        check(&text.0, event.metadata().target());
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let mut text = Text::default();
        attributes.record(&mut text);
        check(&text.0, attributes.metadata().target());
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        values.record(&mut text);
        check(&text.0, "a span");
    }
}

fn check(text: &str, target: &str) {
    if let Some(canary) = found_in(text) {
        let leak = format!("{target} logged {canary:?}: {text}");
        LEAKED.lock().unwrap_or_else(PoisonError::into_inner).push(leak.clone());
        panic!("patient content in the log: {leak}");
    }
}

#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, "{}={value:?} ", field.name());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = write!(self.0, "{}={value} ", field.name());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planted_text_is_found_wherever_it_stands() {
        plant("Planted-Family");
        plant("Planted-Name");
        assert_eq!(found_in("refused Planted-Name because"), Some("Planted-Name".into()));
        assert_eq!(found_in("ends in Planted-Family"), Some("Planted-Family".into()));
        assert_eq!(found_in("Planted-"), None);
    }

    #[test]
    fn logging_a_planted_text_panics() {
        plant("Logged-Family");
        let logs = |field: &'static str| {
            let subscriber = tracing_subscriber::registry().with(CanaryLayer);
            tracing::subscriber::with_default(subscriber, || {
                std::panic::catch_unwind(|| tracing::debug!(field, "an event")).is_err()
            })
        };
        assert!(logs("chart of Logged-Family"));
        assert!(!logs("chart of p1"));
        LEAKED.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
