//! Whether device and relay hold the same, told from two sums that were taken at slightly different moments.
//!
//! The relay takes its sum while our pushes are on their way to it and its answers on their way to us. So what was
//! answered lately may be missing in its sum, and what is not answered yet may be in it.

use sync_protocol::Checksum;

/// Answers remembered: more than can be on their way.
const ANSWERS: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Agreement {
    /// What each of the last answers added to our sum, newest last.
    answered: Vec<Checksum>,
    /// The relay's sum, while it may still turn out to agree.
    pending: Option<Checksum>,
}

/// What comparing came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Agree,
    Differ,
    /// Pushes are on their way: their answers will tell.
    Open,
}

impl Agreement {
    /// The relay said its sum.
    pub(super) fn said(&mut self, theirs: Checksum, ours: Checksum, pushes_open: bool) -> Verdict {
        self.pending = None;
        if self.is_recent(theirs, ours) {
            return Verdict::Agree;
        }
        if pushes_open {
            self.pending = Some(theirs);
            return Verdict::Open;
        }
        Verdict::Differ
    }

    /// An answer changed our sum by `added`. None if nothing is to be decided.
    pub(super) fn answered(&mut self, added: Checksum, ours: Checksum, pushes_open: bool) -> Option<Verdict> {
        if self.answered.len() == ANSWERS {
            self.answered.remove(0);
        }
        self.answered.push(added);
        let theirs = self.pending?;
        Some(self.said(theirs, ours, pushes_open))
    }

    /// A batch changed our sum by `added`, after the relay had said its sum.
    pub(super) fn received(&mut self, added: Checksum) {
        self.pending = self.pending.map(|theirs| theirs.plus(added));
    }

    fn is_recent(&self, theirs: Checksum, ours: Checksum) -> bool {
        let mut candidate = ours;
        if candidate == theirs {
            return true;
        }
        self.answered.iter().rev().any(|added| {
            candidate = candidate.minus(*added);
            candidate == theirs
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sums_agree_and_different_ones_differ() {
        let mut agreement = Agreement::default();
        assert_eq!(agreement.said(Checksum(5), Checksum(5), false), Verdict::Agree);
        assert_eq!(agreement.said(Checksum(5), Checksum(6), false), Verdict::Differ);
    }

    #[test]
    fn a_sum_taken_before_the_last_answers_agrees() {
        let mut agreement = Agreement::default();
        agreement.answered(Checksum(10), Checksum(110), true);
        agreement.answered(Checksum(1), Checksum(111), false);
        assert_eq!(agreement.said(Checksum(100), Checksum(111), false), Verdict::Agree);
    }

    #[test]
    fn a_sum_that_counts_an_unanswered_push_waits_for_the_answer() {
        let mut agreement = Agreement::default();
        assert_eq!(agreement.said(Checksum(110), Checksum(100), true), Verdict::Open);
        agreement.received(Checksum(7));
        assert_eq!(agreement.answered(Checksum(10), Checksum(117), false), Some(Verdict::Agree));
        assert_eq!(agreement.answered(Checksum(1), Checksum(118), false), None);
    }

    #[test]
    fn a_sum_that_no_answer_explains_differs_once_all_are_in() {
        let mut agreement = Agreement::default();
        agreement.said(Checksum(999), Checksum(100), true);
        assert_eq!(agreement.answered(Checksum(10), Checksum(110), true), Some(Verdict::Open));
        assert_eq!(agreement.answered(Checksum(10), Checksum(120), false), Some(Verdict::Differ));
    }
}
