//! Another try at what is in quarantine, and its list.

use rusqlite::TransactionBehavior;
use sync_protocol::{DocumentId, UnixMillis};

use super::accept::Acceptance;
use super::{Applied, name_charts};
use crate::store::{documents, quarantine};
use crate::{Device, DeviceError};

/// Something that was received and could not be accepted or opened. It is kept whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantinedDocument {
    /// Which.
    pub document: DocumentId,
    /// Why.
    pub reason: String,
    /// Since when, by this device's clock; none for content that was accepted but cannot be opened.
    pub since: Option<UnixMillis>,
}

impl Device {
    /// Everything in quarantine.
    ///
    /// # Errors
    /// Storage.
    pub fn quarantined(&self) -> Result<Vec<QuarantinedDocument>, DeviceError> {
        let mut listed: Vec<_> = quarantine::all(&self.db)?
            .into_iter()
            .map(|(document, reason, since)| QuarantinedDocument { document, reason, since: Some(since) })
            .collect();
        listed.extend(documents::unreadable_ones(&self.db)?.into_iter().map(|document| QuarantinedDocument {
            document: document.id,
            reason: document.unreadable.unwrap_or_default(),
            since: None,
        }));
        Ok(listed)
    }

    /// Tries again to accept or open what is in quarantine: one document, or all.
    ///
    /// # Errors
    /// Storage. What still cannot be accepted stays, which is no error.
    pub fn retry_quarantined(&mut self, only: Option<&DocumentId>, now: UnixMillis) -> Result<Applied, DeviceError> {
        let identity = self.identity.as_ref().ok_or(DeviceError::NotEnrolled)?;
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut applied = Applied::default();
        let mut acceptance = Acceptance::new(&tx, identity, now)?;
        for (document, reason, _) in quarantine::all(&tx)? {
            if only.is_some_and(|only| *only != document) {
                continue;
            }
            let Some(kept) = quarantine::kept(&tx, &document)? else { continue };
            if !acceptance.retry(&kept, &mut applied)? {
                applied.quarantined.push((document, reason));
            }
        }
        drop(acceptance);
        for document in documents::unreadable_ones(&tx)? {
            if only.is_none_or(|only| *only == document.id) {
                documents::set_unreadable(&tx, document.number, None)?;
                documents::set_stale(&tx, document.number, true)?;
            }
        }
        name_charts(&tx, &mut applied)?;
        tx.commit()?;
        self.tell_applied(&applied);
        Ok(applied)
    }

    /// Marks a document that turned out not to open, so that others go on without it.
    pub(crate) fn note_unreadable(&mut self, document: &DocumentId, reason: &str) -> Result<(), DeviceError> {
        if let Some(document) = documents::find(&self.db, document)? {
            documents::set_unreadable(&self.db, document.number, Some(reason))?;
        }
        Ok(())
    }
}
