//! What an older version makes of what a newer one sends.

use sync_protocol::frame::{Answer, BatchBody, CustodyReason, Goodbye, GoodbyeReason, Packed, RefusalReason};
use sync_protocol::{Compartment, Frame, FrameError, decode, encode};

use crate::samples::{samples, welcome};
use crate::variants::variants;

#[test]
fn an_unknown_field_is_passed_over_in_every_frame() {
    for (name, frame) in samples() {
        let bytes = with_field_appended(&encode(&frame));
        assert_eq!(decode(&bytes), Ok(frame), "{name}");
    }
}

#[test]
fn an_unknown_field_is_passed_over_in_a_body() {
    // {later: {1: [2]}, d: []}
    let bytes = [&[0x01, 0xA2, 0x65][..], b"later", &[0xA1, 0x01, 0x81, 0x02], &[0x61, b'd', 0x80]].concat();
    let packed = Packed { unpacked: None, dictionary: None, data: bytes.into(), plain: Vec::new() };
    assert_eq!(packed.unpack::<BatchBody>(), Ok(BatchBody::default()));
}

#[test]
fn an_unknown_frame_is_named() {
    let prescribe = [&[0xA1, 0x69][..], b"Prescribe", &[0xA1, 0x61, b'x', 0x82, 0x01, 0xF5]].concat();
    assert_eq!(decode(&prescribe), Err(FrameError::Unknown("Prescribe".into())));
}

#[test]
fn a_known_frame_with_wrong_content_is_malformed_and_not_unknown() {
    for name in variants::<Frame>() {
        let bytes = [&[0xA1, 0x60 | name.len() as u8], name.as_bytes(), &[0x01]].concat();
        assert_eq!(decode(&bytes), Err(FrameError::Malformed), "{name}");
    }
}

#[test]
fn what_is_not_one_named_map_entry_is_malformed() {
    let long = [&[0xA1, 0x78, 33][..], &[b'X'; 33], &[0xF6]].concat();
    let cases: [(&str, Vec<u8>); 8] = [
        ("nothing", vec![]),
        ("a bare name", vec![0x61, b'X']),
        ("a list", vec![0x81, 0x61, b'X']),
        ("an empty map", vec![0xA0]),
        ("two entries", vec![0xA2, 0x61, b'X', 0xF6, 0x61, b'Y', 0xF6]),
        ("a number for a name", vec![0xA1, 0x01, 0xF6]),
        ("a name with a control character", vec![0xA1, 0x61, 0x07, 0xF6]),
        ("a name too long to repeat", long),
    ];
    for (what, bytes) in cases {
        assert_eq!(decode(&bytes), Err(FrameError::Malformed), "{what}");
    }
}

#[test]
fn reasons_of_a_later_version_are_read_as_other() {
    let later = minicbor_serde::to_vec("later").unwrap();
    assert_eq!(minicbor_serde::from_slice::<GoodbyeReason>(&later).unwrap(), GoodbyeReason::Other);
    assert_eq!(minicbor_serde::from_slice::<CustodyReason>(&later).unwrap(), CustodyReason::Other);
    assert_eq!(minicbor_serde::from_slice::<RefusalReason>(&later).unwrap(), RefusalReason::Other);
}

#[test]
fn a_goodbye_of_a_later_version_still_ends_the_connection() {
    let bytes = encode(&Frame::Goodbye(Goodbye { reason: GoodbyeReason::Done, detail: String::new() }));
    let later = replaced(&bytes, b"done", b"soon");
    assert!(matches!(decode(&later), Ok(Frame::Goodbye(goodbye)) if goodbye.reason == GoodbyeReason::Other));
}

#[test]
fn answers_and_compartments_of_a_later_version_are_not_read() {
    // PROTOCOL.md: these need a new subprotocol, or the other side's word that it knows them.
    assert!(minicbor_serde::from_slice::<Answer>(&minicbor_serde::to_vec("z").unwrap()).is_err());
    assert!(minicbor_serde::from_slice::<Compartment>(&minicbor_serde::to_vec("later").unwrap()).is_err());
}

/// The frame with one more field of a nested value. All fields of all frames are maps of fewer than 23 entries.
fn with_field_appended(bytes: &[u8]) -> Vec<u8> {
    let fields_at = 2 + usize::from(bytes[1] & 0x1F);
    let mut longer = bytes.to_vec();
    longer[fields_at] += 1;
    longer.extend_from_slice(&[0x65]);
    longer.extend_from_slice(b"later");
    longer.extend_from_slice(&[0xA1, 0x18, 0x2A, 0x9F, 0x41, 0x00, 0xFB, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF]);
    longer
}

fn replaced(bytes: &[u8], what: &[u8], with: &[u8]) -> Vec<u8> {
    let at = bytes.windows(what.len()).position(|window| window == what).unwrap();
    [&bytes[..at], with, &bytes[at + what.len()..]].concat()
}

#[test]
fn a_welcome_that_also_says_what_the_device_knows_anyway_is_read() {
    // From before such fields were left out: the usual limits, the device, its practitioner and its organization.
    let said = "a16757656c636f6d65a76565706f636850e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1666c696d697473a46b6672616d655f62797465731a00\
        2000006c6368616e67655f62797465731a000400006c62617463685f77696e646f77046b707573685f77696e646f770466646576696365\
        5095fcb3750965ae9815ec53abc84a3e996c70726163746974696f6e65726464722d616c6f7267616e697a6174696f6e656e6f72746868\
        6c656173655f6d731a240c8400636e6f771b000001977420dc00";
    assert_eq!(decode(&hex::decode(said).unwrap()), Ok(Frame::Welcome(welcome())));
}
