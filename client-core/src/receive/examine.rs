//! Checks a delivery before any of it is stored: is it what it says, is it complete, and does somebody vouch for it.

use std::collections::{HashMap, HashSet};

use clinical_record::{ChangeMeta, inspect_change};
use rusqlite::Connection;
use serde_bytes::ByteBuf;
use sync_protocol::frame::DeliveredDocument;
use sync_protocol::identity::{Certificate, ChangeLink, ChangeSignature, uncovered};
use sync_protocol::limits::MAX_CHANGE_BYTES;
use sync_protocol::{AuthorId, ChangeHash, DocumentDescriptor, DocumentId};

use crate::DeviceError;
use crate::store::documents::StoredDocument;
use crate::store::{changes, trust};

/// A change of a delivery that reads as one.
pub(super) struct Incoming<'d> {
    pub(super) hash: ChangeHash,
    pub(super) author: AuthorId,
    pub(super) meta: ChangeMeta,
    pub(super) payload: &'d [u8],
}

/// Trusted certificates, looked up once in a batch.
#[derive(Default)]
pub(super) struct Certificates(HashMap<AuthorId, Option<Certificate>>);

impl Certificates {
    pub(super) fn of(&mut self, db: &Connection, author: &AuthorId) -> Result<Option<&Certificate>, DeviceError> {
        if !self.0.contains_key(author) {
            self.0.insert(*author, trust::trusted(db, author)?);
        }
        Ok(self.0.get(author).and_then(Option::as_ref))
    }
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
pub(super) fn read(changes: &[ByteBuf]) -> Result<Vec<Incoming<'_>>, String> {
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

/// Checks that each new change is vouched for by its author. Gives the signatures that hold; `Err` inside: why not.
pub(super) fn vouched(
    db: &Connection,
    certificates: &mut Certificates,
    document: &DocumentId,
    fresh: &[Incoming<'_>],
    signatures: &[ChangeSignature],
) -> Result<Result<Vec<ChangeSignature>, String>, DeviceError> {
    let (mut valid, mut fault) = (Vec::new(), None);
    for signature in signatures {
        match certificates.of(db, &signature.author)? {
            None => fault = Some("no trusted certificate of an author"),
            Some(certificate) if signature.verify(certificate, document).is_err() => {
                fault = Some("a signature does not verify");
            }
            Some(_) => valid.push(*signature),
        }
    }
    let links: Vec<ChangeLink> = fresh.iter().map(link).collect();
    let tips: Vec<(AuthorId, ChangeHash)> = valid.iter().map(|signature| (signature.author, signature.tip)).collect();
    let missing = uncovered(&links, &tips).len();
    if missing > 0 {
        let fault = fault.unwrap_or("no signature covers them");
        return Ok(Err(format!("{missing} changes without a valid signature: {fault}")));
    }
    Ok(Ok(valid))
}

fn link(change: &Incoming<'_>) -> ChangeLink {
    let deps = change.meta.deps.iter().map(|dep| ChangeHash(*dep)).collect();
    ChangeLink { hash: change.hash, author: change.author, deps }
}
