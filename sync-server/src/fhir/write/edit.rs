//! Makes changes of documents as they stand, after the rules that devices keep: R4 as far as an edit adds something wrong, signed
//! notes are amended, and no conflict is decided in passing.

use std::collections::{BTreeMap, HashMap};

use axum::http::StatusCode;
use clinical_record::{
    EncodedChange, RecordDocument, RecordError, ResourceKey, ValidationIssue, is_entered_in_error, is_signed,
    keeps_signed_content, validate,
};
use serde_json::Value;
use sync_protocol::limits::MAX_CHANGE_BYTES;
use sync_protocol::{ChangeHash, DocumentDescriptor, UnixMillis};

use super::{Draft, OfEntry, Placed, Written};
use crate::fhir::index::Index;
use crate::fhir::outcome::{Fault, Issue};
use crate::fhir::shown::{self, Conflicts};
use crate::relay::{GatewayDocument, Sight};
use crate::store::Position;

/// Incarnation of the gateway's actor: its key is new with every run of the relay.
const INCARNATION: u32 = 0;
/// JSON that goes into one change, in bytes: far enough below the limit of a change that splitting again is rare.
const TARGET_JSON_BYTES: usize = MAX_CHANGE_BYTES / 4;

/// Changes that are ready, and what becomes of each draft.
pub struct Prepared {
    /// To be appended; none where nothing changes.
    pub documents: Vec<GatewayDocument>,
    /// In the order of the drafts.
    pub written: Vec<Written>,
}

/// Prepares drafts. The caller may read and write each document.
///
/// # Errors
/// The first draft that stands against it, and why.
pub fn prepare(index: &Index, sight: &Sight, placed: Vec<Placed>, now: UnixMillis) -> Result<Prepared, OfEntry> {
    let mut by_document: BTreeMap<DocumentDescriptor, Vec<Draft>> = BTreeMap::new();
    for one in placed {
        by_document.entry(one.descriptor).or_default().push(one.draft);
    }
    let mut prepared = Prepared { documents: Vec::new(), written: Vec::new() };
    for (descriptor, drafts) in by_document {
        let first = drafts.first().map_or(0, |draft| draft.entry);
        let opened = Opened::of(index, &descriptor).map_err(|fault| (first, fault))?;
        opened.edit(descriptor, drafts, sight, now, &mut prepared)?;
    }
    prepared.written.sort_by_key(|written| written.entry);
    Ok(prepared)
}

/// A document as it stands.
struct Opened {
    document: RecordDocument,
    built_on: Position,
    conflicts: HashMap<ResourceKey, Conflicts>,
    /// When the relay took its newest change.
    changed_at: UnixMillis,
}

impl Opened {
    fn of(index: &Index, descriptor: &DocumentDescriptor) -> Result<Self, Fault> {
        let (document, built_on, changed_at) = match index.history(descriptor)? {
            None => (RecordDocument::new(), Position::default(), UnixMillis::default()),
            Some((number, history)) => {
                let changes = history.changes.iter().map(|change| change.payload.as_slice());
                let document = RecordDocument::load(changes).map_err(|_| unreadable())?;
                let built_on = history.changes.last().map_or(Position::default(), |change| change.position);
                (document, built_on, index.changed_at(number)?)
            }
        };
        let conflicts = shown::conflicts(&document);
        Ok(Self { document, built_on, conflicts, changed_at })
    }

    fn edit(
        mut self,
        descriptor: DocumentDescriptor,
        mut drafts: Vec<Draft>,
        sight: &Sight,
        now: UnixMillis,
        prepared: &mut Prepared,
    ) -> Result<(), OfEntry> {
        let mut before = HashMap::new();
        for draft in &mut drafts {
            let stored = self.document.resource(&draft.key);
            draft.resource = shown::without_additions(std::mem::take(&mut draft.resource), stored.as_ref());
            self.check(draft, stored.as_ref()).map_err(|fault| (draft.entry, fault))?;
            before.insert(draft.key.clone(), stored);
        }
        let mut making = Making { actor: sight.author.actor(INCARNATION).to_vec(), now, changes: Vec::new() };
        for chunk in chunks(&drafts) {
            making.chunk(&mut self.document, chunk)?;
        }
        let conflicts = shown::conflicts(&self.document);
        for draft in drafts {
            let settled = self.conflicts.get(&draft.key).into_iter().flatten().find(|(path, _)| {
                !conflicts.get(&draft.key).is_some_and(|left| left.iter().any(|(other, _)| other == path))
            });
            if let Some((path, _)) = settled {
                return Err((draft.entry, in_conflict(&draft.key, path)));
            }
            let stored = before.remove(&draft.key).flatten();
            prepared.written.push(self.written(&draft, stored.as_ref(), &conflicts, now)?);
        }
        if let Some(last) = making.changes.last() {
            let tip = ChangeHash(last.meta.hash);
            let changes = making.changes.into_iter().map(|change| change.bytes).collect();
            prepared.documents.push(GatewayDocument { descriptor, built_on: self.built_on, changes, tip });
        }
        Ok(())
    }

    fn check(&self, draft: &Draft, stored: Option<&Value>) -> Result<(), Fault> {
        if draft.creates && stored.is_some() {
            return Err(Fault::new(StatusCode::CONFLICT, "duplicate", "a resource with this id is there already"));
        }
        if let Some(wanted) = &draft.if_match {
            let conflicts = self.conflicts.get(&draft.key).map_or(&[][..], Vec::as_slice);
            let stands = stored.map(|stored| shown::version(stored, conflicts));
            if stands.as_ref() != Some(wanted) {
                return Err(Fault::version_differs());
            }
        }
        may_become(stored, &draft.resource)
    }

    fn written(
        &self,
        draft: &Draft,
        stored: Option<&Value>,
        conflicts: &HashMap<ResourceKey, Conflicts>,
        now: UnixMillis,
    ) -> Result<Written, OfEntry> {
        let conflicts = conflicts.get(&draft.key).map_or(&[][..], Vec::as_slice);
        let resource = self.document.resource(&draft.key).ok_or_else(|| (draft.entry, Fault::failed()))?;
        let version = shown::version(&resource, conflicts);
        let at = if stored == Some(&resource) { self.changed_at } else { now };
        let body = shown::shown(resource, &version, at, conflicts).to_string();
        Ok(Written { entry: draft.entry, created: stored.is_none(), key: draft.key.clone(), version, at, body })
    }
}

/// What a resource may become. An edit answers only for what it adds.
fn may_become(before: Option<&Value>, after: &Value) -> Result<(), Fault> {
    if before == Some(after) {
        return Ok(());
    }
    if before.is_some_and(is_signed)
        && !before.is_some_and(|before| {
            keeps_signed_content(before, after) && (is_signed(after) || is_entered_in_error(after))
        })
    {
        let text = "it is signed: its content stays, and its status may become amended or entered-in-error";
        return Err(Fault::unprocessable(vec![Issue::new("business-rule", text)]));
    }
    let known: Vec<ValidationIssue> = before.map(validate).unwrap_or_default();
    let new: Vec<Issue> = validate(after)
        .into_iter()
        .filter(|issue| !known.contains(issue))
        .map(|issue| Issue::at("invalid", issue.path.clone(), issue.to_string()))
        .collect();
    if new.is_empty() { Ok(()) } else { Err(Fault::unprocessable(new)) }
}

/// Changes in the making.
struct Making {
    actor: Vec<u8>,
    now: UnixMillis,
    changes: Vec<EncodedChange>,
}

impl Making {
    /// Writes some drafts as one change, or as several if one would be too large.
    fn chunk(&mut self, document: &mut RecordDocument, drafts: &[Draft]) -> Result<(), OfEntry> {
        let first = drafts.first().map_or(0, |draft| draft.entry);
        let mut next = document.clone();
        let mut at = first;
        let edited = next.edit(&self.actor, self.now.0, |editor| {
            drafts.iter().try_for_each(|draft| {
                at = draft.entry;
                editor.put_resource(&draft.resource).map(drop)
            })
        });
        let (_, change) = edited.map_err(|error| (at, refused(&error)))?;
        match change {
            None => Ok(()),
            Some(change) if change.bytes.len() <= MAX_CHANGE_BYTES => {
                *document = next;
                self.changes.push(change);
                Ok(())
            }
            Some(_) if drafts.len() == 1 => {
                let text = format!("the resource makes a change of more than {MAX_CHANGE_BYTES} bytes");
                Err((first, Fault::new(StatusCode::PAYLOAD_TOO_LARGE, "too-long", text)))
            }
            Some(_) => {
                let (one, other) = drafts.split_at(drafts.len() / 2);
                self.chunk(document, one)?;
                self.chunk(document, other)
            }
        }
    }
}

/// Drafts in runs of about [`TARGET_JSON_BYTES`].
fn chunks(drafts: &[Draft]) -> Vec<&[Draft]> {
    let (mut runs, mut from, mut size) = (Vec::new(), 0, 0);
    for (at, draft) in drafts.iter().enumerate() {
        let bytes = draft.resource.to_string().len();
        if at > from && size + bytes > TARGET_JSON_BYTES {
            runs.push(&drafts[from..at]);
            (from, size) = (at, 0);
        }
        size += bytes;
    }
    runs.push(&drafts[from..]);
    runs
}

fn refused(error: &RecordError) -> Fault {
    match error {
        RecordError::Engine(_) => {
            tracing::error!(%error, "a write by the FHIR API was refused by the document engine");
            Fault::failed()
        }
        error => Fault::unprocessable(vec![Issue::new("business-rule", error.to_string())]),
    }
}

fn in_conflict(key: &ResourceKey, path: &str) -> Fault {
    let at = if path.is_empty() { key.resource_type.clone() } else { format!("{}.{path}", key.resource_type) };
    let text =
        "several people entered different values here; a clinician decides between them on a device, for a reason";
    let issues = vec![Issue::at("conflict", at, text)];
    Fault { status: StatusCode::CONFLICT, ..Fault::unprocessable(issues) }
}

fn unreadable() -> Fault {
    Fault::new(StatusCode::CONFLICT, "exception", "what is recorded there cannot be read; it is kept as it is")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_wrong_is_named_by_its_element_and_only_if_the_edit_adds_it() {
        let before = json!({"resourceType": "Flag", "id": "f", "status": "up"});
        let mut after = before.clone();
        after["subject"] = json!({"reference": "Patient/p"});
        assert!(may_become(Some(&before), &after).is_ok());
        after["code"] = json!("Falls");
        let fault = may_become(Some(&before), &after).unwrap_err();
        assert_eq!((fault.status.as_u16(), fault.issues.len()), (422, 1));
        assert_eq!(fault.issues[0].expression.as_deref(), Some("Flag.code"));
    }

    #[test]
    fn a_signed_note_is_amended_and_neither_rewritten_nor_unsigned() {
        let note = |doc_status: &str, data: &str| {
            json!({"resourceType": "DocumentReference", "id": "n", "status": "current", "docStatus": doc_status,
                "content": [{"attachment": {"contentType": "text/plain", "data": data}}]})
        };
        let signed = note("final", "YQ==");
        assert!(may_become(Some(&signed), &note("amended", "YQ==")).is_ok());
        for after in [note("final", "Yg=="), note("preliminary", "YQ==")] {
            assert_eq!(may_become(Some(&signed), &after).unwrap_err().status.as_u16(), 422);
        }
    }

    #[test]
    fn drafts_are_put_together_up_to_the_size_of_a_change() {
        let draft = |entry: usize, letters: usize| Draft {
            entry,
            key: ResourceKey::new("Flag", format!("f{entry}")),
            resource: json!({"resourceType": "Flag", "id": "f", "code": {"text": "x".repeat(letters)}}),
            creates: true,
            if_match: None,
        };
        let drafts: Vec<_> = (0..10).map(|entry| draft(entry, TARGET_JSON_BYTES / 3)).collect();
        let sizes: Vec<_> = chunks(&drafts).into_iter().map(<[Draft]>::len).collect();
        assert_eq!(sizes, [2, 2, 2, 2, 2]);
        assert_eq!(chunks(&[draft(0, 10 * TARGET_JSON_BYTES)]).len(), 1);
    }
}
