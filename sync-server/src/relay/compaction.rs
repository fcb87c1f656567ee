//! Compaction, as far as the relay's thread has a part in it: a packed run takes the place of its rows.

use super::Relay;
use crate::store::{PackedRun, StoreError};

impl Relay {
    /// Puts a run in the place of the loose changes that it was made of. False, with nothing changed, if they are not there
    /// any more. What every device is sent stays the same.
    ///
    /// # Errors
    /// [`StoreError::Database`]; to be called within [`Relay::administer`], which rolls back.
    pub fn put_run(&mut self, run: &PackedRun) -> Result<bool, StoreError> {
        self.store.put_run(run)
    }
}
