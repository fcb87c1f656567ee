//! Works out what charts show before anybody opens them, one document at a time, when there is nothing else to do.
//!
//! Only what is shown is written: the record itself stays as it is, and whoever opens a chart sooner makes what is missing.

use rusqlite::{Connection, TransactionBehavior};

use crate::store::documents::{self, StoredDocument};
use crate::store::{self, changes};
use crate::{Device, DeviceError, projection};

/// Documents that are looked up together.
const AT_ONCE: u32 = 64;

/// Prepares charts beside the device, on a connection of its own: the device reads and writes meanwhile.
pub struct ChartPreparer {
    db: Connection,
    /// The row from which on documents are still looked through.
    from: i64,
    waiting: std::vec::IntoIter<StoredDocument>,
}

impl Device {
    /// What prepares this profile's charts. To be used on a thread on which nobody waits.
    ///
    /// # Errors
    /// Storage.
    pub fn chart_preparer(&self) -> Result<ChartPreparer, DeviceError> {
        let db = store::open_beside(&self.folder, self.key.as_ref())?;
        // What is shown can be made again: losing the last of it with the power loses no record, so nothing waits for the disk.
        db.pragma_update(None, "synchronous", "NORMAL")?;
        Ok(ChartPreparer { db, from: 0, waiting: Vec::new().into_iter() })
    }
}

impl ChartPreparer {
    /// Works out what one document shows, in the order in which they came. False if none is left: what came meanwhile into
    /// documents gone by is for the next preparer. Others wait for it only while its rows are written.
    ///
    /// # Errors
    /// Storage; a document that cannot be opened is marked so and is none.
    pub fn prepare_one(&mut self) -> Result<bool, DeviceError> {
        let Some(document) = self.next()? else { return Ok(false) };
        self.from = document.number + 1;
        let (mark, opened) = {
            let tx = self.db.transaction()?;
            (changes::mark(&tx, document.number)?, projection::open_document(&tx, &document))
        };
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let held = documents::by_number(&tx, document.number)?;
        // The row may be another document's by now.
        let same = held.is_some_and(|held| held.id == document.id && held.stale && held.unreadable.is_none());
        if same && changes::mark(&tx, document.number)? == mark {
            projection::show(&tx, &document, opened)?;
            tx.commit()?;
        }
        Ok(true)
    }

    fn next(&mut self) -> Result<Option<StoredDocument>, DeviceError> {
        if let Some(document) = self.waiting.next() {
            return Ok(Some(document));
        }
        self.waiting = documents::stale_from(&self.db, self.from, AT_ONCE)?.into_iter();
        Ok(self.waiting.next())
    }
}
