//! The admin API as its own description tells of it: every operation, with values for every field.

use serde_json::{Map, Value, json};

use crate::running::Running;

/// One operation.
#[derive(Clone, Debug)]
pub struct Operation {
    pub method: String,
    /// With `{names}`.
    pub path: String,
    pub needs_token: bool,
    /// Name, place (`path` or `query`), schema.
    pub parameters: Vec<(String, String, Value)>,
    pub body: Option<Value>,
}

/// A request that can be sent.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: String,
    pub path: String,
    pub body: Option<Value>,
}

/// The description that a relay serves.
pub struct Description(Value);

impl Description {
    pub async fn of(relay: &Running) -> Self {
        let (status, text) = relay.get("/admin/openapi.json").await;
        assert_eq!(status, 200);
        Self(serde_json::from_str(&text).unwrap())
    }

    /// All operations: reading before adding, adding before removing, parts before the whole.
    pub fn operations(&self) -> Vec<Operation> {
        let mut found = Vec::new();
        for (path, item) in self.0["paths"].as_object().unwrap() {
            for method in ["get", "post", "put", "patch", "delete"] {
                if let Some(operation) = item.get(method) {
                    found.push(self.operation(method, path, operation));
                }
            }
        }
        let order =
            |operation: &Operation| ["GET", "POST", "PUT", "DELETE"].iter().position(|m| *m == operation.method);
        // What is part of something is removed before it.
        found.sort_by_key(|operation| (order(operation).unwrap(), std::cmp::Reverse(operation.path.len())));
        assert!(found.len() > 20, "{}", found.len());
        found
    }

    fn operation(&self, method: &str, path: &str, operation: &Value) -> Operation {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        Operation {
            method: method.to_uppercase(),
            path: path.to_owned(),
            needs_token: operation["security"].as_array().is_none_or(|ways| *ways != [json!({})]),
            parameters: parameters.map(|p| (text(&p["name"]), text(&p["in"]), p["schema"].clone())).collect(),
            body: (!body.is_null()).then(|| body.clone()),
        }
    }

    /// A value that a schema allows; `known` gives those of fields by name.
    pub fn value(&self, name: &str, schema: &Value, known: &Map<String, Value>) -> Value {
        if let Some(value) = known.get(name) {
            return value.clone();
        }
        if let Some(reference) = schema["$ref"].as_str() {
            let target = reference.rsplit('/').next().unwrap();
            return self.value(name, &self.0["components"]["schemas"][target], known);
        }
        for either in ["oneOf", "anyOf", "allOf"] {
            if let Some(ways) = schema[either].as_array() {
                let way = ways.iter().find(|way| way["type"] != "null").unwrap();
                return self.value(name, way, known);
            }
        }
        if let Some(first) = schema["enum"].get(0).or_else(|| schema["examples"].get(0)) {
            return first.clone();
        }
        let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or("object");
        match kind {
            "string" => json!("x".repeat(schema["minLength"].as_u64().unwrap_or(1) as usize)),
            "integer" => json!(schema["minimum"].as_i64().unwrap_or(1).max(1)),
            "boolean" => json!(false),
            "array" => json!([self.value("", &schema["items"], known)]),
            _ => {
                let properties = schema["properties"].as_object().into_iter().flatten();
                properties.map(|(name, schema)| (name.clone(), self.value(name, schema, known))).collect()
            }
        }
    }

    /// The operation with good values; query parameters only as `known` names them.
    pub fn call(&self, operation: &Operation, known: &Map<String, Value>) -> Call {
        let mut path = operation.path.clone();
        let mut query = Vec::new();
        for (name, place, schema) in &operation.parameters {
            if place == "path" {
                path = path.replace(&format!("{{{name}}}"), &plain(&self.value(name, schema, known)));
            } else if let Some(value) = known.get(&format!("?{name}")) {
                query.push(format!("{name}={}", plain(value)));
            }
        }
        if !query.is_empty() {
            path = format!("{path}?{}", query.join("&"));
        }
        let body = operation.body.as_ref().map(|schema| self.value("", schema, known));
        Call { method: operation.method.clone(), path, body }
    }
}

impl Operation {
    /// For messages: method and path.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

impl Call {
    pub async fn send(&self, relay: &Running, token: Option<&str>) -> (u16, Value) {
        relay.call(token, &self.method, &self.path, self.body.clone()).await
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// Everything in the relay's database but the audit trail and sign-ins, by table.
pub fn contents(folder: &std::path::Path) -> std::collections::BTreeMap<String, Vec<String>> {
    let db = rusqlite::Connection::open(folder.join("relay.db")).unwrap();
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('audit', 'sign_in')";
    let tables: Vec<String> =
        db.prepare(sql).unwrap().query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let rows = |table: &String| {
        let mut statement = db.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            let values: Vec<_> = (0..columns).map(|at| row.get::<_, rusqlite::types::Value>(at).unwrap()).collect();
            Ok(values.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>().join(" | "))
        };
        let mut rows: Vec<String> = statement.query_map([], row).unwrap().map(Result::unwrap).collect();
        rows.sort();
        rows
    };
    tables.iter().map(|table| (table.clone(), rows(table))).collect()
}
