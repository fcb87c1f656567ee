//! Decides what becomes of each change of a pushed document, before anything is written.

use std::collections::{HashMap, HashSet};

use sync_protocol::frame::{Answer, CustodyReason, RefusalReason};
use sync_protocol::identity::{ChangeLink, uncovered};
use sync_protocol::{AuthorId, ChangeHash, DocumentId};

use crate::relay::change_check::CheckedChange;
use crate::store::{Store, StoreError};

/// How often a push is gone over, at most. An honest one needs one pass, and a second when something of it is refused.
const PASSES: usize = 8;

/// What is to be done with one change.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Append it.
    Append,
    /// Keep it for a privacy officer.
    Custody(CustodyReason),
    /// Nothing to do but answer.
    Answer(Answer),
}

/// A pushed document, as far as deciding goes.
pub(super) struct Pushed<'a> {
    pub document: DocumentId,
    /// Its number, if the log has it.
    pub number: Option<u32>,
    pub changes: &'a [Result<CheckedChange, RefusalReason>],
    /// Signatures that verify: author and signed change.
    pub tips: Vec<(AuthorId, ChangeHash)>,
    /// Whether the sender itself may write here: only then may it learn what the log holds.
    pub sender_may_write: bool,
    /// Authors whose certificates verify, and whether they may write here.
    pub authors: HashMap<AuthorId, bool>,
}

/// Decides for every change, in order.
///
/// A change is appended only if a signature vouches for it through changes that are appended too: otherwise a signed but
/// malformed successor could smuggle in a change that every reader must reject.
pub(super) fn plan(store: &dyn Store, pushed: &Pushed<'_>) -> Result<Vec<Verdict>, StoreError> {
    let links: Vec<ChangeLink> = pushed.changes.iter().flatten().map(|change| change.link.clone()).collect();
    let mut unsigned: HashSet<ChangeHash> = uncovered(&links, &pushed.tips).into_iter().collect();
    let mut verdicts = Vec::new();
    for _ in 0..PASSES {
        verdicts = Planner::new(store, pushed, &unsigned).decide_all()?;
        let appended: Vec<ChangeLink> = pushed
            .changes
            .iter()
            .zip(&verdicts)
            .filter_map(|(change, verdict)| change.as_ref().ok().filter(|_| *verdict == Verdict::Append))
            .map(|change| change.link.clone())
            .collect();
        let before = unsigned.len();
        unsigned.extend(uncovered(&appended, &pushed.tips));
        if unsigned.len() == before {
            return Ok(verdicts);
        }
    }
    // Made to take long: nothing of it is worth more time.
    let give_up = |verdict| if verdict == Verdict::Append { refuse(RefusalReason::NotSigned) } else { verdict };
    Ok(verdicts.into_iter().map(give_up).collect())
}

/// One pass over the changes, with what it would append so far.
struct Planner<'a> {
    store: &'a dyn Store,
    pushed: &'a Pushed<'a>,
    unsigned: &'a HashSet<ChangeHash>,
    last_ops: HashMap<ChangeHash, u64>,
    last_seqs: HashMap<&'a [u8], u64>,
    in_custody: HashSet<ChangeHash>,
}

impl<'a> Planner<'a> {
    fn new(store: &'a dyn Store, pushed: &'a Pushed<'a>, unsigned: &'a HashSet<ChangeHash>) -> Self {
        let (last_ops, last_seqs, in_custody) = Default::default();
        Self { store, pushed, unsigned, last_ops, last_seqs, in_custody }
    }

    fn decide_all(mut self) -> Result<Vec<Verdict>, StoreError> {
        let mut verdicts = Vec::with_capacity(self.pushed.changes.len());
        for change in self.pushed.changes {
            verdicts.push(match change {
                Ok(change) => self.decide(change)?,
                Err(reason) => refuse(*reason),
            });
        }
        Ok(verdicts)
    }

    fn decide(&mut self, change: &'a CheckedChange) -> Result<Verdict, StoreError> {
        // Whoever wrote it may have left since; what is in the log is there.
        if self.pushed.sender_may_write && self.last_op(&change.link.hash)?.is_some() {
            return Ok(Verdict::Answer(Answer::AlreadyHad));
        }
        let Some(may_write) = self.pushed.authors.get(&change.link.author) else {
            return Ok(refuse(RefusalReason::NotCertified));
        };
        if self.unsigned.contains(&change.link.hash) {
            return Ok(refuse(RefusalReason::NotSigned));
        }
        // Before anything is said of what the log holds: without the right, every answer is the same.
        if !may_write {
            self.in_custody.insert(change.link.hash);
            return Ok(Verdict::Custody(CustodyReason::NotPermitted));
        }
        self.place(change)
    }

    /// Where a permitted and signed change stands towards the log.
    fn place(&mut self, change: &'a CheckedChange) -> Result<Verdict, StoreError> {
        let mut missing = Vec::new();
        let mut last_op = 0;
        for dep in &change.link.deps {
            match self.last_op(dep)? {
                Some(op) => last_op = last_op.max(op),
                None if self.is_in_custody(dep)? => {
                    self.in_custody.insert(change.link.hash);
                    return Ok(Verdict::Custody(CustodyReason::BuildsOnCustody));
                }
                None => missing.push(*dep),
            }
        }
        if !missing.is_empty() {
            return Ok(Verdict::Answer(Answer::Needs(missing)));
        }
        let last_seq = self.last_seq(&change.actor)?;
        if change.seq <= last_seq {
            return Ok(refuse(RefusalReason::SequenceReused));
        }
        // Automerge numbers changes and operations without gaps; a change that does not would break every reader.
        if change.seq != last_seq + 1 || change.start_op != last_op + 1 {
            return Ok(refuse(RefusalReason::BadOperations));
        }
        self.last_ops.insert(change.link.hash, change.max_op);
        self.last_seqs.insert(&change.actor, change.seq);
        Ok(Verdict::Append)
    }

    /// Number of a change's last operation, if it is in the log or would be.
    fn last_op(&self, hash: &ChangeHash) -> Result<Option<u64>, StoreError> {
        if let Some(op) = self.last_ops.get(hash) {
            return Ok(Some(*op));
        }
        let Some(number) = self.pushed.number else { return Ok(None) };
        Ok(self.store.change(number, hash)?.map(|facts| facts.max_op))
    }

    fn last_seq(&self, actor: &[u8]) -> Result<u64, StoreError> {
        match (self.last_seqs.get(actor), self.pushed.number) {
            (Some(seq), _) => Ok(*seq),
            (None, Some(number)) => self.store.last_seq(number, actor),
            (None, None) => Ok(0),
        }
    }

    fn is_in_custody(&self, hash: &ChangeHash) -> Result<bool, StoreError> {
        Ok(self.in_custody.contains(hash) || self.store.is_in_custody(&self.pushed.document, hash)?)
    }
}

fn refuse(reason: RefusalReason) -> Verdict {
    Verdict::Answer(Answer::Refused(reason))
}
