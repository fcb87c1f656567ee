//! Takes returned changes, and what builds on them, out of a document: what can be made anew without them is, the rest
//! becomes drafts.

use std::collections::{BTreeMap, HashMap, HashSet};

use clinical_record::{ChangeMeta, EncodedChange, RecordDocument, ResourceKey, inspect_change};
use rusqlite::Connection;
use serde_json::Value;
use sync_protocol::limits::MAX_CHANGE_BYTES;
use sync_protocol::{ChangeHash, Compartment, UnixMillis};

use super::remake::sign_remaining;
use super::steps::{self, Resources, Step};
use super::{append_own, sign_newest};
use crate::DeviceError;
use crate::projection;
use crate::store::changes::{self, StoredChange};
use crate::store::documents::StoredDocument;
use crate::store::drafts::{self, Draft, DraftStep};
use crate::store::identity::{self, Identity};
use crate::store::{documents, outbox, patients, resources};

/// What taking back came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TakenBack {
    /// Drafts that were made.
    pub(crate) drafts: u64,
    /// Changes that were made anew.
    pub(crate) remade: u64,
}

/// Takes `returned` (changes with the officer's reasons) out of a document, with all that builds on them.
///
/// The caller has begun a new incarnation: sequence numbers of the old one were used for what goes. None if there is
/// nothing of it here, or if it is in the relay's log after all.
pub(crate) fn take_back(
    db: &Connection,
    identity: &Identity,
    document: &StoredDocument,
    returned: &BTreeMap<ChangeHash, String>,
    now: UnixMillis,
) -> Result<Option<TakenBack>, DeviceError> {
    let log = Log::read(db, document)?;
    let Some(goes) = log.going(returned) else { return Ok(None) };
    let actor = identity.author.actor(identity::incarnation(db)?).to_vec();
    let mut parting = Parting::new(&log, &goes, returned, actor);
    for change in log.changes.iter().filter(|change| goes.contains(&change.hash)) {
        parting.part_with(change)?;
    }
    let Parting { remade, drafted, had, .. } = parting;
    let stays: Vec<StoredChange> =
        log.changes.iter().filter(|change| !goes.contains(&change.hash)).map(|change| change.stored.clone()).collect();
    changes::forget(db, document.number, &goes)?;
    sign_remaining(db, identity, document, &stays)?;
    for change in &remade {
        append_own(db, document, change, UnixMillis(change.meta.time_ms))?;
    }
    if let Some(newest) = remade.last() {
        sign_newest(db, identity, document, newest)?;
    }
    let reason = reasons(&goes, returned);
    let made = drafts_of(document, drafted, &had, &reason, now);
    for draft in &made {
        drafts::put(db, draft)?;
    }
    show(db, document, stays.is_empty() && remade.is_empty())?;
    Ok(Some(TakenBack { drafts: made.len() as u64, remade: remade.len() as u64 }))
}

/// A change with what is to be known of it.
struct Logged {
    hash: ChangeHash,
    meta: ChangeMeta,
    stored: StoredChange,
}

/// All changes of a document, each after those it builds on.
struct Log {
    changes: Vec<Logged>,
    unsent: HashSet<ChangeHash>,
}

impl Log {
    fn read(db: &Connection, document: &StoredDocument) -> Result<Self, DeviceError> {
        let mut logged = Vec::new();
        for stored in changes::of_document(db, document.number)? {
            let meta = inspect_change(&stored.payload)?;
            logged.push(Logged { hash: stored.hash, meta, stored });
        }
        Ok(Self { changes: logged, unsent: outbox::hashes_of_document(db, document.number)? })
    }

    /// What is returned, and what builds on it. None if it is nothing, or if the relay's log holds any of it.
    fn going(&self, returned: &BTreeMap<ChangeHash, String>) -> Option<HashSet<ChangeHash>> {
        let mut goes = HashSet::new();
        for change in &self.changes {
            let returns = returned.contains_key(&change.hash) && self.unsent.contains(&change.hash);
            if returns || change.meta.deps.iter().any(|dep| goes.contains(&ChangeHash(*dep))) {
                goes.insert(change.hash);
            }
        }
        (!goes.is_empty() && goes.is_subset(&self.unsent)).then_some(goes)
    }

    /// All that a change builds on, directly or through others.
    fn ancestors(&self, change: &Logged) -> HashSet<ChangeHash> {
        let mut wanted: HashSet<ChangeHash> = change.meta.deps.iter().map(|dep| ChangeHash(*dep)).collect();
        for earlier in self.changes.iter().rev() {
            if wanted.contains(&earlier.hash) {
                wanted.extend(earlier.meta.deps.iter().map(|dep| ChangeHash(*dep)));
            }
        }
        wanted
    }

    fn payloads<'l>(&'l self, of: &HashSet<ChangeHash>) -> impl Iterator<Item = &'l [u8]> {
        let wanted = self.changes.iter().filter(|change| of.contains(&change.hash));
        wanted.map(|change| change.stored.payload.as_slice()).collect::<Vec<_>>().into_iter()
    }
}

/// A step that cannot be done again, with the change that it is of.
struct Drafted {
    step: Step,
    change: ChangeHash,
    made_at: UnixMillis,
    message: Option<String>,
}

/// Goes through what has to go, oldest first, and finds out what each change did and whether it can be done without the
/// returned ones.
struct Parting<'a> {
    log: &'a Log,
    goes: &'a HashSet<ChangeHash>,
    returned: &'a BTreeMap<ChangeHash, String>,
    actor: Vec<u8>,
    /// The document as the author saw it at the change in hand, and what it is made of.
    seen: RecordDocument,
    seen_of: HashSet<ChangeHash>,
    /// The same without what goes, with what was made anew.
    rebased: RecordDocument,
    rebased_of: HashSet<ChangeHash>,
    remade: Vec<EncodedChange>,
    drafted: Vec<Drafted>,
    /// Each resource as the author last had it.
    had: HashMap<ResourceKey, Value>,
}

impl<'a> Parting<'a> {
    fn new(
        log: &'a Log,
        goes: &'a HashSet<ChangeHash>,
        returned: &'a BTreeMap<ChangeHash, String>,
        actor: Vec<u8>,
    ) -> Self {
        Self {
            log,
            goes,
            returned,
            actor,
            seen: RecordDocument::new(),
            seen_of: HashSet::new(),
            rebased: RecordDocument::new(),
            rebased_of: HashSet::new(),
            remade: Vec::new(),
            drafted: Vec::new(),
            had: HashMap::new(),
        }
    }

    fn part_with(&mut self, change: &Logged) -> Result<(), DeviceError> {
        self.look_at(&self.log.ancestors(change))?;
        let before = steps::resources(&self.seen);
        self.seen.apply([change.stored.payload.as_slice()])?;
        self.seen_of.insert(change.hash);
        let after = steps::resources(&self.seen);
        let done = steps::between(&before, &after);
        for step in &done {
            self.had.extend(after.get(&step.key).map(|resource| (step.key.clone(), resource.clone())));
        }
        if self.returned.contains_key(&change.hash) {
            self.draft(done, change);
            return Ok(());
        }
        // Whole or not at all: half of what was signed together may say what nobody meant.
        let again = done.iter().all(|step| self.can_be_done_again(step));
        match again.then(|| self.make_anew(&done, &after, change)).flatten() {
            Some(remade) => self.remade.extend(remade),
            None => self.draft(done, change),
        }
        Ok(())
    }

    /// Brings both documents to where the author was: to all that a change builds on.
    fn look_at(&mut self, ancestors: &HashSet<ChangeHash>) -> Result<(), DeviceError> {
        if !self.seen_of.is_subset(ancestors) {
            // Two of the author's own that know nothing of each other: each is looked at by itself.
            (self.seen, self.seen_of) = (RecordDocument::new(), HashSet::new());
        }
        let missing: HashSet<_> = ancestors.difference(&self.seen_of).copied().collect();
        self.seen.apply(self.log.payloads(&missing))?;
        self.seen_of.extend(missing);
        let missing: HashSet<_> = ancestors
            .iter()
            .filter(|hash| !self.goes.contains(hash) && !self.rebased_of.contains(hash))
            .copied()
            .collect();
        self.rebased.apply(self.log.payloads(&missing))?;
        self.rebased_of.extend(missing);
        Ok(())
    }

    /// Elements of a resource are read together, a dose with its drug: where one is a draft, so are all later ones.
    fn can_be_done_again(&self, step: &Step) -> bool {
        let is_free = !self.drafted.iter().any(|drafted| drafted.step.key == step.key);
        is_free && step.follows(self.rebased.resource(&step.key).as_ref())
    }

    /// Does the steps without what was returned, as one change of the same time. `None` if it cannot be; nothing is done then.
    fn make_anew(&mut self, again: &[Step], after: &Resources, change: &Logged) -> Option<Option<EncodedChange>> {
        if again.is_empty() {
            return Some(None);
        }
        let metadata: HashMap<&ResourceKey, Option<Value>> = again
            .iter()
            .filter(|step| step.path.is_empty() && after.contains_key(&step.key))
            .map(|step| (&step.key, self.seen.entry_metadata(&step.key)))
            .collect();
        let mut next = self.rebased.clone();
        let message = self.seen.message(&change.hash.0);
        let made = next.edit(&self.actor, change.meta.time_ms, |editor| {
            if let Some(message) = message {
                editor.set_message(message);
            }
            for step in again {
                if let Some(resource) = step.apply(editor.resource(&step.key)) {
                    editor.put_resource(&resource)?;
                }
                if let Some(metadata) = metadata.get(&step.key) {
                    editor.set_entry_metadata(&step.key, metadata.as_ref())?;
                }
            }
            Ok(())
        });
        let (_, made) = made.ok()?;
        if made.as_ref().is_some_and(|made| made.bytes.len() > MAX_CHANGE_BYTES) {
            return None;
        }
        self.rebased = next;
        Some(made)
    }

    fn draft(&mut self, steps: Vec<Step>, change: &Logged) {
        let made_at = UnixMillis(change.meta.time_ms);
        let message = self.seen.message(&change.hash.0);
        let drafted = |step| Drafted { step, change: change.hash, made_at, message: message.clone() };
        self.drafted.extend(steps.into_iter().map(drafted));
    }
}

/// One draft for each resource.
fn drafts_of(
    document: &StoredDocument,
    drafted: Vec<Drafted>,
    had: &HashMap<ResourceKey, Value>,
    reason: &str,
    now: UnixMillis,
) -> Vec<Draft> {
    let mut by_resource: BTreeMap<ResourceKey, Draft> = BTreeMap::new();
    for Drafted { step, change, made_at, message } in drafted {
        let draft = by_resource.entry(step.key.clone()).or_insert_with(|| Draft {
            number: 0,
            document: document.id,
            descriptor: document.descriptor.clone(),
            resource: step.key.clone(),
            reason: reason.to_owned(),
            made_at,
            returned_at: now,
            steps: Vec::new(),
            json: had.get(&step.key).cloned(),
        });
        draft.made_at = made_at;
        draft.steps.push(DraftStep {
            change,
            made_at,
            message,
            path: step.path,
            before: step.before,
            after: step.after,
        });
    }
    by_resource.into_values().collect()
}

fn reasons(goes: &HashSet<ChangeHash>, returned: &BTreeMap<ChangeHash, String>) -> String {
    let mut told: Vec<&str> = returned
        .iter()
        .filter(|(hash, reason)| goes.contains(hash) && !reason.is_empty())
        .map(|(_, reason)| reason.as_str())
        .collect();
    told.dedup();
    told.join("; ")
}

/// Shows what is left; a document of which nothing is left was never anybody's but the author's.
fn show(db: &Connection, document: &StoredDocument, is_empty: bool) -> Result<(), DeviceError> {
    if is_empty {
        return crate::purge::remove(db, document);
    }
    projection::refresh(db, document)?;
    if document.descriptor.compartment == Compartment::PatientIndex
        && let Some(chart) = document.chart()
        && let key = ResourceKey::new("Patient", chart.patient.as_str())
        && resources::holder(db, &[document.number], &key)?.is_none()
    {
        patients::remove(db, &chart)?;
    }
    documents::set_stale(db, document.number, false)
}
