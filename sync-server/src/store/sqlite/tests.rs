//! Files that this version must not touch.

use super::*;

fn open(path: &Path) -> Result<(), StoreError> {
    SqliteStore::open(path).map(drop)
}

#[test]
fn a_file_of_a_newer_version_is_refused_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.db");
    let newer = Connection::open(&path).unwrap();
    newer.execute_batch("CREATE TABLE later (x); PRAGMA user_version = 99").unwrap();
    drop(newer);
    let before = std::fs::read(&path).unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { found: 99, known: 11 }), "{error}");
    assert!(error.to_string().contains("use the newer relay"));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing beside it either");
}

#[test]
fn a_file_that_is_no_database_is_refused_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.db");
    std::fs::write(&path, "not a database, however long it is".repeat(100)).unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(open(&path), Err(StoreError::Database(_))));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn commits_are_synced_to_disk_and_written_ahead() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("relay.db")).unwrap();
    let pragma = |name: &str| store.connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!((pragma("synchronous"), pragma("foreign_keys")), (2, 1));
    let mode: String = store.connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
}

#[test]
fn opening_again_keeps_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.db");
    SqliteStore::open(&path).unwrap().set_setting("x", b"1").unwrap();
    assert_eq!(SqliteStore::open(&path).unwrap().setting("x").unwrap(), Some(b"1".to_vec()));
}

#[test]
fn what_was_disclosed_and_kept_before_the_ledger_is_in_it_afterwards() {
    use crate::store::{DecisionStore, LedgerStore, Position};
    use sync_protocol::identity::{ChangeSignature, SecretKey};
    use sync_protocol::{AuthorId, ChangeHash, DeviceId, DocumentId};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.db");
    let old = Connection::open(&path).unwrap();
    for migration in &MIGRATIONS[..3] {
        old.execute_batch(migration).unwrap();
    }
    let device = DeviceId([4; 16]);
    let audited = "INSERT INTO audit (seq, at_ms, action, device, detail, previous_hash, hash)
                   VALUES (?1, 5, 'disclose', ?2, ?3, zeroblob(32), zeroblob(32))";
    old.execute(audited, params![1, device.0, r#"{"documents-upto":[[1,7],[2,3],[1,9]]}"#]).unwrap();
    let document = DocumentId([6; 16]);
    let signature =
        ChangeSignature::sign(&SecretKey::from_seed([5; 32]), AuthorId([1; 16]), &document, ChangeHash([2; 32]));
    let kept = "INSERT INTO custody (document_id, descriptor, hash, payload, signature, device, practitioner, organization,
                reason, received_at_ms) VALUES (?1, '{\"o\":\"north\",\"p\":\"p1\",\"c\":\"core\",\"k\":\"\"}', ?2, x'00', ?3, ?4,
                'dr-a', 'north', '\"not-permitted\"', 1)";
    let values = params![document.0, [2u8; 32], serde_json::to_string(&signature).unwrap(), device.0];
    old.execute(kept, values).unwrap();
    old.pragma_update(None, "user_version", 3).unwrap();
    drop(old);
    let store = SqliteStore::open(&path).unwrap();
    let upto = |document| store.disclosure(document, 1).unwrap();
    assert_eq!((upto(1), upto(2)), (Some((device, Position(9))), Some((device, Position(3)))));
    assert_eq!(store.count_disclosures().unwrap(), 2);
    assert_eq!(store.custody_signatures(&document).unwrap(), [signature]);
    let name = sync_protocol::frame::ChangeName { document, hash: ChangeHash([2; 32]) };
    assert_eq!(store.devices_to_tell(&name).unwrap(), [device]);
}
