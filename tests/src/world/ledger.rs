//! What was pushed and what the relay said of it, read off the wire: the model that devices and relay are held to.

use std::collections::{BTreeSet, HashMap};

use clinical_record::inspect_change;
use sync_protocol::frame::{Answer, BatchBody, Push, PushBody, Pushed};
use sync_protocol::{ChangeHash, DocumentId};

use super::LinkId;

/// A change of a document.
pub type Named = (DocumentId, ChangeHash);

#[derive(Default)]
pub(super) struct Ledger {
    pushes: HashMap<(LinkId, u64), Vec<Named>>,
    /// What the relay answered to have.
    pub acknowledged: BTreeSet<Named>,
}

impl Ledger {
    /// A device sent a push.
    pub fn pushed(&mut self, link: LinkId, push: &Push) {
        let Ok(body) = push.body.unpack::<PushBody>() else { return };
        let mut named = Vec::new();
        for document in &body.documents {
            let id = document.descriptor.id();
            named.extend(document.changes.iter().map(|change| (id, hash_of(change))));
        }
        self.pushes.insert((link, push.push), named);
    }

    /// The changes that an answer says the relay has.
    pub fn answered(&self, link: LinkId, pushed: &Pushed) -> Vec<Named> {
        let Some(named) = self.pushes.get(&(link, pushed.push)) else { return Vec::new() };
        assert_eq!(named.len(), pushed.answers.len(), "one answer for each change");
        let has = |answer: &Answer| matches!(answer, Answer::Accepted | Answer::AlreadyHad);
        named.iter().zip(&pushed.answers).filter(|(_, answer)| has(answer)).map(|(named, _)| *named).collect()
    }
}

/// The changes that a batch carries.
pub(super) fn carried(body: &BatchBody) -> impl Iterator<Item = Named> + '_ {
    body.documents
        .iter()
        .flat_map(|document| document.changes.iter().filter_map(|change| Some((document.document, read_hash(change)?))))
}

fn hash_of(change: &[u8]) -> ChangeHash {
    // One that cannot be read is refused, and so not looked up.
    read_hash(change).unwrap_or(ChangeHash([0; 32]))
}

fn read_hash(change: &[u8]) -> Option<ChangeHash> {
    inspect_change(change).ok().map(|meta| ChangeHash(meta.hash))
}
