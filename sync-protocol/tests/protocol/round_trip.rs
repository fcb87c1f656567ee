//! What is encoded decodes to the same value, and nothing beside it.

use proptest::prelude::*;
use sync_protocol::frame::{BatchBody, Packed, PushBody};
use sync_protocol::limits::MAX_FRAME_BYTES;
use sync_protocol::{FrameError, decode, encode};

use crate::samples::samples;
use crate::strategies;

proptest! {
    #[test]
    fn a_frame_comes_back_as_it_was(frame in strategies::frame()) {
        prop_assert_eq!(decode(&encode(&frame)), Ok(frame));
    }

    #[test]
    fn a_batch_body_comes_back_as_it_was(body in strategies::batch_body()) {
        prop_assert_eq!(Packed::pack(&body).unpack::<BatchBody>(), Ok(body));
    }

    #[test]
    fn a_push_body_comes_back_as_it_was(body in strategies::push_body()) {
        prop_assert_eq!(Packed::pack(&body).unpack::<PushBody>(), Ok(body));
    }
}

#[test]
fn bytes_after_a_frame_are_refused() {
    for (name, frame) in samples() {
        let mut bytes = encode(&frame);
        bytes.push(0xF6);
        assert_eq!(decode(&bytes), Err(FrameError::Malformed), "{name}");
    }
}

#[test]
fn a_frame_cut_short_is_refused() {
    for (name, frame) in samples() {
        let bytes = encode(&frame);
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end]), Err(FrameError::Malformed), "{name} cut at {end}");
        }
    }
}

#[test]
fn a_frame_above_the_limit_is_refused_and_one_at_it_is_read() {
    // An unknown frame, so that its size is all that differs.
    let at = |size: usize| {
        let mut bytes = vec![0xA1, 0x61, b'X', 0x5A];
        bytes.extend_from_slice(&((size - 8) as u32).to_be_bytes());
        bytes.resize(size, 0);
        bytes
    };
    assert_eq!(decode(&at(MAX_FRAME_BYTES)), Err(FrameError::Unknown("X".into())));
    assert_eq!(decode(&at(MAX_FRAME_BYTES + 1)), Err(FrameError::TooLarge(MAX_FRAME_BYTES + 1)));
}
