//! Hostile bytes: no panic, no deep recursion, no allocation that the bytes do not pay for.

use proptest::prelude::*;
use sync_protocol::frame::{BatchBody, Packed, PushBody};
use sync_protocol::{Frame, FrameError, decode};

use crate::golden::golden;

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read(&bytes);
    }

    #[test]
    fn arbitrary_contents_of_a_known_frame_never_panic(
        name in prop::sample::select(crate::variants::variants::<Frame>()),
        content in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        read(&framed(name, &content));
    }

    #[test]
    fn changed_golden_bytes_never_panic(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let golden = golden();
        let mut bytes = which.get(&golden.values().collect::<Vec<_>>()).to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        read(&bytes);
    }
}

#[test]
fn every_single_byte_change_of_golden_bytes_is_read_or_refused() {
    for bytes in golden().values() {
        for at in 0..bytes.len() {
            for flip in [0x01, 0x20, 0x80, 0xFF] {
                let mut changed = bytes.clone();
                changed[at] ^= flip;
                read(&changed);
            }
        }
    }
}

/// Lengths no machine could allocate: were one believed, the test would abort.
const CLAIMS: [u64; 4] = [u32::MAX as u64, 1 << 40, 1 << 60, u64::MAX];

#[test]
fn a_claimed_length_beyond_the_bytes_is_refused_without_allocating_it() {
    for claim in CLAIMS {
        for major in [0x40, 0x60, 0x80, 0xA0] {
            let mut long = vec![major | 0x1B];
            long.extend_from_slice(&claim.to_be_bytes());
            for name in crate::variants::variants::<Frame>() {
                assert_eq!(decode(&framed(name, &long)), Err(FrameError::Malformed), "{name} {major:x} {claim}");
            }
            for prefix in fields_of_each_kind() {
                assert_eq!(decode(&[prefix, long.clone()].concat()), Err(FrameError::Malformed));
            }
            for body in bodies_of_each_kind() {
                refuse_body([body, long.clone()].concat());
            }
        }
    }
}

#[test]
fn a_frame_of_an_unknown_name_with_a_claimed_length_is_refused() {
    for claim in CLAIMS {
        for major in [0x40, 0x60, 0x80, 0xA0] {
            let mut long = vec![major | 0x1B];
            long.extend_from_slice(&claim.to_be_bytes());
            assert_eq!(decode(&framed("Later", &long)), Err(FrameError::Malformed));
        }
    }
}

#[test]
fn deep_nesting_in_an_unknown_field_does_not_recurse() {
    for (open, inner, close) in [(0x81, 0xF6, None), (0xC1, 0xF6, None), (0x9F, 0xF6, Some(0xFF))] {
        let mut deep = vec![open; 100_000];
        deep.push(inner);
        deep.extend(close.map_or(Vec::new(), |byte| vec![byte; 100_000]));
        // Ack{batch: 1, later: deep}
        let ack = [&[0xA2, 0x65][..], b"batch", &[0x01, 0x65], b"later", &deep].concat();
        assert!(matches!(decode(&framed("Ack", &ack)), Ok(Frame::Ack(ack)) if ack.batch == 1), "{open:x}");
        assert_eq!(decode(&framed("Later", &deep)), Err(FrameError::Unknown("Later".into())), "{open:x}");
        // {d: [], later: deep}
        let body = [&[0xA2, 0x61, b'd', 0x80, 0x65][..], b"later", &deep].concat();
        assert_eq!(plain(body).unpack::<BatchBody>(), Ok(BatchBody::default()), "{open:x}");
    }
}

#[test]
fn deep_nesting_where_a_known_field_is_expected_is_refused() {
    for open in [0x81, 0x9F, 0xA1, 0xC1, 0xD8] {
        let deep = vec![open; 100_000];
        for name in crate::variants::variants::<Frame>() {
            assert_eq!(decode(&framed(name, &deep)), Err(FrameError::Malformed), "{name} {open:x}");
        }
        refuse_body(deep);
    }
}

#[test]
fn a_small_frame_cannot_unpack_into_a_large_one() {
    let bomb = zstd::bulk::compress(&vec![0; 8 * 1024 * 1024], 3).unwrap();
    for stated in [0, 512, 4 * 1024 * 1024, 8 * 1024 * 1024, u32::MAX] {
        let packed = Packed { unpacked: Some(stated), dictionary: None, data: bomb.clone().into(), plain: Vec::new() };
        assert!(packed.unpack::<BatchBody>().is_err(), "{stated}");
    }
}

/// Takes `bytes` all the way, as a session would.
fn read(bytes: &[u8]) {
    match decode(bytes) {
        Ok(Frame::Batch(batch)) => drop(batch.body.unpack::<BatchBody>()),
        Ok(Frame::Push(push)) => drop(push.body.unpack::<PushBody>()),
        _ => {}
    }
}

fn framed(name: &str, content: &[u8]) -> Vec<u8> {
    [&[0xA1, 0x60 | name.len() as u8], name.as_bytes(), content].concat()
}

/// The bytes of frames up to the value of a list, a text, a byte string and an id.
fn fields_of_each_kind() -> Vec<Vec<u8>> {
    let field = |frame, name: &str| framed(frame, &[&[0xA1, 0x60 | name.len() as u8], name.as_bytes()].concat());
    vec![
        field("Pushed", "answers"),
        field("Unsupported", "frame"),
        field("Resume", "cursor"),
        field("Want", "documents"),
    ]
}

fn bodies_of_each_kind() -> Vec<Vec<u8>> {
    let field = |name: u8| vec![0xA1, 0x61, name];
    // Keys, certificates, documents; then the changes of a document.
    vec![field(b'k'), field(b'c'), field(b'd'), [field(b'd'), vec![0x81], field(b'c')].concat()]
}

fn refuse_body(bytes: Vec<u8>) {
    assert!(plain(bytes.clone()).unpack::<BatchBody>().is_err());
    assert!(plain(bytes).unpack::<PushBody>().is_err());
}

fn plain(bytes: Vec<u8>) -> Packed {
    Packed { unpacked: None, dictionary: None, data: [vec![1], bytes].concat().into(), plain: Vec::new() }
}
