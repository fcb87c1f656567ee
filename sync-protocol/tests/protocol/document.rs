//! docs/PROTOCOL.md says what the code does, as far as that can be checked.

use std::collections::BTreeSet;

use sync_protocol::frame::{BreakGlassRefusal, CustodyReason, Decision, GoodbyeReason, ReferRefusal, RefusalReason};
use sync_protocol::{Compartment, Frame};

use crate::golden::golden;
use crate::variants::variants;

const PAGE: &str = include_str!("../../../docs/PROTOCOL.md");

#[test]
fn the_page_lists_every_frame_and_no_other() {
    let section = PAGE.split("## 5. Frames").nth(1).unwrap().split("`limits` is").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let listed: BTreeSet<&str> = rows.map(|(name, _)| name).collect();
    assert_eq!(listed, variants::<Frame>().into_iter().collect());
}

#[test]
fn the_page_names_every_reason_and_compartment() {
    let mut names = variants::<GoodbyeReason>();
    names.extend(variants::<CustodyReason>());
    names.extend(variants::<RefusalReason>());
    names.extend(variants::<BreakGlassRefusal>());
    names.extend(variants::<ReferRefusal>());
    names.extend(variants::<Compartment>());
    names.push(Decision::RETURNED_ALONG);
    for name in names {
        assert!(PAGE.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn the_frame_that_is_taken_apart_is_the_golden_one() {
    let block = PAGE.split("```cbor").nth(1).unwrap().split("```").next().unwrap();
    let hex: String = block.lines().filter_map(|line| line.split(';').next()).collect();
    let hex: String = hex.split_whitespace().collect();
    assert_eq!(hex, hex::encode(&golden()["Batch/changes"]));
}
