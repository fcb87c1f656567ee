//! Sends work that was kept aside, without the document it belongs to: a privacy officer decides on it.

use rusqlite::Connection;
use sync_protocol::frame::Answer;
use sync_protocol::limits::{MAX_CHANGES_PER_PUSH, TARGET_UNPACKED_BYTES};
use sync_protocol::{ChangeHash, DocumentId};

use super::answers::{BUILDS_ON_UNKNOWN, Settled, custody, refusal};
use super::outgoing::{Outgoing, add, own_signatures};
use crate::store::documents::StoredDocument;
use crate::store::kept_work::{self, KeptState};
use crate::{Device, DeviceError};

/// Stands for the row of a document that is not here.
pub(super) const NOT_HERE: i64 = 0;

impl Device {
    /// The next push of kept work after row `after`; none if none waits.
    pub(crate) fn next_kept_push(&self, after: i64) -> Result<Option<Outgoing>, DeviceError> {
        let identity = self.enrolled_identity()?;
        let next = kept_work::next(&self.db, after, MAX_CHANGES_PER_PUSH, TARGET_UNPACKED_BYTES)?;
        let Some((descriptor, unsent)) = next else { return Ok(None) };
        let document =
            StoredDocument { number: NOT_HERE, id: descriptor.id(), descriptor, stale: false, unreadable: None };
        let kept_through = unsent.last().map_or(after, |last| last.seq);
        let mut outgoing = Outgoing { kept_through, ..Outgoing::default() };
        let group: Vec<_> = unsent.into_iter().map(|change| (change.hash, change.payload)).collect();
        let signatures = own_signatures(&self.db, identity, &document, &group)?;
        add(&mut outgoing, &document, group, signatures);
        Ok(Some(outgoing))
    }
}

/// Settles the answer to a kept change.
pub(super) fn answer(
    db: &Connection,
    document: &DocumentId,
    hash: &ChangeHash,
    answer: &Answer,
    settled: &mut Settled,
) -> Result<(), DeviceError> {
    let (state, why) = match answer {
        Answer::Accepted | Answer::AlreadyHad => {
            kept_work::forget(db, document, hash)?;
            settled.accepted += 1;
            return Ok(());
        }
        Answer::Custody(reason) => (KeptState::Custody, custody(*reason)),
        Answer::Refused(reason) => (KeptState::Refused, refusal(*reason)),
        Answer::Needs(_) => (KeptState::Refused, BUILDS_ON_UNKNOWN),
    };
    match state {
        KeptState::Custody => settled.custody += 1,
        _ => settled.refused += 1,
    }
    kept_work::set_state(db, document, hash, state, Some(why))
}
