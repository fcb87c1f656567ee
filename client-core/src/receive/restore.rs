//! A document that was given to this device again gets back the work that was kept aside.

use std::collections::BTreeMap;

use rusqlite::Connection;
use sync_protocol::{ChangeHash, UnixMillis};

use crate::store::documents::StoredDocument;
use crate::store::identity::{self, Identity};
use crate::store::kept_work::{self, KeptState};
use crate::store::{changes, outbox};
use crate::{DeviceError, edit};

/// Puts kept work back and queues it; what a privacy officer returned meanwhile becomes drafts.
///
/// Gives how many changes came back.
pub(super) fn restore_kept_work(
    db: &Connection,
    device: &Identity,
    document: &StoredDocument,
    now: UnixMillis,
) -> Result<usize, DeviceError> {
    let (mut restored, mut returned) = (0, BTreeMap::new());
    'kept: for kept in kept_work::of_document(db, &document.id)? {
        if changes::has(db, document.number, &kept.hash)? {
            kept_work::forget(db, &document.id, &kept.hash)?;
            continue;
        }
        let meta = clinical_record::inspect_change(&kept.payload)?;
        for dep in &meta.deps {
            if !changes::has(db, document.number, &ChangeHash(*dep))? {
                // It builds on what has not come back: stays kept.
                break 'kept;
            }
        }
        let row = changes::append(db, document.number, &kept.hash, &kept.actor, &kept.payload, now)?;
        outbox::enqueue(db, document.number, row, kept.made_at)?;
        edit::sign(db, device, document, &kept.actor, meta.seq, kept.hash)?;
        kept_work::forget(db, &document.id, &kept.hash)?;
        if kept.state == KeptState::Returned {
            returned.insert(kept.hash, kept.reason.unwrap_or_default());
        }
        restored += 1;
    }
    if !returned.is_empty() {
        identity::next_incarnation(db)?;
        edit::take_back(db, device, document, &returned, now)?;
    }
    Ok(restored)
}
