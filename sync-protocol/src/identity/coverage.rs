//! Which changes a set of signatures vouches for, through the hash graph.

use std::collections::{HashMap, HashSet};

use crate::ids::{AuthorId, ChangeHash};

/// A change as far as signatures are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeLink {
    /// Its hash.
    pub hash: ChangeHash,
    /// Whose actor id it carries.
    pub author: AuthorId,
    /// The changes it builds on.
    pub deps: Vec<ChangeHash>,
}

/// The changes of one document that no signature vouches for.
///
/// A change is vouched for when its own author signed it or one that builds on it. `tips` are signatures already
/// verified: (author, signed change). The path from tip to change must lie within `changes`: the relay takes and sends
/// changes in causal order, so whatever builds on a new change is new too.
#[must_use]
pub fn uncovered(changes: &[ChangeLink], tips: &[(AuthorId, ChangeHash)]) -> Vec<ChangeHash> {
    let by_hash: HashMap<ChangeHash, &ChangeLink> = changes.iter().map(|c| (c.hash, c)).collect();
    let mut covered = HashSet::new();
    // What one tip of an author reaches need not be gone through again for the next: many tips cost no more than one.
    let mut seen: HashMap<AuthorId, HashSet<ChangeHash>> = HashMap::new();
    for (author, tip) in tips {
        cover(&by_hash, *author, *tip, seen.entry(*author).or_default(), &mut covered);
    }
    changes.iter().map(|c| c.hash).filter(|hash| !covered.contains(hash)).collect()
}

fn cover(
    by_hash: &HashMap<ChangeHash, &ChangeLink>,
    author: AuthorId,
    tip: ChangeHash,
    seen: &mut HashSet<ChangeHash>,
    covered: &mut HashSet<ChangeHash>,
) {
    // A tip that carries another's actor id vouches for nothing, nor do the paths through it.
    if by_hash.get(&tip).is_none_or(|change| change.author != author) {
        return;
    }
    let mut pending: Vec<_> = seen.insert(tip).then_some(tip).into_iter().collect();
    while let Some(hash) = pending.pop() {
        let Some(change) = by_hash.get(&hash) else { continue };
        if change.author == author {
            covered.insert(hash);
        }
        pending.extend(change.deps.iter().copied().filter(|dep| seen.insert(*dep)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: AuthorId = AuthorId([1; 16]);
    const B: AuthorId = AuthorId([2; 16]);

    fn link(n: u8, author: AuthorId, deps: &[u8]) -> ChangeLink {
        ChangeLink { hash: hash(n), author, deps: deps.iter().map(|d| hash(*d)).collect() }
    }

    fn hash(n: u8) -> ChangeHash {
        ChangeHash([n; 32])
    }

    #[test]
    fn one_signature_covers_its_authors_earlier_changes_through_anothers() {
        let changes = [link(1, A, &[]), link(2, B, &[1]), link(3, A, &[2])];
        assert_eq!(uncovered(&changes, &[(A, hash(3))]), vec![hash(2)]);
        assert_eq!(uncovered(&changes, &[(A, hash(3)), (B, hash(2))]), vec![]);
    }

    #[test]
    fn several_signatures_of_one_author_cover_what_each_alone_would() {
        let changes = [link(1, A, &[]), link(2, A, &[1]), link(3, A, &[1])];
        assert_eq!(uncovered(&changes, &[(A, hash(2)), (A, hash(3))]), vec![]);
        assert_eq!(uncovered(&changes, &[(A, hash(3)), (A, hash(1)), (A, hash(2))]), vec![]);
    }

    #[test]
    fn a_change_beside_the_signed_line_stays_uncovered() {
        let changes = [link(1, A, &[]), link(2, A, &[1]), link(3, A, &[1])];
        assert_eq!(uncovered(&changes, &[(A, hash(2))]), vec![hash(3)]);
    }

    #[test]
    fn signing_anothers_change_vouches_for_nothing() {
        let changes = [link(1, A, &[]), link(2, B, &[1])];
        assert_eq!(uncovered(&changes, &[(A, hash(2))]), vec![hash(1), hash(2)]);
    }

    #[test]
    fn a_signature_over_an_absent_change_covers_nothing() {
        assert_eq!(uncovered(&[link(1, A, &[])], &[(A, hash(9))]), vec![hash(1)]);
    }
}
