//! A document's whole history in one compact form, for a device's own store: opens in a fraction of the time that its
//! changes take one by one, and gives each of them back bit by bit.

use std::collections::HashSet;

use automerge::{Automerge, Change, LoadOptions, OnPartialLoad, VerificationMode};

use crate::admission::Ledger;
use crate::containment::contained;
use crate::document::refused;
use crate::encode::TEXT_ENCODING;
use crate::schema::CURRENT_SCHEMA;
use crate::{RecordDocument, RecordError};

impl RecordDocument {
    /// The document's changes in the engine's compact form. It was read back, and gave the same changes.
    ///
    /// # Errors
    /// [`RecordError::Engine`] if changes wait for others, or if the form does not give back what went in.
    pub fn save(&self) -> Result<Vec<u8>, RecordError> {
        if !self.missing_deps().is_empty() {
            return Err(RecordError::Engine("changes are missing"));
        }
        contained(|| {
            let saved = self.doc.save();
            let hashes = |doc: &Automerge| doc.get_changes(&[]).iter().map(Change::hash).collect::<HashSet<_>>();
            let back = read(&saved)?;
            // A change's name is the hash of its bytes: equal names are equal bytes.
            if back.get_heads() != self.doc.get_heads() || hashes(&back) != hashes(&self.doc) {
                return Err(RecordError::Engine("the saved form is not the document"));
            }
            Ok(saved)
        })
    }

    /// Opens what [`Self::save`] gave on this device. Changes are not checked again.
    ///
    /// # Errors
    /// [`RecordError::Engine`] if the bytes were damaged.
    pub fn load_saved(saved: &[u8]) -> Result<Self, RecordError> {
        contained(|| {
            let doc = read(saved)?;
            let mut ledger = Ledger::default();
            for change in doc.get_changes_meta(&[]) {
                ledger.note(change.hash, &change.actor, change.seq, change.max_op);
            }
            Ok(Self { doc, ledger, waiting: Vec::new(), schema: &CURRENT_SCHEMA })
        })
    }

    /// How many changes the document consists of; those that wait do not count.
    pub fn change_count(&self) -> usize {
        self.ledger.count()
    }
}

fn read(saved: &[u8]) -> Result<Automerge, RecordError> {
    let options = LoadOptions::new()
        .on_partial_load(OnPartialLoad::Error)
        .verification_mode(VerificationMode::Check)
        .text_encoding(TEXT_ENCODING);
    Automerge::load_with_options(saved, options).map_err(|error| refused(&error))
}
