//! Writes a note, signs it, and amends a signed one. For typing in it see [`Device::splice_note`].

use clinical_record::ResourceKey;
use clinical_record::clinical::{NewNote, add_note, amend_note, sign_note};

use crate::{ActReceipt, Device, DeviceError, Occasion};

impl Device {
    /// Adds a note, unsigned; several people may type in it at once.
    ///
    /// # Errors
    /// See the module.
    pub fn write_note(&mut self, occasion: &Occasion<'_>, new: &NewNote) -> Result<ActReceipt, DeviceError> {
        self.act(occasion, |entry| add_note(entry, new))
    }

    /// Signs a note: from now on it is amended, not edited. `id`: of the DocumentReference.
    ///
    /// # Errors
    /// See the module; a note that is signed already.
    pub fn sign_note(&mut self, occasion: &Occasion<'_>, id: &str) -> Result<ActReceipt, DeviceError> {
        self.act_on(occasion, &note(id), sign_note)
    }

    /// Amends a signed note by another that is signed with it. `id`: of the DocumentReference amended.
    ///
    /// # Errors
    /// See the module; no reason, an empty amendment, a note that is not signed.
    pub fn amend_note(
        &mut self,
        occasion: &Occasion<'_>,
        id: &str,
        text: &str,
        reason: &str,
    ) -> Result<ActReceipt, DeviceError> {
        self.act_on(occasion, &note(id), |entry, note| amend_note(entry, note, text, reason))
    }
}

fn note(id: &str) -> ResourceKey {
    ResourceKey::new("DocumentReference", id)
}
