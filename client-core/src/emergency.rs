//! Emergency access ("break the glass"): asked for with a reason, for hours, and over by itself, offline too.

use rusqlite::Connection;
use sync_protocol::frame::{BreakGlassAnswer, BreakGlassOutcome, BreakGlassRefusal, DeliveredDocument};
use sync_protocol::{DocumentId, UnixMillis};

use crate::purge::Cause;
use crate::store::emergency::{self, EmergencyAccess};
use crate::trail::{self, Act};
use crate::{ChartRef, Device, DeviceError, DeviceEvent};

/// A request that the relay was not asked within this time is dropped: by then the emergency is another one.
pub const REQUEST_MS: i64 = 15 * 60 * 1000;

/// Longest reason, in bytes of UTF-8: the relay takes no longer one.
pub const MAX_REASON_BYTES: usize = 2_000;
/// Longest code of a purpose of use, in bytes.
const MAX_PURPOSE_BYTES: usize = 100;

/// Refuses what the relay would not take, or no frame could carry, before it goes on record.
pub(crate) fn check_length(purpose: &str, reason: &str) -> Result<(), DeviceError> {
    if reason.len() > MAX_REASON_BYTES || purpose.len() > MAX_PURPOSE_BYTES {
        return Err(DeviceError::Invalid(
            "the reason for emergency access is longer than 2000 bytes, or its purpose than 100",
        ));
    }
    Ok(())
}

impl Device {
    /// Asks for emergency access to a chart. The request goes out as soon as the relay is reached, within
    /// [`REQUEST_MS`]; the answer comes as [`crate::sync::SyncEvent::EmergencyAnswered`]. Recorded as `break-glass`.
    ///
    /// `purpose`: of use, v3-PurposeOfUse, for instance `ETREAT`. `reason`: in the practitioner's words; the privacy
    /// officer reads it. Gives the request's number.
    /// # Errors
    /// [`DeviceError::Invalid`] without a purpose or reason, or with one longer than 2,000 bytes;
    /// [`DeviceError::LeaseExpired`]; storage.
    pub fn request_break_glass(
        &mut self,
        chart: &ChartRef,
        purpose: &str,
        reason: &str,
        now: UnixMillis,
    ) -> Result<u64, DeviceError> {
        self.check_lease(now)?;
        if purpose.trim().is_empty() || reason.trim().is_empty() {
            return Err(DeviceError::Invalid("emergency access needs a purpose of use and a reason"));
        }
        check_length(purpose, reason)?;
        let elapsed = self.note_elapsed(now)?;
        let request = self.write(|tx, _| {
            let act =
                Act { purpose: purpose.into(), ..Act::new("break-glass", Some(chart), Vec::new()).because(reason) };
            trail::record(tx, &act, now)?;
            emergency::ask(tx, chart, purpose, reason, now, elapsed)
        })?;
        self.tell(&DeviceEvent::OutboxGrew);
        Ok(request)
    }

    /// All requests for emergency access made here, oldest first.
    ///
    /// # Errors
    /// Storage.
    pub fn emergency_accesses(&mut self, now: UnixMillis) -> Result<Vec<EmergencyAccess>, DeviceError> {
        self.end_emergencies(now)?;
        emergency::all(&self.db)
    }

    /// Ends what is over by this device's own count of time: the documents are removed. Gives which.
    pub(crate) fn end_emergencies(&mut self, now: UnixMillis) -> Result<Vec<DocumentId>, DeviceError> {
        if self.identity.is_none() {
            return Ok(Vec::new());
        }
        let elapsed = self.elapsed(now);
        if emergency::any_pending(&self.db)? {
            emergency::pass(&self.db, elapsed, elapsed.saturating_sub(REQUEST_MS))?;
        }
        let over = emergency::over(&self.db, elapsed)?;
        if !over.is_empty() {
            self.purge(&over, Cause::EmergencyOver, now)?;
        }
        Ok(over)
    }

    /// The relay answered a request. Gives why it was refused, if it was.
    pub(crate) fn emergency_answered(
        &mut self,
        answer: &BreakGlassAnswer,
        now: UnixMillis,
    ) -> Result<Option<&'static str>, DeviceError> {
        let elapsed = self.note_elapsed(now)?;
        match &answer.outcome {
            BreakGlassOutcome::Opened(opening) => {
                let ends = elapsed.saturating_add(i64::try_from(opening.for_ms).unwrap_or(i64::MAX));
                emergency::opened(&self.db, answer.request, opening, ends)?;
                Ok(None)
            }
            BreakGlassOutcome::Refused(refusal) => {
                let why = words(*refusal);
                emergency::refused(&self.db, answer.request, why)?;
                Ok(Some(why))
            }
        }
    }
}

/// Marks a delivered document as open by emergency access only, or takes the mark away. `shift`: this device's count of
/// time minus the relay's clock.
pub(crate) fn mark(db: &Connection, delivery: &DeliveredDocument, shift: i64) -> Result<(), DeviceError> {
    match delivery.break_glass_until {
        Some(until) => emergency::mark(db, &delivery.document, until, until.0.saturating_add(shift)),
        None => emergency::unmark(db, &delivery.document),
    }
}

fn words(refusal: BreakGlassRefusal) -> &'static str {
    match refusal {
        BreakGlassRefusal::NotPermitted => "no policy allows it",
        BreakGlassRefusal::ReasonMissing => "a reason and a purpose of use are needed",
        BreakGlassRefusal::TooLong => "the reason or the purpose of use is too long",
        BreakGlassRefusal::Other => "the relay refused it for a reason that this version does not know",
    }
}
