//! The document as it was: at given heads, or at a moment by its authors' clocks.

use std::collections::HashSet;

use automerge::ChangeHash;

use crate::{RecordDocument, RecordError};

/// A document as it was at a moment, as far as clocks can tell.
#[derive(Clone, Debug)]
pub struct AsOf {
    /// The document with the changes of that time. Editing it makes a branch; it is meant for reading.
    pub document: RecordDocument,
    /// Changes that say they were made by then but build on one that says it was made later: a clock was wrong, and they are
    /// left out. Other than 0, the moment is not to be relied on.
    pub out_of_order: usize,
}

impl RecordDocument {
    /// The document with the changes `heads` and all they build on: what their authors saw when they made them.
    ///
    /// # Errors
    /// [`RecordError::UnknownChange`] for a head that is not here.
    pub fn at_heads(&self, heads: &[[u8; 32]]) -> Result<Self, RecordError> {
        let mut wanted: HashSet<ChangeHash> = HashSet::new();
        let mut queue: Vec<ChangeHash> = heads.iter().map(|hash| ChangeHash(*hash)).collect();
        while let Some(hash) = queue.pop() {
            if wanted.insert(hash) {
                let change = self.doc.get_change_meta_by_hash(&hash).ok_or(RecordError::UnknownChange)?;
                queue.extend(change.deps.iter());
            }
        }
        self.only(&wanted)
    }

    /// The document with the changes made by `time_ms`, milliseconds since the Unix epoch, as their authors' clocks say.
    ///
    /// A device clock may be days wrong, and a change made elsewhere by then may have arrived here much later: this is what
    /// was written by that time, not what any one person had on the screen. For that, use [`Self::at_heads`].
    /// # Errors
    /// [`RecordError::Engine`]; not expected of a document this crate loaded.
    pub fn as_of(&self, time_ms: i64) -> Result<AsOf, RecordError> {
        let (mut made, mut out_of_order) = (HashSet::new(), 0);
        for change in self.doc.get_changes_meta(&[]) {
            if change.timestamp > time_ms {
                continue;
            }
            if change.deps.iter().all(|dep| made.contains(dep)) {
                made.insert(change.hash);
            } else {
                out_of_order += 1;
            }
        }
        Ok(AsOf { document: self.only(&made)?, out_of_order })
    }

    /// The document with these changes, which hold all they build on.
    fn only(&self, wanted: &HashSet<ChangeHash>) -> Result<Self, RecordError> {
        let all = self.changes_since(&[])?;
        let kept = all.iter().filter(|change| wanted.contains(&ChangeHash(change.meta.hash)));
        Self::load_accepted(kept.map(|change| change.bytes.as_slice()))
    }
}
