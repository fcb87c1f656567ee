//! Reads pushed documents and verifies their signatures: what of an upload needs neither the log nor the gate.

use std::collections::{HashMap, HashSet};

use sync_protocol::frame::{PushedDocument, RefusalReason};
use sync_protocol::identity::{Certificate, ChangeSignature, ChangeVerifier};
use sync_protocol::{AuthorId, ChangeHash, DocumentId};

use crate::relay::change_check::{CheckedChange, check_change};

/// Documents in a push from which on two threads share the work.
const WORTH_SHARING: usize = 64;
/// Threads that share it, at most: other connections wait meanwhile, but the machine is not theirs alone either.
const THREADS: usize = 4;

/// A pushed document as far as its own bytes tell.
pub(super) struct ReadDocument {
    pub id: DocumentId,
    pub checked: Vec<Result<CheckedChange, RefusalReason>>,
    /// The signatures that verify.
    pub tips: Vec<ChangeSignature>,
}

/// Reads all documents of a push, in order. None for one with a descriptor that describes nothing.
///
/// Verifying is most of the work of an upload, so a large one is shared out. The result is the same.
pub(super) fn read_all(
    documents: &[PushedDocument],
    certificates: &HashMap<AuthorId, Certificate>,
) -> Vec<Option<ReadDocument>> {
    let authors = documents.iter().flat_map(|document| document.signatures.iter().map(|signature| signature.author));
    let vouching =
        Vouching { certificates, verifier: &ChangeVerifier::new(authors, |author| certificates.get(author)) };
    let work = |some: &[PushedDocument]| some.iter().map(|one| read(one, vouching)).collect::<Vec<_>>();
    // Asking how many there may be takes longer than to read a small push.
    let few = documents.len() < WORTH_SHARING;
    let threads = if few { 1 } else { std::thread::available_parallelism().map_or(1, usize::from).min(THREADS) };
    if threads == 1 {
        return work(documents);
    }
    let (first, others) = documents.split_at(documents.len().div_ceil(threads));
    std::thread::scope(|scope| {
        let shares: Vec<_> = others.chunks(first.len()).collect();
        let running: Vec<_> = shares
            .into_iter()
            .map(|some| (some, std::thread::Builder::new().spawn_scoped(scope, move || work(some))))
            .collect();
        let mut all = work(first);
        for (some, thread) in running {
            // Should a thread not start or fail, its share is done here.
            all.extend(thread.ok().and_then(|thread| thread.join().ok()).unwrap_or_else(|| work(some)));
        }
        all
    })
}

/// What signatures are verified with.
#[derive(Clone, Copy)]
struct Vouching<'a> {
    certificates: &'a HashMap<AuthorId, Certificate>,
    verifier: &'a ChangeVerifier,
}

fn read(pushed: &PushedDocument, vouching: Vouching<'_>) -> Option<ReadDocument> {
    pushed.descriptor.validate().ok()?;
    let id = pushed.descriptor.id();
    let checked: Vec<_> = pushed.changes.iter().map(|bytes| check_change(bytes)).collect();
    let tips = verified_tips(vouching, &id, pushed, &checked);
    Some(ReadDocument { id, checked, tips })
}

/// The signatures of a pushed document that verify under the certificates at hand, each over a pushed change of its
/// author's own. Others vouch for nothing and are not worth the time to verify.
fn verified_tips(
    vouching: Vouching<'_>,
    document: &DocumentId,
    pushed: &PushedDocument,
    checked: &[Result<CheckedChange, RefusalReason>],
) -> Vec<ChangeSignature> {
    let mut unsigned: HashSet<(AuthorId, ChangeHash)> =
        checked.iter().flatten().map(|change| (change.link.author, change.link.hash)).collect();
    let holds = |signature: &&ChangeSignature| {
        let certificate = vouching.certificates.get(&signature.author);
        certificate.is_some_and(|certificate| vouching.verifier.verify(signature, certificate, document).is_ok())
    };
    let of_its_own = |signature: &&ChangeSignature| unsigned.remove(&(signature.author, signature.tip));
    pushed.signatures.iter().filter(of_its_own).filter(holds).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sync_protocol::{Compartment, DocumentDescriptor, OrganizationId, PatientId};

    #[test]
    fn a_large_push_is_read_in_its_own_order_with_bad_documents_in_their_places() {
        let document = |number: usize| PushedDocument {
            descriptor: DocumentDescriptor {
                organization: OrganizationId::new("north").unwrap(),
                patient: Some(PatientId::new(format!("p{number}")).unwrap()),
                compartment: if number % 7 == 3 { Compartment::Directory } else { Compartment::Core },
                part: String::new(),
            },
            changes: Vec::new(),
            signatures: Vec::new(),
        };
        for count in [0, 1, WORTH_SHARING - 1, WORTH_SHARING, WORTH_SHARING + 1, 1_000] {
            let documents: Vec<_> = (0..count).map(document).collect();
            let read = read_all(&documents, &HashMap::new());
            let expected: Vec<_> =
                documents.iter().map(|one| one.descriptor.validate().ok().map(|()| one.descriptor.id())).collect();
            assert_eq!(read.into_iter().map(|one| one.map(|one| one.id)).collect::<Vec<_>>(), expected);
        }
    }
}
