//! Numbered schema steps, each applied in one transaction; `user_version` says how many were.

use rusqlite::{Connection, TransactionBehavior};

use super::search;
use crate::DeviceError;

/// Step n is at n - 1. A step that was ever released is never changed.
const STEPS: [&str; 6] = [
    include_str!("../../migrations/0001_initial.sql"),
    include_str!("../../migrations/0002_ledger.sql"),
    include_str!("../../migrations/0003_sealed.sql"),
    include_str!("../../migrations/0004_facts.sql"),
    include_str!("../../migrations/0005_referrals.sql"),
    include_str!("../../migrations/0006_compact.sql"),
];

/// The step after which names are to be brought into the index for likeness, which SQL alone cannot.
const FILLS_SEARCH: i64 = 6;

/// Schema that this version writes.
pub(super) const KNOWN: i64 = STEPS.len() as i64;

/// Brings the schema up to [`KNOWN`].
///
/// # Errors
/// [`DeviceError::SchemaTooNew`], before anything is written; otherwise what SQLite says, with the failed step undone.
pub(super) fn migrate(db: &mut Connection) -> Result<(), DeviceError> {
    loop {
        let found = version(db)?;
        if found > KNOWN {
            return Err(DeviceError::SchemaTooNew { found, known: KNOWN });
        }
        let Some(step) = usize::try_from(found).ok().and_then(|at| STEPS.get(at)) else { return Ok(()) };
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have taken this step while we waited for the lock.
        if version(&tx)? == found {
            tx.execute_batch(step)?;
            if found + 1 == FILLS_SEARCH {
                search::index_anew(&tx)?;
            }
            tx.pragma_update(None, "user_version", found + 1)?;
            tx.commit()?;
        }
    }
}

pub(super) fn version(db: &Connection) -> Result<i64, DeviceError> {
    Ok(db.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_database_gets_every_step_once() {
        let mut db = Connection::open_in_memory().unwrap();
        migrate(&mut db).unwrap();
        migrate(&mut db).unwrap();
        assert_eq!(version(&db).unwrap(), KNOWN);
    }

    #[test]
    fn a_newer_schema_is_refused_and_not_touched() {
        let mut db = Connection::open_in_memory().unwrap();
        db.pragma_update(None, "user_version", 999).unwrap();
        assert_eq!(migrate(&mut db), Err(DeviceError::SchemaTooNew { found: 999, known: KNOWN }));
        let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
        assert_eq!((version(&db).unwrap(), tables), (999, 0));
    }
}
