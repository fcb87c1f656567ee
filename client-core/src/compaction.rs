//! Puts the older changes of a long document into their saved form, one document at a time, when there is nothing else to do.
//!
//! Nothing of a history is lost by it: every change can be read back bit by bit, which is checked before its row goes.

use std::collections::BTreeSet;

use clinical_record::RecordDocument;
use rusqlite::{Connection, TransactionBehavior};
use sync_protocol::DocumentId;

use crate::store::documents::{self, StoredDocument};
use crate::store::{self, histories};
use crate::{Device, DeviceError};

/// From when on a history is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavingLimits {
    /// Changes that a document must have besides its saved form.
    pub changes: u32,
    /// And at least one for so many that are in the saved form, which is written anew each time.
    pub share: u32,
}

impl Default for SavingLimits {
    fn default() -> Self {
        Self { changes: 128, share: 8 }
    }
}

/// What was saved. Ids and counts only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedHistory {
    /// The document.
    pub document: DocumentId,
    /// Changes that went into its saved form.
    pub changes: usize,
    /// Size of that form, in bytes.
    pub bytes: usize,
}

/// Changes that go into a saved form at once, at most: bounds for how long nobody else can write.
const AT_ONCE: usize = 16_384;

/// A saved form that was made and checked, to take the place of what it was made of.
struct Prepared {
    /// What stood there before.
    instead_of: Option<Vec<u8>>,
    rows: Vec<i64>,
    saved: Vec<u8>,
    changes: usize,
}

/// Saves histories beside the device, on a connection of its own: the device reads and writes meanwhile.
pub struct HistorySaver {
    db: Connection,
    /// Rows of documents that could not be saved; not tried again.
    not_saved: BTreeSet<i64>,
}

impl Device {
    /// What saves this profile's histories. To be used on a thread on which nobody waits.
    ///
    /// # Errors
    /// Storage.
    pub fn history_saver(&self) -> Result<HistorySaver, DeviceError> {
        Ok(HistorySaver { db: store::open_beside(&self.folder, self.key.as_ref())?, not_saved: BTreeSet::new() })
    }
}

impl HistorySaver {
    /// Saves the history of the document that has most to save. None if no document has enough; call it again until then.
    ///
    /// Takes about as long as opening that document three times, and its memory. Ended half way it has changed nothing.
    /// # Errors
    /// Storage.
    pub fn save_one(&mut self, limits: &SavingLimits) -> Result<Option<SavedHistory>, DeviceError> {
        let candidates = histories::longest(&self.db, limits.changes.max(1), limits.share.max(1))?;
        for number in candidates {
            if self.not_saved.contains(&number) {
                continue;
            }
            let Some(document) = documents::by_number(&self.db, number)? else { continue };
            if let Some(prepared) = prepare(&self.db, &document)?
                && self.put(&document, &prepared)?
            {
                let (changes, bytes) = (prepared.rows.len(), prepared.saved.len());
                return Ok(Some(SavedHistory { document: document.id, changes, bytes }));
            }
            // Something of it is missing or damaged, or another process is at it.
            self.not_saved.insert(number);
        }
        Ok(None)
    }

    /// False if what the saved form was made of has changed meanwhile.
    fn put(&mut self, document: &StoredDocument, prepared: &Prepared) -> Result<bool, DeviceError> {
        let Prepared { instead_of, rows, saved, changes } = prepared;
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let same = histories::saved(&tx, document.number)? == *instead_of
            && histories::all_to_save(&tx, document.number, rows)?;
        if same {
            histories::put(&tx, document.number, saved, *changes, rows)?;
            tx.commit()?;
        }
        Ok(same)
    }
}

/// Makes the saved form and reads it back. None if the document cannot be saved as it is.
fn prepare(db: &Connection, document: &StoredDocument) -> Result<Option<Prepared>, DeviceError> {
    let instead_of = histories::saved(db, document.number)?;
    let rows = histories::to_save(db, document.number, AT_ONCE)?;
    let payloads = rows.iter().map(|(_, payload)| payload.as_slice());
    let opened = match &instead_of {
        None => RecordDocument::load(payloads),
        Some(saved) => RecordDocument::load_saved(saved).and_then(|mut opened| opened.apply(payloads).map(|()| opened)),
    };
    let Ok((saved, changes)) = opened.and_then(|opened| Ok((opened.save()?, opened.change_count()))) else {
        return Ok(None);
    };
    // Every row must be in it: one that waits for another is not.
    let held = histories::count(db, document.number)? + rows.len();
    let rows = rows.into_iter().map(|(row, _)| row).collect();
    Ok((changes == held).then_some(Prepared { instead_of, rows, saved, changes }))
}
