//! What the relay's answers do: take changes out of the outbox, or note why they stay.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, TransactionBehavior};
use sync_protocol::frame::{Answer, CustodyReason, RefusalReason};
use sync_protocol::{ChangeHash, DocumentId, UnixMillis};

use super::Outgoing;
use super::kept::{self, NOT_HERE};
use crate::store::identity::{self, Identity};
use crate::store::outbox::{self, OutboxState};
use crate::store::{documents, kept_work, sums};
use crate::{Device, DeviceError, edit, projection};

/// Why a change is not taken while another, which it builds on, is not decided on.
pub(super) const BUILDS_ON_CUSTODY: &str = "it builds on a change that a privacy officer has not decided on";
/// Why a change is not taken while the relay does not have what it builds on.
pub(super) const BUILDS_ON_UNKNOWN: &str = "it builds on changes that the relay does not accept";

/// Why a change is not taken for now. It is sent again at the next connection.
pub(crate) const CUSTODY_FULL: &str = "too much waits for a privacy officer to decide; it is sent again later";

/// What the answers to one push came to. Counts are changes of the outbox.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// In the relay's log.
    pub(crate) accepted: u64,
    /// Kept by the relay from others.
    pub(crate) custody: u64,
    /// Not taken.
    pub(crate) refused: u64,
    /// Documents of which the relay lacks what our changes build on.
    pub(crate) needed: BTreeSet<DocumentId>,
}

impl Device {
    /// Settles a push in one transaction. `may_send_whole`: whether a document that the relay lacks changes of can
    /// still be sent whole on this connection.
    pub(crate) fn settle(
        &mut self,
        push: &Outgoing,
        answers: &[Answer],
        may_send_whole: impl Fn(&DocumentId) -> bool,
        now: UnixMillis,
    ) -> Result<Settled, DeviceError> {
        let identity = self.identity.as_ref().ok_or(DeviceError::NotEnrolled)?;
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut work = Work { db: &tx, settled: Settled::default(), shared: BTreeMap::new(), reused: BTreeSet::new() };
        for ((number, document, hash), answer) in push.changes.iter().zip(answers) {
            work.answer(*number, document, hash, answer, &may_send_whole)?;
        }
        for (document, hashes) in &work.shared {
            sums::share(&tx, document, hashes)?;
        }
        let Work { settled, reused, .. } = work;
        remake(&tx, identity, &reused, now)?;
        tx.commit()?;
        self.note_unsent();
        Ok(settled)
    }
}

struct Work<'a> {
    db: &'a Connection,
    settled: Settled,
    shared: BTreeMap<DocumentId, Vec<ChangeHash>>,
    reused: BTreeSet<i64>,
}

impl Work<'_> {
    fn answer(
        &mut self,
        number: i64,
        document: &DocumentId,
        hash: &ChangeHash,
        answer: &Answer,
        may_send_whole: &impl Fn(&DocumentId) -> bool,
    ) -> Result<(), DeviceError> {
        let here = match number {
            NOT_HERE if kept_work::has(self.db, document, hash)? => {
                return kept::answer(self.db, document, hash, answer, &mut self.settled);
            }
            // It came back meanwhile, and its kept work with it.
            NOT_HERE => documents::find(self.db, document)?.map(|document| document.number),
            number => Some(number),
        };
        match here {
            Some(number) if outbox::has(self.db, number, hash)? => {
                self.answer_queued(number, document, hash, answer, may_send_whole)
            }
            // The document was taken back since it was sent, and the change kept aside. It stays so if the relay lacks more.
            _ if matches!(answer, Answer::Needs(_)) => Ok(()),
            _ if kept_work::has(self.db, document, hash)? => {
                kept::answer(self.db, document, hash, answer, &mut self.settled)
            }
            // Given back to a relay that had lost it, or made anew or taken back by its author since it was sent.
            _ => Ok(()),
        }
    }

    fn answer_queued(
        &mut self,
        number: i64,
        document: &DocumentId,
        hash: &ChangeHash,
        answer: &Answer,
        may_send_whole: &impl Fn(&DocumentId) -> bool,
    ) -> Result<(), DeviceError> {
        match answer {
            Answer::Accepted | Answer::AlreadyHad => {
                outbox::remove(self.db, number, hash)?;
                self.shared.entry(*document).or_default().push(*hash);
                self.settled.accepted += 1;
            }
            Answer::Needs(_) if may_send_whole(document) => {
                self.settled.needed.insert(*document);
            }
            Answer::Needs(_) => {
                self.settled.refused += self.note(number, hash, OutboxState::Refused, BUILDS_ON_UNKNOWN)?;
            }
            Answer::Custody(reason) => {
                self.settled.custody += self.note(number, hash, OutboxState::Custody, custody(*reason))?;
            }
            Answer::Refused(RefusalReason::SequenceReused) => {
                self.reused.insert(number);
            }
            Answer::Refused(reason) => {
                self.settled.refused += self.note(number, hash, OutboxState::Refused, refusal(*reason))?;
            }
        }
        Ok(())
    }

    fn note(&self, number: i64, hash: &ChangeHash, state: OutboxState, why: &str) -> Result<u64, DeviceError> {
        Ok(u64::from(outbox::set_state(self.db, number, hash, state, why)?))
    }
}

/// Makes the unsent work of these documents anew under the next incarnation.
fn remake(db: &Connection, identity: &Identity, reused: &BTreeSet<i64>, now: UnixMillis) -> Result<(), DeviceError> {
    if reused.is_empty() {
        return Ok(());
    }
    identity::next_incarnation(db)?;
    for number in reused {
        // Taken back by the relay meanwhile: its work is kept aside.
        let Some(document) = documents::by_number(db, *number)? else { continue };
        edit::remake_unsent(db, identity, &document, now)?;
        projection::refresh(db, &document)?;
    }
    Ok(())
}

pub(super) fn custody(reason: CustodyReason) -> &'static str {
    match reason {
        CustodyReason::NotPermitted => "you may not write this document; a privacy officer decides",
        CustodyReason::BuildsOnCustody => BUILDS_ON_CUSTODY,
        CustodyReason::DeviceRevoked => "the device is revoked; a privacy officer decides",
        CustodyReason::Other => "the relay keeps it for a privacy officer to decide",
    }
}

pub(super) fn refusal(reason: RefusalReason) -> &'static str {
    match reason {
        RefusalReason::Malformed => "the relay found it malformed",
        RefusalReason::TooLarge => "it is larger than the relay takes",
        RefusalReason::NotSigned => "the relay found no valid signature on it",
        RefusalReason::NotCertified => "the relay does not accept its author's certificate",
        RefusalReason::SequenceReused => "its sequence number was used before",
        RefusalReason::BadOperations => "its operations are not numbered as they should be",
        RefusalReason::BadDescriptor => "the relay does not accept what the document is about",
        RefusalReason::CustodyFull => CUSTODY_FULL,
        RefusalReason::Other => "the relay refused it for a reason that this version does not know",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NewPatient;
    use crate::purge::Cause;
    use crate::testing::{NOW, enrolled};

    #[test]
    fn a_change_that_was_on_its_way_when_its_document_was_withdrawn_is_settled_by_its_answer() {
        for (answer, left) in [(Answer::Accepted, None), (Answer::Custody(CustodyReason::NotPermitted), Some(()))] {
            let folder = tempfile::tempdir().unwrap();
            let mut device = enrolled(folder.path());
            let patient = NewPatient { family: Some("Silva".into()), ..NewPatient::default() };
            device.register_patient(&patient, NOW).unwrap();
            let sent = device.next_push(0).unwrap().unwrap();
            let (_, document, _) = sent.changes[0];
            device.purge(&[document], Cause::Withdrawn, NOW).unwrap();
            assert_eq!(device.status(NOW).unwrap().kept_aside.len(), 1);
            device.settle(&sent, &[answer], |_| true, NOW).unwrap();
            let kept = device.status(NOW).unwrap().kept_aside;
            assert_eq!(kept.first().map(|kept| kept.state), left.map(|()| kept_work::KeptState::Custody));
        }
    }
}
