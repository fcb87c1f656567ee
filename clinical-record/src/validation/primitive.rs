//! Checks primitive values: JSON type, format, code.

use fhirbolt_shared::type_hints::r4::TYPE_HINTS;
use serde_json::{Number, Value};

use super::ValidationProblem::{self, BadFormat, Empty, UnknownCode, WrongType};
use super::codes::allowed_codes;
use super::formats::{BYTES, DATE_TIMES, DATES, INSTANTS, TIMES};
use crate::fhir_date::{is_date, is_date_time, is_instant, is_time};
use crate::is_fhir_id;

/// What is wrong with the value of the primitive element `name` of `holder`.
pub(super) fn problem(holder: &str, name: &str, value: &Value) -> Option<ValidationProblem> {
    let path = format!("{holder}.{name}");
    let hints = &TYPE_HINTS;
    match value {
        Value::Bool(_) if hints.boolean_paths.contains(&path) => None,
        _ if hints.boolean_paths.contains(&path) => Some(WrongType("true or false")),
        Value::Number(_) if hints.decimal_paths.contains(&path) => None,
        _ if hints.decimal_paths.contains(&path) => Some(WrongType("a number")),
        Value::Number(number) => number_problem(&path, number),
        _ if is_whole_number(&path) => Some(WrongType("an integer")),
        Value::String(text) if text.trim().is_empty() => Some(Empty),
        Value::String(text) => text_problem(&path, name, text),
        _ => Some(WrongType("a string")),
    }
}

fn is_whole_number(path: &str) -> bool {
    [&TYPE_HINTS.integer_paths, &TYPE_HINTS.unsigned_integer_paths, &TYPE_HINTS.positive_integer_paths]
        .iter()
        .any(|paths| paths.contains(path))
}

fn number_problem(path: &str, number: &Number) -> Option<ValidationProblem> {
    if !is_whole_number(path) {
        return Some(WrongType("a string"));
    }
    let lowest = if TYPE_HINTS.positive_integer_paths.contains(path) {
        1
    } else if TYPE_HINTS.unsigned_integer_paths.contains(path) {
        0
    } else {
        i32::MIN
    };
    match number.as_str().parse::<i32>() {
        Ok(value) if value >= lowest => None,
        Ok(_) => Some(BadFormat("a larger number")),
        Err(_) => Some(WrongType("an integer")),
    }
}

fn text_problem(path: &str, name: &str, text: &str) -> Option<ValidationProblem> {
    let listed = |paths: &[&str]| paths.binary_search(&path).is_ok();
    let suffixed = |suffix: &str| name.len() > suffix.len() && name.ends_with(suffix);
    let expect = |holds: bool, what| (!holds).then_some(BadFormat(what));
    if path.ends_with(".id") && !path.contains("Extension") && path.matches('.').count() == 1 {
        return expect(is_fhir_id(text), "1 to 64 letters, digits, hyphens and dots");
    }
    if listed(DATE_TIMES) || suffixed("DateTime") {
        return expect(is_date_time(text), "a date, or a date and time with its zone: 1970-01-31T10:00:00+01:00");
    }
    if listed(DATES) || suffixed("Date") && path == "Extension.valueDate" {
        return expect(is_date(text), "a date: 1970, 1970-01 or 1970-01-31");
    }
    if listed(INSTANTS) || suffixed("Instant") {
        return expect(is_instant(text), "an instant: 1970-01-31T10:00:00.000Z");
    }
    if listed(TIMES) || path.ends_with(".valueTime") {
        return expect(is_time(text), "a time: 10:00:00");
    }
    if listed(BYTES) {
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/= \r\n".contains(&b));
        return expect(plain, "base64");
    }
    if path == "Narrative.div" {
        return expect(text.trim_start().starts_with("<div") && text.trim_end().ends_with("</div>"), "one XHTML div");
    }
    match allowed_codes(path) {
        Some(codes) if !codes.contains(&text) => Some(UnknownCode),
        _ => None,
    }
}
