//! Bundles of type transaction (all or nothing) and batch (each for itself).

use std::collections::{BTreeMap, BTreeSet};

use axum::http::{Method, StatusCode};
use clinical_record::ResourceKey;
use serde_json::{Map, Value, json};

use super::answer::{Answer, etag};
use super::outcome::Fault;
use super::request::{Asked, Call, Return, pairs};
use super::serve::{Caller, carry_out};
use super::shown::instant;
use super::types;
use super::write::{self, Draft, OfEntry, Written};

/// Entries of a Bundle, at most.
const MAX_ENTRIES: usize = 5_000;

/// POST of a Bundle.
///
/// # Errors
/// [`Fault`]; of a transaction nothing is kept then.
pub async fn post(caller: &Caller, call: Call) -> Result<Answer, Fault> {
    let returns = call.asked.returns;
    let strict = call.asked.strict;
    let bundle = write::of_type("Bundle", call.body.unwrap_or_default())
        .map_err(|_| Fault::bad_request("a Bundle is sent here"))?;
    let entries = read_entries(&bundle)?;
    match bundle["type"].as_str() {
        Some("batch") => batch(caller, entries, returns, strict).await,
        Some("transaction") => {
            transaction(caller, entries, returns).await.map_err(|(entry, fault)| located(entry, fault))
        }
        _ => Err(Fault::bad_request("Bundle.type is transaction or batch")),
    }
}

/// One entry, read.
struct Entry {
    at: usize,
    full_url: Option<String>,
    method: Method,
    path: String,
    query: String,
    if_match: Option<String>,
    if_none_exist: Option<String>,
    resource: Value,
}

fn read_entries(bundle: &Value) -> Result<Vec<Entry>, Fault> {
    let list = match &bundle["entry"] {
        Value::Null => &[][..],
        Value::Array(list) => list.as_slice(),
        _ => return Err(Fault::bad_request("Bundle.entry is a list")),
    };
    if list.len() > MAX_ENTRIES {
        let text = format!("a Bundle has at most {MAX_ENTRIES} entries");
        return Err(Fault::new(StatusCode::PAYLOAD_TOO_LARGE, "too-costly", text));
    }
    list.iter().enumerate().map(|(at, entry)| Entry::read(at, entry).map_err(|fault| located(at, fault))).collect()
}

impl Entry {
    fn read(at: usize, entry: &Value) -> Result<Self, Fault> {
        let request = &entry["request"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let method = match request["method"].as_str() {
            Some(method @ ("GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "PATCH")) => method,
            _ => return Err(Fault::bad_request("request.method is GET, POST or PUT")),
        };
        let url = request["url"].as_str().ok_or_else(|| Fault::bad_request("request.url is missing"))?;
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        Ok(Self {
            at,
            full_url: text(&entry["fullUrl"]),
            method: method.parse().map_err(|_| Fault::failed())?,
            path: path.to_owned(),
            query: query.to_owned(),
            if_match: text(&request["ifMatch"]),
            if_none_exist: text(&request["ifNoneExist"]),
            resource: entry["resource"].clone(),
        })
    }

    fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|segment| !segment.is_empty()).collect()
    }

    fn call(self, returns: Return, strict: bool) -> Call {
        let asked =
            Asked { strict, returns, if_match: self.if_match.clone(), if_none_exist: self.if_none_exist.clone() };
        let segments = self.segments().into_iter().map(str::to_owned).collect();
        let writes = matches!(self.method, Method::POST | Method::PUT);
        Call {
            segments,
            parameters: pairs(self.query.as_bytes()),
            asked,
            body: writes.then_some(self.resource),
            method: self.method,
        }
    }
}

async fn batch(caller: &Caller, entries: Vec<Entry>, returns: Return, strict: bool) -> Result<Answer, Fault> {
    let mut responses = Vec::with_capacity(entries.len());
    for entry in entries {
        let nested = entry.segments().is_empty();
        let done = match nested {
            true => Err(Fault::bad_request("a Bundle is no entry of a Bundle")),
            false => Box::pin(carry_out(caller, entry.call(returns, strict))).await,
        };
        responses.push(match done {
            Ok(answer) => shown(&answer)?,
            Err(fault) => json!({ "response": { "status": status(fault.status), "outcome": fault.outcome() } }),
        });
    }
    Ok(answered("batch-response", responses))
}

async fn transaction(caller: &Caller, mut entries: Vec<Entry>, returns: Return) -> Result<Answer, OfEntry> {
    let _alone = caller.state.fhir.writing.lock().await;
    let mut responses: BTreeMap<usize, Value> = BTreeMap::new();
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let (mut drafts, mut reads) = (Vec::new(), Vec::new());
    // First what each resource is called, then who refers to it.
    let mut kept = Vec::new();
    for mut entry in entries.drain(..) {
        let at = entry.at;
        let of_entry = |fault| (at, fault);
        if entry.method == Method::GET {
            reads.push(entry);
            continue;
        }
        if let Some((kind, condition)) = conditional(&entry).map_err(of_entry)?
            && let Some(there) = write::existing(caller, kind, &condition).await.map_err(of_entry)?
        {
            names.extend(entry.full_url.take().zip(there.location.clone()));
            responses.insert(at, shown(&there).map_err(of_entry)?);
            continue;
        }
        let draft = draft(&mut entry).map_err(of_entry)?;
        names.extend(entry.full_url.clone().map(|url| (url, draft.key.to_string())));
        kept.push(draft);
    }
    let mut seen: BTreeSet<ResourceKey> = BTreeSet::new();
    for mut draft in kept {
        if !seen.insert(draft.key.clone()) {
            return Err((draft.entry, Fault::bad_request("a transaction writes each resource once")));
        }
        rename(&mut draft.resource, &names);
        drafts.push(draft);
    }
    if !drafts.is_empty() {
        for written in write::apply(caller, drafts).await? {
            let at = written.entry;
            responses.insert(at, of_written(written, returns).map_err(|fault| (at, fault))?);
        }
    }
    for entry in reads {
        let at = entry.at;
        let done = Box::pin(carry_out(caller, entry.call(returns, false))).await;
        // What was written is kept by now: what cannot be read is told as that.
        responses.insert(
            at,
            match done {
                Ok(answer) => shown(&answer).map_err(|fault| (at, fault))?,
                Err(fault) => json!({ "response": { "status": status(fault.status), "outcome": fault.outcome() } }),
            },
        );
    }
    Ok(answered("transaction-response", responses.into_values().collect()))
}

/// Type and condition of a conditional creation.
fn conditional(entry: &Entry) -> Result<Option<(&'static str, String)>, Fault> {
    let Some(condition) = entry.if_none_exist.clone().filter(|_| entry.method == Method::POST) else { return Ok(None) };
    let kind = entry.segments().first().and_then(|name| types::known(name));
    Ok(Some((kind.ok_or_else(no_such_type)?, condition)))
}

/// The draft that an entry asks for.
fn draft(entry: &mut Entry) -> Result<Draft, Fault> {
    let segments: Vec<String> = entry.segments().into_iter().map(str::to_owned).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let kind = segments.first().and_then(|name| types::known(name)).ok_or_else(no_such_type)?;
    let resource = write::of_type(kind, std::mem::take(&mut entry.resource))?;
    match (entry.method.as_str(), &segments[1..]) {
        ("POST", []) => write::creation(entry.at, kind, resource, None),
        ("PUT", [id]) => write::replacement(entry.at, kind, id, resource, entry.if_match.as_deref()),
        _ => Err(Fault::method_not_allowed("entries of a transaction are GET, POST of a type or PUT of a resource")),
    }
}

fn no_such_type() -> Fault {
    Fault::new(StatusCode::NOT_FOUND, "not-supported", "the API has no such resource type")
}

/// Writes references to entries of the Bundle as references to the resources that these have become.
fn rename(value: &mut Value, names: &BTreeMap<String, String>) {
    match value {
        Value::Object(members) => rename_members(members, names),
        Value::Array(list) => list.iter_mut().for_each(|child| rename(child, names)),
        _ => {}
    }
}

fn rename_members(members: &mut Map<String, Value>, names: &BTreeMap<String, String>) {
    for (name, child) in members.iter_mut() {
        match child {
            Value::String(text) if name == "reference" => {
                if let Some(new) = names.get(text.as_str()) {
                    text.clone_from(new);
                }
            }
            child => rename(child, names),
        }
    }
}

fn of_written(written: Written, returns: Return) -> Result<Value, Fault> {
    let key = written.key.to_string();
    let mut entry = shown(&write::answer(written, returns))?;
    entry["response"]["location"] = key.into();
    Ok(entry)
}

/// An answer as an entry of a response.
fn shown(answer: &Answer) -> Result<Value, Fault> {
    let mut response = json!({ "status": status(answer.status) });
    if let Some(version) = &answer.version {
        response["etag"] = etag(version).into();
    }
    if let Some(location) = &answer.location {
        response["location"] = location.as_str().into();
    }
    if let Some(updated) = answer.updated {
        response["lastModified"] = instant(updated).into();
    }
    let mut entry = json!({});
    if let Some(body) = &answer.body {
        let body: Value = serde_json::from_str(body).map_err(|_| Fault::failed())?;
        if body["resourceType"] == "OperationOutcome" {
            response["outcome"] = body;
        } else {
            entry["resource"] = body;
        }
    }
    entry["response"] = response;
    Ok(entry)
}

fn status(status: StatusCode) -> String {
    format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default())
}

fn answered(kind: &str, entries: Vec<Value>) -> Answer {
    let mut bundle = json!({ "resourceType": "Bundle", "type": kind });
    if !entries.is_empty() {
        bundle["entry"] = entries.into();
    }
    Answer::ok(bundle.to_string())
}

/// A fault of one entry, which its issues name.
fn located(at: usize, mut fault: Fault) -> Fault {
    for issue in &mut fault.issues {
        let within = issue.expression.take();
        issue.text = match &within {
            Some(element) => format!("entry {at}: {element}: {}", issue.text),
            None => format!("entry {at}: {}", issue.text),
        };
        issue.expression = Some(format!("Bundle.entry[{at}]"));
    }
    fault
}
