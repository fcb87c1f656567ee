//! Writing: checked against R4, made as changes of the documents as they stand, and kept by the relay's thread all or none.

mod edit;
mod place;

use axum::http::StatusCode;
use clinical_record::ResourceKey;
use serde_json::Value;
use sync_protocol::UnixMillis;

use super::answer::Answer;
use super::outcome::{Fault, Issue};
use super::query::Criteria;
use super::request::{Call, Return, pairs, version_of};
use super::serve::Caller;
use super::{WHILE_WAITING, read};
use crate::relay::{GatewayRefusal, Interaction};
use edit::Prepared;
pub use place::Placed;

/// How often changes are made anew because devices wrote to the same documents meanwhile.
const ATTEMPTS: usize = 8;

/// A resource to be written.
#[derive(Clone)]
pub struct Draft {
    /// Its place in a Bundle; 0 outside of one.
    pub entry: usize,
    /// Type and id; for a creation the id that it gets.
    pub key: ResourceKey,
    /// As it came, under that id.
    pub resource: Value,
    /// The relay gives the id: it must be new.
    pub creates: bool,
    /// The version that it replaces, if the caller says so.
    pub if_match: Option<String>,
}

/// What became of a draft.
#[derive(Clone)]
pub struct Written {
    /// Its place in a Bundle.
    pub entry: usize,
    /// It was not there before.
    pub created: bool,
    /// Type and id.
    pub key: ResourceKey,
    /// Its version now.
    pub version: String,
    /// When it was taken.
    pub at: UnixMillis,
    /// JSON, as it is shown.
    pub body: String,
}

/// A fault of one draft.
pub type OfEntry = (usize, Fault);

/// POST of a resource.
///
/// # Errors
/// [`Fault`].
pub async fn create(caller: &Caller, kind: &'static str, call: Call) -> Result<Answer, Fault> {
    let resource = of_type(kind, call.body.unwrap_or_default())?;
    let _alone = caller.state.fhir.writing.lock().await;
    if let Some(condition) = &call.asked.if_none_exist
        && let Some(there) = existing(caller, kind, condition).await?
    {
        return Ok(there);
    }
    let draft = creation(0, kind, resource, None)?;
    let written = apply(caller, vec![draft]).await.map_err(|(_, fault)| fault)?;
    one(written, call.asked.returns)
}

/// PUT of a resource.
///
/// # Errors
/// [`Fault`].
pub async fn update(caller: &Caller, kind: &'static str, id: &str, call: Call) -> Result<Answer, Fault> {
    let resource = of_type(kind, call.body.unwrap_or_default())?;
    let draft = replacement(0, kind, id, resource, call.asked.if_match.as_deref())?;
    let _alone = caller.state.fhir.writing.lock().await;
    let written = apply(caller, vec![draft]).await.map_err(|(_, fault)| fault)?;
    one(written, call.asked.returns)
}

fn one(written: Vec<Written>, returns: Return) -> Result<Answer, Fault> {
    written.into_iter().next().map(|written| answer(written, returns)).ok_or_else(Fault::failed)
}

/// The answer to one write.
#[must_use]
pub fn answer(written: Written, returns: Return) -> Answer {
    let Written { created, key, version, at, body, .. } = written;
    let body = match returns {
        Return::Minimal => None,
        Return::Representation => Some(body),
        Return::Outcome => {
            let done = [Issue::new("informational", if created { "created" } else { "updated" })];
            Some(super::outcome::outcome("information", &done).to_string())
        }
    };
    Answer {
        status: if created { StatusCode::CREATED } else { StatusCode::OK },
        body,
        version: Some(version),
        location: created.then(|| key.to_string()),
        updated: Some(at),
    }
}

/// A draft of a new resource. `id`: one that was wished for in a Bundle; otherwise it is drawn.
///
/// # Errors
/// [`Fault`]: failed.
pub fn creation(entry: usize, kind: &'static str, mut resource: Value, id: Option<String>) -> Result<Draft, Fault> {
    let id = match id {
        Some(id) => id,
        None => new_id()?,
    };
    resource["id"] = id.clone().into();
    Ok(Draft { entry, key: ResourceKey::new(kind, id), resource, creates: true, if_match: None })
}

/// A draft of what a resource becomes.
///
/// # Errors
/// [`Fault`]: the body's id is another than the address's.
pub fn replacement(
    entry: usize,
    kind: &'static str,
    id: &str,
    resource: Value,
    if_match: Option<&str>,
) -> Result<Draft, Fault> {
    if resource["id"].as_str() != Some(id) {
        return Err(Fault::bad_request("the id of the resource is not that of its address"));
    }
    if !clinical_record::is_fhir_id(id) {
        return Err(Fault::bad_request("an id is 1 to 64 letters, digits, hyphens and dots"));
    }
    let if_match = if_match.map(version_of).transpose()?.map(str::to_owned);
    Ok(Draft { entry, key: ResourceKey::new(kind, id), resource, creates: false, if_match })
}

/// A resource of the type that its address names.
///
/// # Errors
/// [`Fault`].
pub fn of_type(kind: &str, resource: Value) -> Result<Value, Fault> {
    if resource["resourceType"].as_str() == Some(kind) {
        return Ok(resource);
    }
    Err(Fault::bad_request("the resourceType is not that of the address"))
}

/// A random UUID (version 4).
fn new_id() -> Result<String, Fault> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).map_err(|_| Fault::failed())?;
    random[6] = random[6] & 0x0f | 0x40;
    random[8] = random[8] & 0x3f | 0x80;
    let text = hex::encode(random);
    Ok([&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-"))
}

/// What is there already that a conditional creation would make again.
///
/// # Errors
/// [`Fault`]: several are there, or the condition is not understood.
pub async fn existing(caller: &Caller, kind: &'static str, condition: &str) -> Result<Option<Answer>, Fault> {
    let condition = condition.split_once('?').map_or(condition, |(_, query)| query);
    let mut criteria = Criteria::read(kind, &pairs(condition.as_bytes()), true)?;
    if criteria.heeded.is_empty() {
        return Err(Fault::new(StatusCode::PRECONDITION_FAILED, "invalid", "If-None-Exist: search parameters"));
    }
    let sight = caller.sight().await?;
    criteria.count = 2;
    let wanted = criteria;
    let service = &caller.state.service;
    let found = caller.state.fhir.with_index(service, WHILE_WAITING, move |index| {
        Ok(index.search(&sight.documents, &sight.client.organization, &wanted, "")?.found)
    });
    let found = found.await?;
    if found.len() > 1 {
        let text = "If-None-Exist: several resources meet it";
        return Err(Fault::new(StatusCode::PRECONDITION_FAILED, "multiple-matches", text));
    }
    let Some(found) = found.into_iter().next() else { return Ok(None) };
    if !read::give(caller, Interaction::Search, kind, Vec::new(), std::slice::from_ref(&found)).await? {
        return Ok(None);
    }
    let location = Some(format!("{}/{}", found.resource_type, found.id));
    Ok(Some(Answer { location, ..Answer::resource(found) }))
}

/// Writes drafts, all of them or none. One write is done at a time: the caller holds the lock.
///
/// # Errors
/// The first draft that stands against it, and why.
pub async fn apply(caller: &Caller, drafts: Vec<Draft>) -> Result<Vec<Written>, OfEntry> {
    let first = drafts.first().map_or(0, |draft| draft.entry);
    let of_all = |fault| (first, fault);
    for _ in 0..ATTEMPTS {
        let sight = caller.sight().await.map_err(of_all)?;
        let placed = place(caller, sight.clone(), drafts.clone()).await?;
        permitted(caller, &sight, &placed).await?;
        let Prepared { documents, written } = prepare(caller, sight, placed).await?;
        if documents.is_empty() {
            return Ok(written);
        }
        let token = caller.token.clone();
        let done =
            caller.state.service.administer(move |relay, now| relay.fhir_write(token.reveal(), &documents, now)).await;
        match done.map_err(|stopped| of_all(stopped.into()))? {
            Ok(_) => return Ok(written),
            // A device was faster: whatever was looked at is looked at again, an If-Match too.
            Err(GatewayRefusal::Stale) => {}
            Err(refusal) => return Err(of_all(refusal.into())),
        }
    }
    Err(of_all(GatewayRefusal::Stale.into()))
}

async fn place(caller: &Caller, sight: crate::relay::Sight, drafts: Vec<Draft>) -> Result<Vec<Placed>, OfEntry> {
    let first = drafts.first().map_or(0, |draft| draft.entry);
    let service = &caller.state.service;
    let placed =
        caller.state.fhir.with_index(service, WHILE_WAITING, move |index| Ok(place::place(index, &sight, drafts)));
    placed.await.map_err(|fault| (first, fault))?
}

/// Whether the caller may read and write each of the documents: before anything is said of what is in them.
async fn permitted(caller: &Caller, sight: &crate::relay::Sight, placed: &[Placed]) -> Result<(), OfEntry> {
    let asked: Vec<_> = placed.iter().map(|one| (one.draft.entry, one.descriptor.clone())).collect();
    let first = asked.first().map_or(0, |(entry, _)| *entry);
    let sight = sight.clone();
    let refused = caller.state.service.look_up(move |relay, now| {
        asked.into_iter().find(|(_, descriptor)| !relay.fhir_may_write(&sight, descriptor, now)).map(|(entry, _)| entry)
    });
    match refused.await.map_err(|stopped| (first, stopped.into()))? {
        Some(entry) => Err((entry, Fault::forbidden())),
        None => Ok(()),
    }
}

async fn prepare(caller: &Caller, sight: crate::relay::Sight, placed: Vec<Placed>) -> Result<Prepared, OfEntry> {
    let first = placed.first().map_or(0, |one| one.draft.entry);
    let service = &caller.state.service;
    let now = crate::service::now();
    let prepared = caller
        .state
        .fhir
        .with_index(service, WHILE_WAITING, move |index| Ok(edit::prepare(index, &sight, placed, now)));
    prepared.await.map_err(|fault| (first, fault))?
}
