//! Golden bytes: what one released version wrote, every later one reads and writes.

use std::collections::{BTreeMap, BTreeSet};

use sync_protocol::frame::{
    Answer, BatchBody, BreakGlassRefusal, CustodyReason, GoodbyeReason, ReferRefusal, RefusalReason,
};
use sync_protocol::{Compartment, Frame, decode, encode};

use crate::samples::{batch_body, compressible_body, descriptor, samples, wire_name};
use crate::variants::variants;

const GOLDEN: &str = include_str!("golden/frames.txt");

/// Name and bytes of every entry of the golden file.
pub fn golden() -> BTreeMap<String, Vec<u8>> {
    let lines = GOLDEN.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let entries: Vec<(&str, &str)> = lines.map(|line| line.split_once(' ').unwrap()).collect();
    let count = entries.len();
    let golden: BTreeMap<String, Vec<u8>> =
        entries.into_iter().map(|(name, bytes)| (name.to_owned(), hex::decode(bytes.trim()).unwrap())).collect();
    assert_eq!(golden.len(), count, "a name stands twice in the golden file");
    golden
}

#[test]
fn every_sample_has_golden_bytes_and_every_entry_a_sample() {
    let in_file: BTreeSet<String> = golden().into_keys().collect();
    let in_code: BTreeSet<String> = samples().into_iter().map(|(name, _)| name).collect();
    let missing: Vec<_> = samples().into_iter().filter(|(name, _)| !in_file.contains(name)).collect();
    for (name, frame) in &missing {
        // Ready to be pasted, once it is sure that it is new and not changed.
        println!("{name} {}", hex::encode(encode(frame)));
    }
    assert_eq!(in_file, in_code);
}

#[test]
fn golden_bytes_decode_to_the_sample() {
    let golden = golden();
    for (name, frame) in samples() {
        assert_eq!(decode(&golden[&name]).as_ref(), Ok(&frame), "{name}");
    }
}

#[test]
fn samples_encode_to_the_golden_bytes() {
    let golden = golden();
    for (name, frame) in samples() {
        assert_eq!(hex::encode(encode(&frame)), hex::encode(&golden[&name]), "{name}");
    }
}

#[test]
fn every_frame_has_golden_bytes() {
    let outer_key = |bytes: &Vec<u8>| {
        let mut decoder = minicbor::Decoder::new(bytes);
        assert_eq!(decoder.map().unwrap(), Some(1));
        decoder.str().unwrap().to_owned()
    };
    let covered: BTreeSet<String> = golden().values().map(outer_key).collect();
    assert_eq!(covered, wire_names::<Frame>());
}

#[test]
fn every_goodbye_reason_custody_reason_and_refusal_has_golden_bytes() {
    let golden = golden();
    let covered = |prefix: &str| -> BTreeSet<String> {
        golden.keys().filter_map(|name| name.strip_prefix(prefix)).map(str::to_owned).collect()
    };
    assert_eq!(covered("Goodbye/"), wire_names::<GoodbyeReason>());
    assert_eq!(covered("Pushed/custody-"), wire_names::<CustodyReason>());
    assert_eq!(covered("Pushed/refused-"), wire_names::<RefusalReason>());
    assert_eq!(covered("BreakGlassAnswer/refused-"), wire_names::<BreakGlassRefusal>());
    assert_eq!(covered("ReferAnswer/refused-"), wire_names::<ReferRefusal>());
}

#[test]
fn every_answer_has_golden_bytes() {
    let answers = samples().into_iter().filter_map(|(_, frame)| match frame {
        Frame::Pushed(pushed) => Some(pushed.answers),
        _ => None,
    });
    let covered: BTreeSet<String> = answers.flatten().map(|answer| variant_on_the_wire(&answer)).collect();
    assert_eq!(covered, wire_names::<Answer>());
}

#[test]
fn every_compartment_has_golden_bytes() {
    let covered: BTreeSet<String> = batch_body()
        .documents
        .iter()
        .filter_map(|d| d.descriptor.as_ref())
        .map(|d| wire_name(&d.compartment))
        .collect();
    assert_eq!(covered, wire_names::<Compartment>());
    for compartment in Compartment::ALL {
        assert_eq!(wire_name(&compartment), compartment.as_str());
        assert_eq!(descriptor(compartment).validate(), Ok(()));
    }
}

#[test]
fn the_golden_batch_unpacks_to_its_documents() {
    let Ok(Frame::Batch(batch)) = decode(&golden()["Batch"]) else { panic!("not a batch") };
    assert_eq!(batch.body.unpack::<BatchBody>(), Ok(batch_body()));
}

#[test]
fn the_golden_compressed_body_is_read() {
    let Ok(Frame::Batch(batch)) = decode(&golden()["Batch/compressed"]) else { panic!("not a batch") };
    assert_eq!(batch.body.unpack::<BatchBody>(), Ok(compressible_body()));
}

fn variant_on_the_wire(answer: &Answer) -> String {
    let cbor = minicbor_serde::to_vec(answer).unwrap();
    let mut decoder = minicbor::Decoder::new(&cbor);
    if decoder.datatype().unwrap() == minicbor::data::Type::Map {
        decoder.map().unwrap();
    }
    decoder.str().unwrap().to_owned()
}

fn wire_names<T: for<'de> serde::Deserialize<'de>>() -> BTreeSet<String> {
    variants::<T>().into_iter().map(str::to_owned).collect()
}
