//! Charts that lie ready, sealed: opened without a network, with a reason, for hours. The entry in the trail comes first.

use sync_protocol::frame::{BatchBody, SealedDocument};
use sync_protocol::{DocumentId, UnixMillis};

use crate::store::sealed::{self, SealedChart};
use crate::store::{documents, emergency};
use crate::trail::{self, Act};
use crate::{ChartRef, Device, DeviceError, DeviceEvent, receive};

/// Purposes of use (v3-PurposeOfUse) for which a sealed chart may be opened.
const PURPOSES: [&str; 2] = ["ETREAT", "BTG"];

/// What an opening without a network came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsealed {
    /// Documents that are open now.
    pub documents: Vec<DocumentId>,
    /// Documents that lay ready and could not be opened: damaged, or not vouched for.
    pub failed: Vec<DocumentId>,
    /// For how long, in milliseconds.
    pub for_ms: u64,
}

impl Device {
    /// Charts that lie ready for an emergency, by patient. Of what they hold nothing is known until they are opened.
    ///
    /// # Errors
    /// [`DeviceError::LeaseExpired`]; storage.
    pub fn sealed_charts(&mut self, now: UnixMillis) -> Result<Vec<SealedChart>, DeviceError> {
        self.check_lease(now)?;
        sealed::charts(&self.db)
    }

    /// Opens a chart that lies ready, without asking anybody. The entry in the trail and the opened documents are one
    /// transaction; the entry cannot be removed before the relay has it, and goes out before any change. What is read is
    /// marked, and all of it is removed when the time is over.
    ///
    /// `purpose`: `ETREAT` or `BTG` (v3-PurposeOfUse). `reason`: in the practitioner's words; the privacy officer reads it.
    /// # Errors
    /// [`DeviceError::Invalid`] without a purpose or reason; [`DeviceError::UnknownPatient`] if nothing of the chart lies
    /// ready; [`DeviceError::LeaseExpired`]; storage: nothing is open then.
    pub fn break_glass_offline(
        &mut self,
        chart: &ChartRef,
        purpose: &str,
        reason: &str,
        now: UnixMillis,
    ) -> Result<Unsealed, DeviceError> {
        self.check_lease(now)?;
        if !PURPOSES.contains(&purpose) || reason.trim().is_empty() {
            return Err(DeviceError::Invalid("opening a sealed chart needs the purpose ETREAT or BTG and a reason"));
        }
        crate::emergency::check_length(purpose, reason)?;
        let ready = sealed::of_chart(&self.db, chart)?;
        let Some(for_ms) = ready.iter().map(|sealed| sealed.for_ms).min() else {
            return Err(DeviceError::UnknownPatient { patient: chart.patient.clone().into() });
        };
        let elapsed = self.note_elapsed(now)?;
        let ends = elapsed.saturating_add(i64::try_from(for_ms).unwrap_or(i64::MAX));
        // Where the relay's clock was not heard since the profile was opened, this device's stands for it.
        let until = UnixMillis(ends.saturating_add(self.relay_ahead_ms.unwrap_or(now.0 - elapsed)));
        let (opened, applied) = self.write(|tx, identity| {
            let bodies: Vec<(DocumentId, Option<BatchBody>)> =
                ready.iter().map(|sealed| (sealed.document, sealed.open(&identity.secret).ok())).collect();
            let ids = ready.iter().map(|sealed| sealed.document).collect();
            let act = Act { purpose: purpose.into(), ..Act::new("break-glass", Some(chart), ids).because(reason) };
            trail::record(tx, &act, now)?;
            let (mut open, mut failed) = (Vec::new(), Vec::new());
            let mut applied = receive::Applied::default();
            for (id, body) in bodies {
                // What is here by other rights stays as it is.
                if documents::find(tx, &id)?.is_some() {
                    continue;
                }
                let unsealed = match body {
                    Some(body) => receive::unseal(tx, identity, &body, &mut applied, now)?,
                    None => false,
                };
                if unsealed {
                    sealed::note_unsealed(tx, &id)?;
                    emergency::mark(tx, &id, until, ends)?;
                    open.push(id);
                } else {
                    failed.push(id);
                }
            }
            emergency::opened_here(tx, chart, (purpose, reason), (now, elapsed), (until, ends))?;
            Ok((Unsealed { documents: open, failed, for_ms }, applied))
        })?;
        let documents = applied.documents;
        self.tell(&DeviceEvent::DocumentsChanged { documents, charts: vec![chart.clone()] });
        self.tell(&DeviceEvent::TrailGrew);
        Ok(opened)
    }

    /// Keeps sealed documents. Once this returns they are on disk.
    pub(crate) fn lay_ready(&mut self, documents: &[SealedDocument], now: UnixMillis) -> Result<(), DeviceError> {
        self.write(|tx, _| documents.iter().try_for_each(|sealed| sealed::put(tx, sealed, now)))
    }
}
