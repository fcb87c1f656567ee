//! Putting a resource gives exactly that resource, whatever was there before.

use clinical_record::{RecordDocument, RecordError, ResourceKey};
use proptest::prelude::*;
use serde_json::Value;

use crate::any_resource::{any_resource, two_versions};

fn put(document: &mut RecordDocument, resource: &Value) -> Option<Vec<u8>> {
    document.edit(b"a", 0, |edit| edit.put_resource(resource)).unwrap().1.map(|change| change.bytes)
}

proptest! {
    #[test]
    fn any_resource_reads_back_from_its_change(resource in any_resource("x")) {
        let mut document = RecordDocument::new();
        let change = put(&mut document, &resource).unwrap();
        let key = ResourceKey::of(&resource).unwrap();
        prop_assert_eq!(document.resource(&key), Some(resource.clone()));
        let loaded = RecordDocument::load([change.as_slice()]).unwrap();
        prop_assert_eq!(loaded.resource(&key), Some(resource.clone()));
        prop_assert_eq!(put(&mut document, &resource), None);
        prop_assert_eq!(loaded.conflicts(), vec![]);
        prop_assert_eq!(loaded.history(None).len(), 1);
    }

    #[test]
    fn a_new_version_replaces_the_old_one_exactly((old, new) in two_versions()) {
        let mut document = RecordDocument::new();
        let first = put(&mut document, &old).unwrap();
        let second = put(&mut document, &new);
        prop_assert_eq!(second.is_none(), old == new);
        let key = ResourceKey::of(&new).unwrap();
        prop_assert_eq!(document.resource(&key), Some(new.clone()));
        let changes: Vec<_> = [Some(first), second].into_iter().flatten().collect();
        let loaded = RecordDocument::load(changes.iter().rev().map(Vec::as_slice)).unwrap();
        prop_assert_eq!(loaded.resource(&key), Some(new));
        prop_assert_eq!(loaded.heads(), document.heads());
    }

    #[test]
    fn an_edit_that_fails_leaves_nothing_behind((old, new) in two_versions()) {
        let mut document = RecordDocument::new();
        put(&mut document, &old);
        let heads = document.heads();
        let failed = document.edit(b"b", 0, |edit| {
            edit.put_resource(&new)?;
            Err::<(), _>(RecordError::Abandoned("test"))
        });
        prop_assert!(failed.is_err());
        let key = ResourceKey::of(&old).unwrap();
        prop_assert_eq!(document.heads(), heads);
        prop_assert_eq!(document.resource(&key), Some(old));
        put(&mut document, &new);
        prop_assert_eq!(document.resource(&key), Some(new));
    }
}
