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
    newer.execute_batch("CREATE TABLE later (x); PRAGMA user_version = 7").unwrap();
    drop(newer);
    let before = std::fs::read(&path).unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { found: 7, known: 5 }), "{error}");
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
