//! A device of its own making: it is enrolled, has a key, and writes whatever it likes.

use clinical_record::{EncodedChange, RecordDocument};
use serde_bytes::ByteBuf;
use serde_json::Value;
use sync_protocol::frame::{Answer, Packed, Push, PushBody, PushedDocument};
use sync_protocol::identity::{ChangeSignature, SecretKey};
use sync_protocol::{AuthorId, ChangeHash, DocumentDescriptor, Frame};

use super::clinic::practitioner;
use super::{RawPeer, World};

/// See the module.
pub struct Forger {
    /// Its key.
    pub secret: SecretKey,
    /// The author it truly is.
    pub author: AuthorId,
    peer: RawPeer,
    pushes: u64,
}

impl World {
    /// Enrols a forger for a practitioner and connects it.
    pub fn forger(&mut self, who: &str, at: &str) -> Forger {
        let mut seed = [0; 32];
        self.dice.fork().randomness()(&mut seed);
        let secret = SecretKey::from_seed(seed);
        let code = self.enrolment_code(at, who, 60_000);
        self.try_enroll(secret.clone(), &code).unwrap();
        let author = AuthorId::of(&secret.public(), &practitioner(who));
        let mut peer = self.raw_peer();
        let heard = peer.sign_in(self, &secret);
        assert!(heard.iter().any(|frame| matches!(frame, Frame::Welcome(_))), "{heard:?}");
        Forger { secret, author, peer, pushes: 0 }
    }
}

impl Forger {
    /// A first change of a document that puts a resource, under an author's actor id.
    pub fn change(&self, author: AuthorId, resource: &Value) -> EncodedChange {
        let mut document = RecordDocument::new();
        let put = document.edit(&author.actor(0), 0, |editor| editor.put_resource(resource));
        put.unwrap().1.unwrap()
    }

    /// This forger's true signature over a change of a document.
    pub fn sign(&self, descriptor: &DocumentDescriptor, change: &EncodedChange) -> ChangeSignature {
        ChangeSignature::sign(&self.secret, self.author, &descriptor.id(), ChangeHash(change.meta.hash))
    }

    /// Pushes changes of one document with signatures; gives the answers.
    ///
    /// # Panics
    /// If the relay does not answer the push.
    pub fn push(
        &mut self,
        world: &mut World,
        descriptor: &DocumentDescriptor,
        changes: Vec<Vec<u8>>,
        signatures: Vec<ChangeSignature>,
    ) -> Vec<Answer> {
        self.pushes += 1;
        let changes = changes.into_iter().map(ByteBuf::from).collect();
        let document = PushedDocument { descriptor: descriptor.clone(), changes, signatures };
        let body = PushBody { certificates: Vec::new(), documents: vec![document] };
        let heard = self.peer.send(world, &Frame::Push(Push { push: self.pushes, body: Packed::pack(&body) }));
        let answers = heard.into_iter().find_map(|frame| match frame {
            Frame::Pushed(pushed) => Some(pushed.answers),
            _ => None,
        });
        answers.expect("the push is answered")
    }
}
