//! Empties the tables of a profile that is to be erased.

use rusqlite::Connection;
use sync_protocol::UnixMillis;

use super::trail;
use crate::DeviceError;

/// Everything but identity, trail, and what says how far the erasing got; what refers to others first.
const CONTENT: [&str; 28] = [
    "outbox",
    "author_signature",
    "measurement",
    "replacement",
    "note_search",
    "inbox",
    "resource",
    "change",
    "saved_history",
    "saved_change",
    "document",
    "shared_sum",
    "incoming_change",
    "quarantined_item",
    "quarantine",
    "patient",
    "patient_search",
    "patient_word",
    "kept_work",
    "draft",
    "emergency",
    "emergency_document",
    "referral",
    "sealed",
    "unsealed",
    "purge_receipt",
    "organization_key",
    "certificate",
];

/// Deletes all content inside the caller's transaction. Entries of the trail that were not sent stay.
pub(crate) fn content(db: &Connection) -> Result<(), DeviceError> {
    for table in CONTENT {
        db.execute(&format!("DELETE FROM {table}"), [])?;
    }
    db.execute(
        "UPDATE sync_state SET cursor = NULL, epoch = NULL, shared_sum = zeroblob(16), last_synced_ms = NULL,
             compare_next = 0, diverged = 0",
        [],
    )?;
    trail::forget_sent(db)
}

/// Deletes the identity and notes that the profile was erased.
pub(crate) fn identity(db: &Connection, now: UnixMillis) -> Result<(), DeviceError> {
    db.execute("DELETE FROM identity", [])?;
    db.execute("DELETE FROM purge_receipt", [])?;
    db.execute("INSERT OR REPLACE INTO erasure (id, erased_ms) VALUES (1, ?1)", [now.0])?;
    Ok(())
}

/// Whether the profile was erased and not enrolled anew since.
pub(crate) fn is_erased(db: &Connection) -> Result<bool, DeviceError> {
    Ok(db.prepare_cached("SELECT 1 FROM erasure")?.exists([])?)
}

/// The profile is used anew.
pub(crate) fn enrolled_anew(db: &Connection) -> Result<(), DeviceError> {
    db.execute("DELETE FROM erasure", [])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::open;

    #[test]
    fn every_table_is_either_erased_or_known_to_hold_no_chart() {
        const KEPT: [&str; 7] =
            ["identity", "trail", "trail_state", "erasure", "sync_state", "sqlite_sequence", "projection"];
        let folder = tempfile::tempdir().unwrap();
        let (db, _) = open(folder.path(), None, UnixMillis(1)).unwrap();
        let mut statement = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
        let tables = statement.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap);
        for table in tables.filter(|name| !name.contains("_search_")) {
            let is_known = CONTENT.contains(&table.as_str()) || KEPT.contains(&table.as_str());
            assert!(is_known, "{table} is not erased");
        }
    }
}
