//! How documents stand in a body: without what the reader can work out, and with what no compression shrinks apart.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_bytes::ByteBuf;

use crate::document::DocumentDescriptor;
use crate::frame::bounded;
use crate::frame::chunk::{Chunk, author, put_number, take_number};
use crate::frame::codec::{from_cbor, to_cbor};
use crate::frame::packed::{Body, Written};
use crate::frame::transfer::{BatchBody, DeliveredDocument, OrganizationKey, PushBody, PushedDocument};
use crate::identity::{Certificate, ChangeSignature};
use crate::ids::{AuthorId, ChangeHash, DocumentId, Signature, UnixMillis};
use crate::limits::MAX_UNPACKED_BYTES;

/// The first byte of a change says how it stands here.
mod form {
    /// As it is.
    pub const VERBATIM: u8 = 0;
    /// A chunk that builds on the change before it and on nothing else; then what follows the dependencies.
    pub const ON_THE_LAST: u8 = 1;
    /// A chunk that builds on nothing.
    pub const ON_NOTHING: u8 = 2;
    /// A chunk with a list of what it builds on: how many, and for each how many changes back; 0 is one that is named
    /// among the plain bytes.
    pub const ON_A_LIST: u8 = 3;
}

/// Dependencies of one change, at most; more are sent as they are.
const MAX_LISTED: usize = 64;

/// A [`BatchBody`] as it stands in CBOR.
#[derive(Serialize, Deserialize)]
struct Batch<'a> {
    #[serde(rename = "k", default, skip_serializing_if = "<[_]>::is_empty")]
    organization_keys: Cow<'a, [OrganizationKey]>,
    #[serde(rename = "c", default, skip_serializing_if = "<[_]>::is_empty")]
    certificates: Cow<'a, [Certificate]>,
    #[serde(rename = "d", deserialize_with = "bounded::documents")]
    documents: Vec<Delivered<'a>>,
}

/// A [`PushBody`] as it stands in CBOR.
#[derive(Serialize, Deserialize)]
struct Push<'a> {
    #[serde(rename = "c", default, skip_serializing_if = "<[_]>::is_empty", deserialize_with = "certificates")]
    certificates: Cow<'a, [Certificate]>,
    #[serde(rename = "d", deserialize_with = "bounded::documents")]
    documents: Vec<Pushed<'a>>,
}

fn certificates<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'static, [Certificate]>, D::Error> {
    bounded::documents(deserializer).map(Cow::Owned)
}

impl Body for BatchBody {
    fn write(&self) -> Written {
        let mut writer = Writer::default();
        let documents = self.documents.iter().map(|document| writer.delivered(document)).collect();
        let (organization_keys, certificates) = (&*self.organization_keys, &*self.certificates);
        let (organization_keys, certificates) = (organization_keys.into(), certificates.into());
        Written { cbor: to_cbor(&Batch { organization_keys, certificates, documents }), plain: writer.plain }
    }

    fn read(cbor: &[u8], plain: &[u8]) -> Option<Self> {
        let Batch { organization_keys, certificates, documents } = from_cbor(cbor)?;
        let mut reader = Reader::new(plain);
        let documents = documents.into_iter().map(|document| reader.delivered(document)).collect::<Option<_>>()?;
        let (organization_keys, certificates) = (organization_keys.into_owned(), certificates.into_owned());
        reader.is_done().then_some(Self { organization_keys, certificates, documents })
    }
}

impl Body for PushBody {
    fn write(&self) -> Written {
        let mut writer = Writer::default();
        let documents = self.documents.iter().map(|document| writer.pushed(document)).collect();
        let certificates = self.certificates.as_slice().into();
        Written { cbor: to_cbor(&Push { certificates, documents }), plain: writer.plain }
    }

    fn read(cbor: &[u8], plain: &[u8]) -> Option<Self> {
        let Push { certificates, documents } = from_cbor(cbor)?;
        let mut reader = Reader::new(plain);
        let documents = documents.into_iter().map(|document| reader.pushed(document)).collect::<Option<_>>()?;
        reader.is_done().then_some(Self { certificates: certificates.into_owned(), documents })
    }
}

/// A delivered document as it stands in a body.
#[derive(Serialize, Deserialize)]
struct Delivered<'a> {
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    descriptor: Option<Cow<'a, DocumentDescriptor>>,
    /// The id is among the plain bytes: it does not follow from the descriptor.
    #[serde(rename = "i", default, skip_serializing_if = "std::ops::Not::not")]
    named: bool,
    #[serde(rename = "c")]
    changes: Vec<ByteBuf>,
    #[serde(rename = "s", default, skip_serializing_if = "Vec::is_empty")]
    signatures: Vec<Signed>,
    #[serde(rename = "m", default, skip_serializing_if = "std::ops::Not::not")]
    more: bool,
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    break_glass_until: Option<UnixMillis>,
}

/// A pushed document as it stands in a body.
#[derive(Serialize, Deserialize)]
struct Pushed<'a> {
    #[serde(rename = "e")]
    descriptor: Cow<'a, DocumentDescriptor>,
    #[serde(rename = "c", deserialize_with = "bounded::changes")]
    changes: Vec<ByteBuf>,
    #[serde(rename = "s", deserialize_with = "bounded::changes")]
    signatures: Vec<Signed>,
}

/// A signature without its 64 bytes, which are among the plain ones.
#[derive(Serialize, Deserialize)]
struct Signed {
    /// Absent: the author of the document's last change here.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    author: Option<AuthorId>,
    /// What is signed is among the plain bytes. Otherwise it is the author's last change here.
    #[serde(rename = "t", default, skip_serializing_if = "std::ops::Not::not")]
    named: bool,
}

/// Takes documents apart.
#[derive(Default)]
struct Writer {
    /// Ids, hashes and signatures, in the order in which they are needed.
    plain: Vec<u8>,
}

impl Writer {
    fn delivered<'a>(&mut self, document: &'a DeliveredDocument) -> Delivered<'a> {
        let follows = document.descriptor.as_ref().is_some_and(|descriptor| descriptor.id() == document.document);
        if !follows {
            self.plain.extend_from_slice(&document.document.0);
        }
        let (changes, lasts) = self.changes(&document.changes);
        Delivered {
            descriptor: document.descriptor.as_ref().map(Cow::Borrowed),
            named: !follows,
            changes,
            signatures: self.signatures(&document.signatures, &lasts),
            more: document.more,
            break_glass_until: document.break_glass_until,
        }
    }

    fn pushed<'a>(&mut self, document: &'a PushedDocument) -> Pushed<'a> {
        let (changes, lasts) = self.changes(&document.changes);
        let signatures = self.signatures(&document.signatures, &lasts);
        Pushed { descriptor: Cow::Borrowed(&document.descriptor), changes, signatures }
    }

    fn changes(&mut self, changes: &[ByteBuf]) -> (Vec<ByteBuf>, Lasts) {
        let (mut lasts, mut places) = (Lasts::default(), HashMap::new());
        let mut written = Vec::with_capacity(changes.len());
        for (at, bytes) in changes.iter().enumerate() {
            let chunk = Chunk::read(bytes).filter(|chunk| chunk.deps.len() <= MAX_LISTED);
            written.push(ByteBuf::from(match &chunk {
                Some(chunk) => self.chunk(chunk, at, &places),
                None => [&[form::VERBATIM], bytes.as_slice()].concat(),
            }));
            if let Some(chunk) = chunk {
                lasts.note(chunk.hash, chunk.rest);
                places.insert(chunk.hash, at);
            }
        }
        (written, lasts)
    }

    fn chunk(&mut self, chunk: &Chunk<'_>, at: usize, places: &HashMap<ChangeHash, usize>) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(chunk.rest.len() + 8);
        let back = |dep: &ChangeHash| places.get(dep).map_or(0, |place| at - place);
        match chunk.deps.as_slice() {
            [] => bytes.push(form::ON_NOTHING),
            [dep] if back(dep) == 1 => bytes.push(form::ON_THE_LAST),
            deps => {
                bytes.push(form::ON_A_LIST);
                put_number(&mut bytes, deps.len());
                for dep in deps {
                    let back = back(dep);
                    put_number(&mut bytes, back);
                    if back == 0 {
                        self.plain.extend_from_slice(&dep.0);
                    }
                }
            }
        }
        bytes.extend_from_slice(chunk.rest);
        bytes
    }

    fn signatures(&mut self, signatures: &[ChangeSignature], lasts: &Lasts) -> Vec<Signed> {
        let mut written = Vec::with_capacity(signatures.len());
        for ChangeSignature { author, tip, signature } in signatures {
            let named = lasts.of(author) != Some(*tip);
            if named {
                self.plain.extend_from_slice(&tip.0);
            }
            self.plain.extend_from_slice(&signature.0);
            written.push(Signed { author: Some(*author).filter(|author| lasts.author != Some(*author)), named });
        }
        written
    }
}

/// Puts documents together again. Every method gives none for what no [`Writer`] writes, and for a body that would grow
/// beyond its bound.
struct Reader<'a> {
    plain: &'a [u8],
    /// Bytes that changes may still come to.
    room: usize,
}

impl<'a> Reader<'a> {
    fn new(plain: &'a [u8]) -> Self {
        Self { plain, room: MAX_UNPACKED_BYTES }
    }

    fn delivered(&mut self, document: Delivered<'_>) -> Option<DeliveredDocument> {
        let descriptor = document.descriptor.map(Cow::into_owned);
        let id = if document.named { DocumentId(self.take()?) } else { descriptor.as_ref()?.id() };
        let (changes, lasts) = self.changes(document.changes)?;
        Some(DeliveredDocument {
            document: id,
            descriptor,
            changes,
            signatures: self.signatures(document.signatures, &lasts)?,
            more: document.more,
            break_glass_until: document.break_glass_until,
        })
    }

    fn pushed(&mut self, document: Pushed<'_>) -> Option<PushedDocument> {
        let (changes, lasts) = self.changes(document.changes)?;
        let signatures = self.signatures(document.signatures, &lasts)?;
        Some(PushedDocument { descriptor: document.descriptor.into_owned(), changes, signatures })
    }

    /// Whether everything was used.
    fn is_done(&self) -> bool {
        self.plain.is_empty()
    }

    fn changes(&mut self, written: Vec<ByteBuf>) -> Option<(Vec<ByteBuf>, Lasts)> {
        let (mut lasts, mut hashes) = (Lasts::default(), Vec::with_capacity(written.len()));
        let mut changes = Vec::with_capacity(written.len());
        for bytes in written {
            let (form, mut rest) = bytes.split_first().map(|(form, rest)| (*form, rest))?;
            let deps = self.deps(form, &mut rest, &hashes)?;
            let grows = deps.as_ref().map_or(0, |deps| (deps.len() + 1) * ChangeHash::LEN);
            self.room = self.room.checked_sub(rest.len() + grows)?;
            let (change, hash) = match deps {
                None => (rest.to_vec(), None),
                Some(deps) => {
                    let (change, hash) = Chunk::rebuild(&deps, rest);
                    lasts.note(hash, rest);
                    (change, Some(hash))
                }
            };
            hashes.push(hash);
            changes.push(ByteBuf::from(change));
        }
        Some((changes, lasts))
    }

    /// What a change builds on; `Some(None)` for one that stands as it is.
    fn deps(&mut self, form: u8, rest: &mut &[u8], hashes: &[Option<ChangeHash>]) -> Option<Option<Vec<ChangeHash>>> {
        Some(match form {
            form::VERBATIM => None,
            form::ON_THE_LAST => Some(vec![(*hashes.last()?)?]),
            form::ON_NOTHING => Some(Vec::new()),
            form::ON_A_LIST => Some(self.listed(rest, hashes)?),
            _ => return None,
        })
    }

    fn listed(&mut self, rest: &mut &[u8], hashes: &[Option<ChangeHash>]) -> Option<Vec<ChangeHash>> {
        let count = take_number(rest).filter(|count| *count <= MAX_LISTED)?;
        let mut deps = Vec::with_capacity(count);
        for _ in 0..count {
            deps.push(match take_number(rest)? {
                0 => ChangeHash(self.take()?),
                back => (*hashes.get(hashes.len().checked_sub(back)?)?)?,
            });
        }
        Some(deps)
    }

    fn signatures(&mut self, written: Vec<Signed>, lasts: &Lasts) -> Option<Vec<ChangeSignature>> {
        let mut signatures = Vec::with_capacity(written.len());
        for signed in written {
            let author = signed.author.or(lasts.author)?;
            let tip = if signed.named { ChangeHash(self.take()?) } else { lasts.of(&author)? };
            signatures.push(ChangeSignature { author, tip, signature: Signature(self.take()?) });
        }
        Some(signatures)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, plain) = self.plain.split_first_chunk()?;
        self.plain = plain;
        Some(*taken)
    }
}

/// The last change of each author among those of a document in one body.
#[derive(Default)]
struct Lasts {
    tips: HashMap<AuthorId, ChangeHash>,
    /// Of the last change of all.
    author: Option<AuthorId>,
}

impl Lasts {
    fn note(&mut self, hash: ChangeHash, rest: &[u8]) {
        self.author = author(rest);
        self.tips.extend(self.author.map(|author| (author, hash)));
    }

    fn of(&self, author: &AuthorId) -> Option<ChangeHash> {
        self.tips.get(author).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Packed;
    use crate::{Compartment, OrganizationId, PatientId};

    const A: AuthorId = AuthorId([0xA; 16]);
    const B: AuthorId = AuthorId([0xB; 16]);

    /// A change by `author` with this content.
    fn change(author: AuthorId, deps: &[ChangeHash], content: u8) -> (ByteBuf, ChangeHash) {
        let rest = [&[20], &author.actor(0)[..], &[content; 30]].concat();
        let (bytes, hash) = Chunk::rebuild(deps, &rest);
        (ByteBuf::from(bytes), hash)
    }

    fn signature(author: AuthorId, tip: ChangeHash) -> ChangeSignature {
        ChangeSignature { author, tip, signature: Signature([0x5A; 64]) }
    }

    fn body(changes: Vec<ByteBuf>, signatures: Vec<ChangeSignature>) -> BatchBody {
        let descriptor = DocumentDescriptor {
            organization: OrganizationId::new("north").unwrap(),
            patient: Some(PatientId::new("p1").unwrap()),
            compartment: Compartment::Core,
            part: String::new(),
        };
        let document = DeliveredDocument {
            document: descriptor.id(),
            descriptor: Some(descriptor),
            changes,
            signatures,
            more: false,
            break_glass_until: None,
        };
        BatchBody { documents: vec![document], ..BatchBody::default() }
    }

    /// Length of what is kept out of compression.
    fn round_trip(body: &BatchBody) -> usize {
        let packed = Packed::pack(body);
        assert_eq!(packed.unpack::<BatchBody>().as_ref(), Ok(body));
        packed.plain.len()
    }

    #[test]
    fn a_line_of_changes_by_one_author_needs_nothing_but_the_signature() {
        let (first, a) = change(A, &[], 1);
        let (second, b) = change(A, &[a], 2);
        let (third, c) = change(A, &[b], 3);
        assert_eq!(round_trip(&body(vec![first, second, third], vec![signature(A, c)])), Signature::LEN);
    }

    #[test]
    fn changes_that_meet_again_name_each_other_and_two_authors_their_own_tips() {
        let (first, a) = change(A, &[], 1);
        let (left, b) = change(A, &[a], 2);
        let (right, c) = change(B, &[a], 3);
        let (both, d) = change(A, &[b, c], 4);
        let signatures = vec![signature(B, c), signature(A, d)];
        assert_eq!(round_trip(&body(vec![first, left, right, both], signatures)), 2 * Signature::LEN);
    }

    #[test]
    fn what_lies_outside_of_the_body_is_named() {
        let (known, earlier) = change(B, &[], 1);
        let (new, tip) = change(A, &[earlier], 2);
        let mut later = body(vec![new], vec![signature(A, tip), signature(A, earlier), signature(B, earlier)]);
        later.documents[0].descriptor = None;
        let named = DocumentId::LEN + 3 * ChangeHash::LEN + 3 * Signature::LEN;
        assert_eq!(round_trip(&later), named);
        // The same with the id of another document beside the descriptor.
        let mut other = body(vec![known], Vec::new());
        other.documents[0].document = DocumentId([9; 16]);
        assert_eq!(round_trip(&other), DocumentId::LEN);
    }

    #[test]
    fn what_is_no_chunk_goes_as_it_is_even_between_chunks() {
        let (first, a) = change(A, &[], 1);
        let (last, b) = change(A, &[a], 2);
        let (many, _) = change(A, &[a; MAX_LISTED + 1], 3);
        let odd = ByteBuf::from(*b"no change at all");
        let changes = vec![ByteBuf::new(), first, odd, last.clone(), last, many];
        assert_eq!(round_trip(&body(changes, vec![signature(A, b)])), Signature::LEN);
    }

    #[test]
    fn a_body_that_lacks_plain_bytes_or_has_some_left_over_is_refused() {
        let (only, tip) = change(A, &[], 1);
        let honest = Packed::pack(&body(vec![only], vec![signature(A, tip)]));
        for wrong in [&honest.plain[1..], &[&honest.plain[..], &[0]].concat()[..]] {
            let lying = Packed { plain: wrong.to_vec(), ..honest.clone() };
            assert!(lying.unpack::<BatchBody>().is_err());
        }
    }

    #[test]
    fn changes_cannot_grow_beyond_the_bound_of_a_body() {
        // A list of the most dependencies, all of them the one change before: two bytes each that become 32.
        let listed = [&[form::ON_A_LIST, MAX_LISTED as u8], &[1; MAX_LISTED][..]].concat();
        let changes = |count| {
            let first = ByteBuf::from([form::ON_NOTHING]);
            std::iter::once(first).chain(std::iter::repeat_n(ByteBuf::from(listed.clone()), count)).collect()
        };
        let read = |count| {
            Reader::new(&[]).changes(changes(count)).map(|(changes, _)| changes.iter().map(|c| c.len()).sum::<usize>())
        };
        assert!(read(1_900).is_some_and(|size| size <= MAX_UNPACKED_BYTES));
        assert_eq!(read(2_100), None);
    }

    #[test]
    fn a_change_that_points_before_the_first_or_at_no_chunk_is_refused() {
        let verbatim = ByteBuf::from([form::VERBATIM, 1, 2]);
        for bad in [
            vec![ByteBuf::from([form::ON_THE_LAST, 9])],
            vec![verbatim.clone(), ByteBuf::from([form::ON_THE_LAST, 9])],
            vec![verbatim, ByteBuf::from([form::ON_A_LIST, 1, 1, 9])],
            vec![ByteBuf::from([form::ON_A_LIST, 1, 1, 9])],
            vec![ByteBuf::from([form::ON_A_LIST, 1, 0, 9])],
            vec![ByteBuf::from([form::ON_A_LIST])],
            vec![ByteBuf::from([9])],
            vec![ByteBuf::new()],
        ] {
            assert!(Reader::new(&[]).changes(bad.clone()).is_none(), "{bad:?}");
        }
    }
}
