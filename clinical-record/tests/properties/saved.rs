//! A saved history gives back the document that was saved, change by change and bit by bit.

use std::collections::BTreeSet;

use clinical_record::RecordDocument;
use proptest::prelude::*;
use serde_json::json;

/// One author's edit: which author, which resource, what; and whether the others hear of it at once.
type Edit = (u8, u8, u16, bool);

/// A document that several wrote, some of it at the same time, with its changes.
fn written(edits: &[Edit]) -> (RecordDocument, Vec<Vec<u8>>) {
    let mut copies: Vec<RecordDocument> = (0..3).map(|_| RecordDocument::new()).collect();
    let mut changes: Vec<Vec<u8>> = Vec::new();
    for (author, resource, value, told) in edits {
        let author = usize::from(author % 3);
        let flag = json!({
            "resourceType": "Flag", "id": format!("f{}", resource % 4), "code": {"text": format!("é {value}")},
            "extension": [{"url": "https://satchel.example/n", "valueInteger": value}],
        });
        let (_, change) = copies[author]
            .edit(&[author as u8 + 1; 20], i64::from(*value), |editor| editor.put_resource(&flag))
            .unwrap();
        changes.extend(change.map(|change| change.bytes));
        if *told {
            for copy in &mut copies {
                copy.apply(changes.iter().map(Vec::as_slice)).unwrap();
            }
        }
    }
    let whole = RecordDocument::load(changes.iter().map(Vec::as_slice)).unwrap();
    (whole, changes)
}

fn bytes(document: &RecordDocument) -> BTreeSet<Vec<u8>> {
    document.changes_since(&[]).unwrap().into_iter().map(|change| change.bytes).collect()
}

proptest! {
    #[test]
    fn a_saved_document_is_the_same_and_can_be_gone_on_with(
        edits in proptest::collection::vec(any::<Edit>(), 0..25), further in any::<Edit>(),
    ) {
        let (document, changes) = written(&edits);
        let mut back = RecordDocument::load_saved(&document.save().unwrap()).unwrap();
        prop_assert_eq!(bytes(&back), changes.iter().cloned().collect::<BTreeSet<_>>());
        prop_assert_eq!(back.heads(), document.heads());
        prop_assert_eq!(back.resources().collect::<Vec<_>>(), document.resources().collect::<Vec<_>>());
        prop_assert_eq!(back.conflicts(), document.conflicts());
        prop_assert_eq!(back.overridden_edits(), document.overridden_edits());
        prop_assert_eq!((back.change_count(), back.is_linear()), (changes.len(), document.is_linear()));
        prop_assert!(!document.is_linear() || document.conflicts().is_empty());
        // Nothing is counted anew: the next change is numbered after those that were saved.
        let (author, _, value, _) = further;
        let flag = json!({"resourceType": "Flag", "id": "later", "code": {"text": value.to_string()}});
        let mut plain = document.clone();
        let edit = |document: &mut RecordDocument| {
            document.edit(&[author % 3 + 1; 20], 7, |editor| editor.put_resource(&flag)).unwrap().1.map(|made| made.bytes)
        };
        prop_assert_eq!(edit(&mut back), edit(&mut plain));
    }

    #[test]
    fn a_damaged_saved_form_is_an_error_or_the_same_document(
        edits in proptest::collection::vec(any::<Edit>(), 1..10), at in any::<prop::sample::Index>(), bit in 0u8..8,
    ) {
        let (document, _) = written(&edits);
        let mut saved = document.save().unwrap();
        let at = at.index(saved.len());
        saved[at] ^= 1 << bit;
        if let Ok(back) = RecordDocument::load_saved(&saved) {
            prop_assert_eq!(bytes(&back), bytes(&document));
        }
    }
}
