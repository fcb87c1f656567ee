//! Checks a delivery before any of it is stored: is it what it says, is it complete, and does somebody vouch for it.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
#[cfg(not(target_arch = "wasm32"))]
use std::thread::available_parallelism;

use clinical_record::{ChangeMeta, RecordDocument, inspect_change};
use rusqlite::Connection;
use serde_bytes::ByteBuf;
use sync_protocol::frame::DeliveredDocument;
use sync_protocol::identity::{Certificate, ChangeLink, ChangeSignature, ChangeVerifier, uncovered};
use sync_protocol::limits::MAX_CHANGE_BYTES;
use sync_protocol::{AuthorId, ChangeHash, DocumentDescriptor};

use crate::store::documents::StoredDocument;
use crate::store::{changes, trust};
use crate::{DeviceError, projection};

/// A change of a delivery that reads as one.
pub(super) struct Incoming<'d> {
    pub(super) hash: ChangeHash,
    pub(super) author: AuthorId,
    pub(super) meta: ChangeMeta,
    pub(super) payload: &'d [u8],
}

/// Trusted certificates of the authors of a batch, each looked up once.
#[derive(Default)]
pub(super) struct Certificates {
    by_author: HashMap<AuthorId, Option<Certificate>>,
    verifier: ChangeVerifier,
}

impl Certificates {
    /// Looks up those that a delivery needs.
    pub(super) fn add(&mut self, db: &Connection, delivery: &DeliveredDocument) -> Result<(), DeviceError> {
        for signature in &delivery.signatures {
            if let Entry::Vacant(unknown) = self.by_author.entry(signature.author) {
                unknown.insert(trust::trusted(db, &signature.author)?);
            }
        }
        Ok(())
    }

    /// Makes ready to verify all of these.
    pub(super) fn make_ready(&mut self, deliveries: &[DeliveredDocument]) {
        let authors =
            deliveries.iter().flat_map(|delivery| delivery.signatures.iter().map(|signature| signature.author));
        self.verifier = ChangeVerifier::new(authors, |author| self.of(author));
    }

    fn of(&self, author: &AuthorId) -> Option<&Certificate> {
        self.by_author.get(author).and_then(Option::as_ref)
    }
}

/// A delivery with all that can be found out of it without the store.
pub(super) struct Prepared<'d> {
    pub(super) delivery: &'d DeliveredDocument,
    /// The changes, each once. `Err`: what is wrong with the first bad one.
    pub(super) changes: Result<Vec<Incoming<'d>>, String>,
    /// The signatures that hold.
    pub(super) signatures: Vec<ChangeSignature>,
    /// The document, opened, where it comes whole and is shown at once.
    pub(super) opened: Option<RecordDocument>,
    /// What is wrong with a signature that does not hold.
    fault: Option<&'static str>,
}

/// Changes in a batch from which on several threads share the work.
#[cfg(not(target_arch = "wasm32"))]
const WORTH_SHARING: usize = 200;

/// Prepares the deliveries of a batch. Parsing and verifying is most of the work of a first sync, so it is shared out.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn prepare_all<'d>(deliveries: &'d [DeliveredDocument], certificates: &Certificates) -> Vec<Prepared<'d>> {
    let changes: usize = deliveries.iter().map(|delivery| delivery.changes.len()).sum();
    // Asking how many there may be takes longer than to prepare a few changes.
    let threads = if changes < WORTH_SHARING { 1 } else { available_parallelism().map_or(1, usize::from).min(4) };
    if threads == 1 {
        return deliveries.iter().map(|delivery| prepare(delivery, certificates)).collect();
    }
    let share = deliveries.len().div_ceil(threads).max(1);
    let work = |some: &'d [DeliveredDocument]| some.iter().map(|one| prepare(one, certificates)).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        let running: Vec<_> = deliveries.chunks(share).map(|some| (some, scope.spawn(move || work(some)))).collect();
        // Should a thread fail, its share is done here.
        running.into_iter().flat_map(|(some, thread)| thread.join().unwrap_or_else(|_| work(some))).collect()
    })
}

/// Prepares the deliveries of a batch.
#[cfg(target_arch = "wasm32")]
pub(super) fn prepare_all<'d>(deliveries: &'d [DeliveredDocument], certificates: &Certificates) -> Vec<Prepared<'d>> {
    deliveries.iter().map(|delivery| prepare(delivery, certificates)).collect()
}

/// Reads the changes of a delivery and verifies its signatures.
pub(super) fn prepare<'d>(delivery: &'d DeliveredDocument, certificates: &Certificates) -> Prepared<'d> {
    let (mut signatures, mut fault) = (Vec::new(), None);
    for signature in &delivery.signatures {
        match certificates.of(&signature.author) {
            None => fault = Some("no trusted certificate of an author"),
            Some(certificate) if certificates.verifier.verify(signature, certificate, &delivery.document).is_err() => {
                fault = Some("a signature does not verify");
            }
            Some(_) => signatures.push(*signature),
        }
    }
    let changes = read(&delivery.changes);
    let opened = changes.as_ref().ok().and_then(|changes| open_whole(delivery, changes));
    Prepared { delivery, changes, signatures, opened, fault }
}

/// Opens a document that is given for the first time, if it is one to show at once.
fn open_whole(delivery: &DeliveredDocument, changes: &[Incoming<'_>]) -> Option<RecordDocument> {
    let is_eager = delivery.descriptor.as_ref().is_some_and(|what| projection::is_eager(what.compartment));
    // What cannot be opened is found out again, and noted, when it is stored.
    is_eager.then(|| RecordDocument::load(changes.iter().map(|change| change.payload)).ok()).flatten()
}

/// The descriptor that holds for a delivery. `Err`: why there is none.
pub(super) fn descriptor(
    delivery: &DeliveredDocument,
    held: Option<&StoredDocument>,
) -> Result<DocumentDescriptor, String> {
    let descriptor = match (held, &delivery.descriptor) {
        (Some(held), _) => return Ok(held.descriptor.clone()),
        (None, Some(descriptor)) => descriptor,
        (None, None) => return Err("it came without saying what it is about".into()),
    };
    if descriptor.id() != delivery.document {
        return Err("its description belongs to another document".into());
    }
    descriptor.validate().map_err(|error| error.to_string())?;
    Ok(descriptor.clone())
}

/// Reads the changes, each once. `Err`: what is wrong with the first bad one.
fn read(changes: &[ByteBuf]) -> Result<Vec<Incoming<'_>>, String> {
    let mut seen = HashSet::new();
    let mut read = Vec::with_capacity(changes.len());
    for (at, payload) in changes.iter().enumerate() {
        let change = read_one(payload).map_err(|why| format!("change {at} of the delivery: {why}"))?;
        if seen.insert(change.hash) {
            read.push(change);
        }
    }
    Ok(read)
}

/// Reads one change. `Err`: why it is none of ours.
pub(super) fn read_one(payload: &[u8]) -> Result<Incoming<'_>, String> {
    if payload.len() > MAX_CHANGE_BYTES {
        return Err(format!("{} bytes are more than a change may have", payload.len()));
    }
    let meta = inspect_change(payload).map_err(|error| error.to_string())?;
    let author = AuthorId::of_actor(&meta.actor).ok_or("its actor id is not of an author")?;
    Ok(Incoming { hash: ChangeHash(meta.hash), author, meta, payload })
}

/// Whether all that new changes build on is here: among themselves, earlier, or stored. `Ok(false)` if not.
pub(super) fn is_complete(
    db: &Connection,
    held: Option<&StoredDocument>,
    fresh: &[Incoming<'_>],
) -> Result<bool, DeviceError> {
    let mut known: HashSet<ChangeHash> = HashSet::with_capacity(fresh.len());
    for change in fresh {
        for dep in change.meta.deps.iter().map(|dep| ChangeHash(*dep)) {
            if known.contains(&dep) {
                continue;
            }
            let Some(held) = held else { return Ok(false) };
            if !changes::has(db, held.number, &dep)? {
                return Ok(false);
            }
            known.insert(dep);
        }
        known.insert(change.hash);
    }
    Ok(true)
}

/// Checks that each new change is vouched for by its author. `Err`: why not.
pub(super) fn vouched(prepared: &Prepared<'_>, fresh: &[Incoming<'_>]) -> Result<(), String> {
    let links: Vec<ChangeLink> = fresh.iter().map(link).collect();
    let tips: Vec<_> = prepared.signatures.iter().map(|signature| (signature.author, signature.tip)).collect();
    let missing = uncovered(&links, &tips).len();
    if missing == 0 {
        return Ok(());
    }
    let fault = prepared.fault.unwrap_or("no signature covers them");
    Err(format!("{missing} changes without a valid signature: {fault}"))
}

fn link(change: &Incoming<'_>) -> ChangeLink {
    let deps = change.meta.deps.iter().map(|dep| ChangeHash(*dep)).collect();
    ChangeLink { hash: change.hash, author: change.author, deps }
}
