//! Everything that was ever sent to one device, and what can be found in it.

use sync_protocol::frame::{BatchBody, Packed, PushBody, PushedDocument};
use sync_protocol::{DocumentId, Frame, decode};

/// The frames that were sent to one device, over all its connections, as bytes.
#[derive(Clone, Debug, Default)]
pub struct Recording(Vec<Vec<u8>>);

impl Recording {
    /// Adds a frame.
    pub fn add(&mut self, frame: &[u8]) {
        self.0.push(frame.to_vec());
    }

    /// How many frames there are; a mark to go on from with [`Recording::since`].
    #[must_use]
    pub fn mark(&self) -> usize {
        self.0.len()
    }

    /// What came after a mark.
    #[must_use]
    pub fn since(&self, mark: usize) -> Self {
        Self(self.0[mark..].to_vec())
    }

    /// Bytes of all frames.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// The frames.
    ///
    /// # Panics
    /// If one of them is none.
    pub fn frames(&self) -> impl Iterator<Item = Frame> + '_ {
        self.0.iter().map(|bytes| decode(bytes).expect("the relay sends frames"))
    }

    /// The ids of the documents that batches carried, each as often as it was carried.
    #[must_use]
    pub fn documents(&self) -> Vec<DocumentId> {
        let bodies = self.frames().filter_map(|frame| match frame {
            Frame::Batch(batch) => batch.body.unpack::<BatchBody>().ok(),
            _ => None,
        });
        bodies.flat_map(|body| body.documents).map(|document| document.document).collect()
    }

    /// Whether these bytes stand anywhere in what was sent.
    #[must_use]
    pub fn holds(&self, needle: &[u8]) -> bool {
        self.searchable().holds(needle)
    }

    /// All that was sent, as it went over the wire and again with bodies unpacked, to look for many things.
    #[must_use]
    pub fn searchable(&self) -> Searchable {
        let mut text = String::new();
        for frame in &self.0 {
            text.extend(frame.iter().map(|byte| char::from(*byte)));
            text.extend(unpacked(frame).unwrap_or_default().iter().map(|byte| char::from(*byte)));
        }
        Searchable(text)
    }

    /// Whether a text stands anywhere in what was sent.
    #[must_use]
    pub fn mentions(&self, text: &str) -> bool {
        self.holds(text.as_bytes())
    }

    /// Panics if a document was mentioned in any way: its id as bytes or text, or its descriptor's texts together.
    ///
    /// # Panics
    /// If so.
    pub fn assert_without(&self, document: &DocumentId, canaries: &[&str]) {
        let sent = self.searchable();
        assert!(!sent.holds(document.as_bytes()), "the id of {document} was sent");
        assert!(!sent.holds(document.to_string().as_bytes()), "the id of {document} was sent as text");
        for canary in canaries {
            assert!(!sent.holds(canary.as_bytes()), "{canary:?} was sent");
        }
    }
}

/// Bytes as text, one character each: the standard library searches text fast.
#[derive(Clone, Debug)]
pub struct Searchable(String);

impl Searchable {
    /// Whether these bytes stand in it.
    #[must_use]
    pub fn holds(&self, needle: &[u8]) -> bool {
        let needle: String = needle.iter().map(|byte| char::from(*byte)).collect();
        self.0.contains(&needle)
    }
}

/// The body of a frame that has one: as it stands there without compression, and what its reader makes of it.
fn unpacked(frame: &[u8]) -> Option<Vec<u8>> {
    match decode(frame).ok()? {
        Frame::Batch(batch) => Some(spelled_out(&batch.body.unpack().expect("a batch's body"))),
        Frame::Push(push) => {
            let body: PushBody = push.body.unpack().expect("a push's body");
            Some(
                [Packed::uncompressed(&body).data.into_vec(), body.documents.iter().flat_map(changes).collect()]
                    .concat(),
            )
        }
        _ => None,
    }
}

fn spelled_out(body: &BatchBody) -> Vec<u8> {
    let packed = Packed::uncompressed(body);
    let mut bytes = [packed.data.into_vec(), packed.plain].concat();
    for document in &body.documents {
        bytes.extend_from_slice(document.document.as_bytes());
        document.changes.iter().for_each(|change| bytes.extend_from_slice(change));
        document.signatures.iter().for_each(|signature| bytes.extend_from_slice(signature.tip.as_bytes()));
    }
    bytes
}

fn changes(document: &PushedDocument) -> Vec<u8> {
    document.changes.iter().flat_map(|change| change.iter().copied()).collect()
}
