//! The charts: one line of JSON each, `{"id": patient, "steps": [[resource, ...], ...]}`, one step per change.

use std::io::{BufRead, BufReader};
use std::path::Path;

use automerge::transaction::Transactable;
use automerge::{Automerge, AutomergeError, ObjId, ObjType, ROOT, ReadDoc, ScalarValue};
use serde::Deserialize;
use serde_json::Value;

use crate::Failure;

/// One chart as it is written.
#[derive(Clone, Deserialize)]
pub struct Chart {
    steps: Vec<Vec<Value>>,
}

/// The first `count` charts of a file.
pub fn read(file: &Path, count: usize) -> Result<Vec<Chart>, Failure> {
    let lines = BufReader::new(std::fs::File::open(file)?).lines().take(count);
    let charts: Vec<Chart> = lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect::<Result<_, Failure>>()?;
    match charts.len() == count {
        true => Ok(charts),
        false => Err(format!("{} has {} charts, {count} were asked for", file.display(), charts.len()).into()),
    }
}

impl Chart {
    /// One document, one change per step.
    pub fn document(&self) -> Result<Automerge, AutomergeError> {
        let mut document = Automerge::new();
        for step in &self.steps {
            let mut tx = document.transaction();
            for resource in step {
                let kind = resource["resourceType"].as_str().unwrap_or_default();
                let id = resource["id"].as_str().unwrap_or_default();
                let of_kind = match tx.get(ROOT, kind)? {
                    Some((_, of_kind)) => of_kind,
                    None => tx.put_object(ROOT, kind, ObjType::Map)?,
                };
                put(&mut tx, &of_kind, id, resource)?;
            }
            tx.commit();
        }
        Ok(document)
    }

    /// The observation whose value the edits correct.
    fn edited(&self) -> &str {
        let mut resources = self.steps.iter().flatten();
        let found = resources.find(|resource| resource["resourceType"] == "Observation");
        found.and_then(|resource| resource["id"].as_str()).unwrap_or_default()
    }

    /// Corrects its value.
    pub fn edit(&self, document: &mut Automerge, value: f64) -> Result<(), Failure> {
        let quantity = self.quantity(document)?.ok_or("the chart has no value to edit")?;
        let mut tx = document.transaction();
        tx.put(&quantity, "value", value)?;
        tx.commit();
        Ok(())
    }

    /// Its value now.
    pub fn value(&self, document: &Automerge) -> Option<f64> {
        let quantity = self.quantity(document).ok()??;
        document.get(quantity, "value").ok()??.0.as_f64()
    }

    fn quantity(&self, document: &Automerge) -> Result<Option<ObjId>, AutomergeError> {
        let mut at = ROOT;
        for key in ["Observation", self.edited(), "valueQuantity"] {
            match document.get(&at, key)? {
                Some((_, inner)) => at = inner,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }
}

fn put(tx: &mut impl Transactable, parent: &ObjId, key: &str, value: &Value) -> Result<(), AutomergeError> {
    match value {
        Value::Object(fields) => {
            let map = tx.put_object(parent, key, ObjType::Map)?;
            fields.iter().try_for_each(|(key, inner)| put(tx, &map, key, inner))
        }
        Value::Array(items) => {
            let list = tx.put_object(parent, key, ObjType::List)?;
            items.iter().enumerate().try_for_each(|(at, inner)| insert(tx, &list, at, inner))
        }
        scalar => tx.put(parent, key, scalar_of(scalar)),
    }
}

fn insert(tx: &mut impl Transactable, list: &ObjId, at: usize, value: &Value) -> Result<(), AutomergeError> {
    match value {
        Value::Object(fields) => {
            let map = tx.insert_object(list, at, ObjType::Map)?;
            fields.iter().try_for_each(|(key, inner)| put(tx, &map, key, inner))
        }
        Value::Array(items) => {
            let inner = tx.insert_object(list, at, ObjType::List)?;
            items.iter().enumerate().try_for_each(|(at, item)| insert(tx, &inner, at, item))
        }
        scalar => tx.insert(list, at, scalar_of(scalar)),
    }
}

fn scalar_of(value: &Value) -> ScalarValue {
    match value {
        Value::Bool(yes) => (*yes).into(),
        Value::Number(number) => number.as_i64().map_or_else(|| number.as_f64().unwrap_or_default().into(), Into::into),
        Value::String(text) => text.as_str().into(),
        _ => ScalarValue::Null,
    }
}
