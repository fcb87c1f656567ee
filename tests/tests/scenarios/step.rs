//! A step's members by name.

use serde_json::{Map, Value};

/// See the module.
#[derive(Clone, Copy)]
pub struct Step<'s>(pub &'s Value);

impl<'s> Step<'s> {
    pub fn member(&self, name: &str) -> &'s Value {
        self.0.get(name).unwrap_or_else(|| panic!("no {name} in {}", self.0))
    }

    pub fn text(&self, name: &str) -> &'s str {
        self.member(name).as_str().unwrap()
    }

    pub fn find_text(&self, name: &str) -> Option<&'s str> {
        self.0.get(name).and_then(Value::as_str)
    }

    pub fn number(&self, name: &str) -> u64 {
        self.member(name).as_u64().unwrap()
    }

    pub fn find_number(&self, name: &str) -> Option<u64> {
        self.0.get(name).and_then(Value::as_u64)
    }

    pub fn flag(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|flag| flag == true)
    }

    pub fn list(&self, name: &str) -> &'s [Value] {
        self.0.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    pub fn texts(&self, name: &str) -> Vec<String> {
        self.list(name).iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    }

    pub fn object(&self, name: &str) -> Map<String, Value> {
        self.0.get(name).and_then(Value::as_object).cloned().unwrap_or_default()
    }
}
