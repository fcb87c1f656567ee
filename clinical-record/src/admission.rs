//! Admits changes to a document in causal order, each only when its counters go on where its dependencies left off.
//!
//! The engine takes such counters on trust: a change that reuses operation numbers is applied, and panics much later, when
//! the document is saved or sent. So nothing reaches the engine before it was checked here.

use std::collections::{HashMap, HashSet};

use automerge::{ActorId, Change, ChangeHash};

use crate::RecordError;

/// What is known of the changes a document holds.
#[derive(Clone, Default)]
pub(crate) struct Ledger {
    max_ops: HashMap<ChangeHash, u64>,
    seqs: HashMap<ActorId, u64>,
}

impl Ledger {
    pub(crate) fn contains(&self, hash: &ChangeHash) -> bool {
        self.max_ops.contains_key(hash)
    }

    pub(crate) fn count(&self) -> usize {
        self.max_ops.len()
    }

    /// Highest operation counter of the given changes.
    pub(crate) fn max_op(&self, hashes: &[ChangeHash]) -> u64 {
        hashes.iter().filter_map(|hash| self.max_ops.get(hash).copied()).max().unwrap_or_default()
    }

    /// Notes a change that was admitted before, in causal order.
    pub(crate) fn note(&mut self, hash: ChangeHash, actor: &ActorId, seq: u64, max_op: u64) {
        self.seqs.insert(actor.clone(), seq);
        self.max_ops.insert(hash, max_op);
    }

    /// Notes a change whose dependencies are all held.
    ///
    /// # Errors
    /// [`RecordError::DuplicateSequence`], [`RecordError::MalformedChange`] when its counters do not continue theirs.
    pub(crate) fn admit(&mut self, change: &Change) -> Result<(), RecordError> {
        let last = self.seqs.get(change.actor_id()).copied().unwrap_or_default();
        if change.seq() <= last {
            return Err(RecordError::DuplicateSequence { seq: change.seq() });
        }
        if change.seq() != last + 1 {
            return Err(RecordError::MalformedChange("sequence number"));
        }
        let start_op = change.start_op().get();
        if start_op != self.max_op(change.deps()) + 1 {
            return Err(RecordError::MalformedChange("operation counter"));
        }
        self.seqs.insert(change.actor_id().clone(), change.seq());
        self.max_ops.insert(change.hash(), start_op - 1 + change.len() as u64);
        Ok(())
    }
}

/// Splits `changes` into those that can be applied now, in causal order and noted in `ledger`, and those that wait.
///
/// Changes already held and repeats are dropped.
/// # Errors
/// As [`Ledger::admit`], of the first change that fails; `ledger` is then of no use.
pub(crate) fn sort(
    ledger: &mut Ledger,
    changes: impl IntoIterator<Item = Change>,
) -> Result<(Vec<Change>, Vec<Change>), RecordError> {
    let mut queue = Queue::default();
    let mut seen = HashSet::new();
    for change in changes {
        if !ledger.contains(&change.hash()) && seen.insert(change.hash()) {
            queue.push(change, ledger);
        }
    }
    let mut ready = Vec::new();
    while let Some(change) = queue.pop() {
        ledger.admit(&change)?;
        queue.release(&change.hash());
        ready.push(change);
    }
    Ok((ready, queue.waiting.into_values().map(|(change, _)| change).collect()))
}

/// Changes not admitted yet.
#[derive(Default)]
struct Queue {
    ready: std::collections::VecDeque<Change>,
    /// By hash, each with the number of its dependencies that are missing.
    waiting: HashMap<ChangeHash, (Change, usize)>,
    /// Which waiting changes each missing one holds up.
    holds_up: HashMap<ChangeHash, Vec<ChangeHash>>,
}

impl Queue {
    fn push(&mut self, change: Change, ledger: &Ledger) {
        let missing: HashSet<_> = change.deps().iter().filter(|dep| !ledger.contains(dep)).copied().collect();
        for dep in &missing {
            self.holds_up.entry(*dep).or_default().push(change.hash());
        }
        match missing.len() {
            0 => self.ready.push_back(change),
            count => drop(self.waiting.insert(change.hash(), (change, count))),
        }
    }

    fn pop(&mut self) -> Option<Change> {
        self.ready.pop_front()
    }

    fn release(&mut self, admitted: &ChangeHash) {
        for hash in self.holds_up.remove(admitted).unwrap_or_default() {
            let Some((_, missing)) = self.waiting.get_mut(&hash) else { continue };
            *missing -= 1;
            if *missing == 0 {
                self.ready.extend(self.waiting.remove(&hash).map(|(change, _)| change));
            }
        }
    }
}
