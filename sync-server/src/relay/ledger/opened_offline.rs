//! Charts that devices opened without the relay, as their trails tell: opened here too where the same request over the
//! connection would have been, and only where such a chart lay sealed on the device.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use sync_protocol::frame::TrailEntry;
use sync_protocol::{OrganizationId, PatientId, UnixMillis};

use super::emergency::wrong;
use crate::access::BreakGlassOpening;
use crate::relay::{ConnectionId, EmergencyRequest, Relay, Stage};
use crate::store::{AlertKind, NewAlert, StoreError};

/// Patients that an alert names, at most.
const PATIENTS_NAMED: usize = 10;

/// Which organization's chart, and whose.
type Chart = (OrganizationId, PatientId);

/// What a device says to have opened and was not opened here: patients, by the organization that is to hear of it.
type NotOpened = BTreeMap<OrganizationId, BTreeSet<PatientId>>;

impl Relay {
    /// Opens on the relay what a device opened off line, as long as it may still be open there. One alert in any case: for
    /// each chart that is opened, and for each device that says to have opened what it could or should not.
    pub(in crate::relay) fn opened_offline(
        &mut self,
        id: ConnectionId,
        entries: &[TrailEntry],
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let charts = opened(entries);
        let Some(peer) = self.peer(id).filter(|_| !charts.is_empty()) else { return Ok(()) };
        let (device, subject) = (peer.device, peer.subject.clone());
        let mut open = self.store.openings_after(now)?;
        open.retain(|opening| opening.subject == subject);
        let laid = self.store.laid_sealed(&device)?;
        let mut not_opened = NotOpened::new();
        for ((organization, patient), entry) in charts {
            let here = |opening: &BreakGlassOpening| opening.organization == organization && opening.patient == patient;
            // Opened over the connection: it is on record and alerted already.
            if open.iter().any(here) {
                continue;
            }
            let documents = match laid.is_empty() {
                true => Vec::new(),
                false => self.store.documents_of_chart(&organization, Some(&patient))?,
            };
            if !documents.iter().any(|(number, _)| laid.contains(*number)) {
                // Never there to be opened. Whether there is such a chart is not looked at, so its clinic is not told.
                not_opened.entry(subject.organization.clone()).or_default().insert(patient);
                continue;
            }
            match self.open_as_told(id, (&organization, &patient), entry, now)? {
                Some(opening) => self.alert_of_opening(&opening, true)?,
                None => _ = not_opened.entry(organization).or_default().insert(patient),
            }
        }
        self.alert_of_not_opened(id, not_opened, now)
    }

    /// Opens a chart that lay sealed on the device, under the conditions of a request over the connection.
    fn open_as_told(
        &mut self,
        id: ConnectionId,
        (organization, patient): (&OrganizationId, &PatientId),
        entry: &TrailEntry,
        now: UnixMillis,
    ) -> Result<Option<BreakGlassOpening>, StoreError> {
        let Some(peer) = self.peer(id).filter(|peer| peer.stage != Stage::Erasing) else { return Ok(None) };
        let (device, subject) = (peer.device, peer.subject.clone());
        let Ok(purpose) = entry.purpose.parse() else { return Ok(None) };
        let refused = wrong(&entry.reason, &entry.purpose).is_some();
        if refused || self.asked.too_often(device, self.settings.ledger.break_glass_per_minute, now) {
            return Ok(None);
        }
        let request = EmergencyRequest {
            id: None,
            device,
            subject,
            organization: organization.clone(),
            patient: patient.clone(),
            purpose,
            reason: entry.reason.clone(),
            since: entry.at,
        };
        self.break_glass(request, now)
    }

    /// It was opened all the same, or somebody says so: somebody must hear of it. Counted by device, however much it tells.
    fn alert_of_not_opened(
        &mut self,
        id: ConnectionId,
        not_opened: NotOpened,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let Some(peer) = self.peer(id) else { return Ok(()) };
        let (device, practitioner) = (peer.device, peer.subject.practitioner.clone());
        for (organization, patients) in not_opened {
            let named: Vec<_> = patients.iter().take(PATIENTS_NAMED).collect();
            self.raise_alert(&NewAlert {
                organization,
                kind: AlertKind::BreakGlass,
                about: device.to_string(),
                at: now,
                device: Some(device),
                practitioner: Some(practitioner.clone()),
                detail: json!({
                    "patients": named, "charts": patients.len(), "offline": true, "permitted": false,
                }),
            })?;
        }
        Ok(())
    }
}

/// Charts that entries say were opened, with the newest entry on each. The latest come first: should there be too many for
/// one minute, those that may still be open are.
fn opened(entries: &[TrailEntry]) -> Vec<(Chart, &TrailEntry)> {
    let mut seen = BTreeSet::new();
    let mut charts = Vec::new();
    for entry in entries.iter().rev() {
        // A request that goes to the relay stands in the trail too, but opened nothing there and names no document.
        if entry.action != "break-glass" || entry.documents.is_empty() {
            continue;
        }
        if let (Some(organization), Some(patient)) = (&entry.organization, &entry.patient)
            && seen.insert((organization, patient))
        {
            charts.push(((organization.clone(), patient.clone()), entry));
        }
    }
    charts
}
