//! Decides what becomes of each change of a pushed document, before anything is written.

use std::collections::{HashMap, HashSet};

use sync_protocol::frame::{Answer, CustodyReason, RefusalReason};
use sync_protocol::identity::{ChangeLink, uncovered};
use sync_protocol::{AuthorId, ChangeHash};

use crate::relay::change_check::CheckedChange;
use crate::store::{CustodyMark, CustodyState, Store, StoreError};

/// How often a push is gone over, at most. An honest one needs one pass, and a second when something of it is refused.
const PASSES: usize = 8;

/// What is to be done with one change.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::relay) enum Verdict {
    /// Append it.
    Append,
    /// Keep it for a privacy officer.
    Custody(CustodyReason),
    /// Nothing to do but answer.
    Answer(Answer),
}

/// A pushed document, as far as deciding goes.
pub(in crate::relay) struct Pushed<'a> {
    /// Its number, if the log has it.
    pub number: Option<u32>,
    pub changes: &'a [Result<CheckedChange, RefusalReason>],
    /// Signatures that verify: author and signed change.
    pub tips: Vec<(AuthorId, ChangeHash)>,
    /// Whether the sender may have or write the document: only then may it learn what the log holds.
    pub may_learn: bool,
    /// Under which author the sender itself writes: what it made, and the log has, is no secret to it.
    pub sender: Option<AuthorId>,
    /// Authors whose certificates verify, and why they may not write here, if so.
    pub authors: HashMap<AuthorId, Option<CustodyReason>>,
    /// What is or was in custody for it.
    pub custody: &'a HashMap<ChangeHash, CustodyMark>,
}

/// Decides for every change, in order.
///
/// A change is appended only if a signature vouches for it through changes that are appended too: otherwise a signed but
/// malformed successor could smuggle in a change that every reader must reject.
pub(in crate::relay) fn plan(store: &dyn Store, pushed: &Pushed<'_>) -> Result<Vec<Verdict>, StoreError> {
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
        let may_learn = self.pushed.may_learn || self.pushed.sender == Some(change.link.author);
        if may_learn && self.last_op(&change.link.hash)?.is_some() {
            return Ok(Verdict::Answer(Answer::AlreadyHad));
        }
        let Some(refused) = self.pushed.authors.get(&change.link.author) else {
            return Ok(refuse(RefusalReason::NotCertified));
        };
        let mark = self.pushed.custody.get(&change.link.hash);
        let unsigned = self.unsigned.contains(&change.link.hash);
        match mark.map(|mark| (mark.state, mark.reason)) {
            // Accepted by a privacy officer: it goes into the log once a signature covers it there.
            Some((CustodyState::WaitsForSignature, reason)) => {
                let placed = if unsigned { None } else { Some(self.place(change)?) };
                Ok(placed.filter(|verdict| *verdict == Verdict::Append).unwrap_or_else(|| self.keep(change, reason)))
            }
            _ if unsigned => Ok(refuse(RefusalReason::NotSigned)),
            // The decision stands, whoever sends it again.
            Some((CustodyState::Returned, reason)) => Ok(self.keep(change, reason)),
            // Before anything is said of what the log holds: without the right, every answer is the same.
            _ => match *refused {
                Some(reason) => Ok(self.keep(change, reason)),
                None => self.place(change),
            },
        }
    }

    fn keep(&mut self, change: &CheckedChange, reason: CustodyReason) -> Verdict {
        self.in_custody.insert(change.link.hash);
        Verdict::Custody(reason)
    }

    /// Where a permitted and signed change stands towards the log.
    fn place(&mut self, change: &'a CheckedChange) -> Result<Verdict, StoreError> {
        let mut missing = Vec::new();
        let mut last_op = 0;
        for dep in &change.link.deps {
            match self.last_op(dep)? {
                Some(op) => last_op = last_op.max(op),
                None if self.is_in_custody(dep) => return Ok(self.keep(change, CustodyReason::BuildsOnCustody)),
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

    fn is_in_custody(&self, hash: &ChangeHash) -> bool {
        self.in_custody.contains(hash) || self.pushed.custody.contains_key(hash)
    }
}

fn refuse(reason: RefusalReason) -> Verdict {
    Verdict::Answer(Answer::Refused(reason))
}
