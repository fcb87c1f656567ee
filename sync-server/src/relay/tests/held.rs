//! A document on a device.

use std::collections::BTreeSet;

use automerge::{AutoCommit, Change};
use sha2::{Digest, Sha256};
use sync_protocol::frame::PushedDocument;
use sync_protocol::identity::{ChangeLink, ChangeSignature, SecretKey};
use sync_protocol::{AuthorId, ChangeHash, Checksum, DocumentDescriptor, DocumentId};

/// A document on a device.
#[derive(Clone)]
pub struct Held {
    pub descriptor: DocumentDescriptor,
    pub content: AutoCommit,
    /// Changes that the relay has, as far as the device knows.
    pub shared: BTreeSet<ChangeHash>,
    pub signatures: Vec<ChangeSignature>,
    /// Own changes that were not answered yet.
    pub unsent: Vec<(ChangeHash, Vec<u8>)>,
}

impl Held {
    pub fn new(descriptor: &DocumentDescriptor) -> Self {
        let (shared, signatures, unsent) = Default::default();
        Self { descriptor: descriptor.clone(), content: AutoCommit::new(), shared, signatures, unsent }
    }

    /// Goes back to what is shared with the relay.
    pub fn put_unshared_aside(&mut self) {
        let changes = self.content.get_changes(&[]);
        let shared = changes.into_iter().filter(|change| self.shared.contains(&ChangeHash(change.hash().0)));
        let mut content = AutoCommit::new();
        content.apply_changes(shared).unwrap();
        self.content = content;
        self.unsent.clear();
    }

    pub fn sign(&mut self, secret: &SecretKey, author: AuthorId, hash: ChangeHash) {
        self.signatures.push(ChangeSignature::sign(secret, author, &self.descriptor.id(), hash));
    }

    /// Takes a change out, with everything that builds on it. Whether it was there.
    pub fn take_out(&mut self, returned: &ChangeHash) -> bool {
        let mut out = BTreeSet::from([*returned]);
        let mut content = AutoCommit::new();
        let changes = self.content.get_changes(&[]);
        let before = changes.len();
        let mut left = Vec::new();
        for change in changes {
            let link = link(&change);
            if out.contains(&link.hash) || link.deps.iter().any(|dep| out.contains(dep)) {
                out.insert(link.hash);
            } else {
                left.push(change);
            }
        }
        let found = left.len() < before;
        content.apply_changes(left).unwrap();
        self.content = content;
        self.shared.retain(|hash| !out.contains(hash));
        self.signatures.retain(|signature| !out.contains(&signature.tip));
        found
    }

    /// Signs the newest change of an author that is left.
    pub fn sign_newest_of(&mut self, secret: &SecretKey, author: AuthorId) {
        let newest = self.content.get_changes(&[]).iter().map(link).rfind(|link| link.author == author);
        if let Some(newest) = newest {
            self.sign(secret, author, newest.hash);
        }
    }

    pub fn fingerprint(&self, id: &DocumentId) -> Checksum {
        self.shared.iter().fold(Checksum::default(), |sum, hash| sum.with(id, hash))
    }

    pub fn push_unsent(&self) -> PushedDocument {
        let newest = self.unsent.last().map(|(hash, _)| *hash);
        PushedDocument {
            descriptor: self.descriptor.clone(),
            changes: self.unsent.iter().map(|(_, bytes)| bytes.clone().into()).collect(),
            signatures: self.signatures.iter().filter(|s| Some(s.tip) == newest).copied().collect(),
        }
    }

    pub fn push_whole(&self) -> PushedDocument {
        let changes = self.content.clone().get_changes(&[]);
        PushedDocument {
            descriptor: self.descriptor.clone(),
            changes: changes.iter().map(|change| change.raw_bytes().to_vec().into()).collect(),
            signatures: self.signatures.clone(),
        }
    }
}

pub fn link(change: &Change) -> ChangeLink {
    ChangeLink {
        hash: ChangeHash(change.hash().0),
        author: AuthorId::of_actor(change.actor_id().to_bytes()).unwrap(),
        deps: change.deps().iter().map(|dep| ChangeHash(dep.0)).collect(),
    }
}

/// The hash of an uncompressed change: over everything after magic and checksum.
pub fn hash_of(change: &[u8]) -> ChangeHash {
    ChangeHash(Sha256::digest(change.get(8..).unwrap_or_default()).into())
}
