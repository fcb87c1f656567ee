//! Accounting of disclosures: to whom something of a chart was given, and what devices say was read of it.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use sync_protocol::frame::TrailEntry;
use sync_protocol::{DeviceId, DocumentDescriptor, OrganizationId, PatientId, UnixMillis};
use utoipa::ToSchema;

use super::wipe::ShownVersion;
use crate::access::{Action, BreakGlassOpening, Subject};
use crate::admin::schema;
use crate::relay::Relay;
use crate::store::{DisclosureRow, StoreError};

/// Disclosures and reads in one accounting, at most of each.
const MAX_ROWS: usize = 100_000;
/// Reads of one device among them, at most: its newest.
const MAX_READS_OF_ONE: usize = 10_000;

/// One time that something of a chart was sent to a device, or shown to an officer who decides on a change for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountedDisclosure {
    /// When.
    #[schema(value_type = schema::Moment)]
    pub at: UnixMillis,
    /// The row of the audit trail that records it.
    pub row: u64,
    /// Which document.
    #[schema(value_type = Object)]
    pub descriptor: DocumentDescriptor,
    /// Which version of it.
    pub version: ShownVersion,
    /// To whom.
    pub practitioner: Option<String>,
    /// For which organization.
    pub organization: Option<String>,
    /// To which device; none if an officer was shown it.
    #[schema(value_type = Option<schema::HexId>)]
    pub device: Option<DeviceId>,
    /// It was laid ready there sealed, for an emergency without a network.
    pub sealed: bool,
    /// When that device said that it has it on disk.
    #[schema(value_type = Option<schema::Moment>)]
    pub acknowledged_at: Option<UnixMillis>,
    /// It was open by emergency access only.
    pub break_glass: bool,
    /// The purpose of use that was given for it, by emergency access.
    pub purpose: Option<String>,
    /// Policies that would permit it today.
    pub permitted_today_by: Vec<String>,
}

/// What a device recorded about a chart, on line or off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountedRead {
    /// Which device.
    #[schema(value_type = schema::HexId)]
    pub device: DeviceId,
    /// Whose it is.
    pub practitioner: Option<String>,
    /// Which branch of its trail; 0 unless it was set back or tampered with.
    pub branch: u32,
    /// Number in its trail.
    pub seq: u64,
    /// What it recorded, by its own clock.
    #[schema(value_type = Object)]
    pub entry: TrailEntry,
}

/// Everything that is known of who was given something of a chart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChartDisclosures {
    /// What was sent to devices, in order of time.
    pub sent: Vec<AccountedDisclosure>,
    /// What devices recorded, in the order in which it came to the relay.
    pub recorded: Vec<AccountedRead>,
    /// There is more than is shown.
    pub more: bool,
}

/// Stands for no device in the index of disclosures: an officer was shown something.
pub(in crate::relay) const TO_AN_OFFICER: DeviceId = DeviceId([0; 16]);

impl Relay {
    /// Who was given something of a patient's chart.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn disclosures(
        &mut self,
        organization: &OrganizationId,
        patient: &PatientId,
        now: UnixMillis,
    ) -> Result<ChartDisclosures, StoreError> {
        self.write_acknowledgements()?;
        let mut found = ChartDisclosures::default();
        let openings = self.openings_of(organization, patient)?;
        let mut today: HashMap<(String, DocumentDescriptor), Vec<String>> = HashMap::new();
        for (number, descriptor) in self.store.documents_of_chart(organization, Some(patient))? {
            let rows = self.store.disclosures_of(number, 0, MAX_ROWS)?;
            found.more |= rows.len() == MAX_ROWS;
            for row in rows {
                let version = self.store.version(number, row.disclosed.upto)?;
                let to = format!("{:?} {:?}", row.practitioner, row.organization);
                let permitted_today_by =
                    today.entry((to, descriptor.clone())).or_insert_with(|| self.permit_today(&row, &descriptor, now));
                let used = |opening: &&BreakGlassOpening| {
                    opening.device == row.device && (opening.opened_at..=opening.until).contains(&row.at)
                };
                let opening = openings.iter().find(used).filter(|_| row.disclosed.break_glass);
                let purpose = opening.map(|opening| opening.purpose.as_str().to_owned());
                let permitted_today_by = permitted_today_by.clone();
                found.sent.push(AccountedDisclosure {
                    at: row.at,
                    row: row.row,
                    descriptor: descriptor.clone(),
                    version: ShownVersion { position: row.disclosed.upto.0, version },
                    practitioner: row.practitioner,
                    organization: row.organization,
                    device: (row.device != TO_AN_OFFICER).then_some(row.device),
                    sealed: row.disclosed.sealed,
                    acknowledged_at: row.acknowledged_at,
                    break_glass: row.disclosed.break_glass,
                    purpose,
                    permitted_today_by,
                });
            }
        }
        found.sent.sort_by_key(|sent| sent.row);
        found.recorded = self.recorded_about(organization, patient)?;
        let mut of_each: HashMap<DeviceId, usize> = HashMap::new();
        found.recorded.iter().for_each(|read| *of_each.entry(read.device).or_default() += 1);
        found.more |= found.recorded.len() == MAX_ROWS || of_each.values().any(|reads| *reads == MAX_READS_OF_ONE);
        Ok(found)
    }

    fn openings_of(
        &self,
        organization: &OrganizationId,
        patient: &PatientId,
    ) -> Result<Vec<BreakGlassOpening>, StoreError> {
        let mut openings = self.store.openings_after(UnixMillis(i64::MIN))?;
        openings.retain(|opening| opening.organization == *organization && opening.patient == *patient);
        Ok(openings)
    }

    /// What permits a receiver today to have what was sent to them then; what permitted it then may have ended.
    fn permit_today(&self, row: &DisclosureRow, descriptor: &DocumentDescriptor, now: UnixMillis) -> Vec<String> {
        let id = |text: &Option<String>| text.clone().unwrap_or_default();
        let (Ok(practitioner), Ok(organization)) = (id(&row.practitioner).parse(), id(&row.organization).parse())
        else {
            return Vec::new();
        };
        let subject = Subject { practitioner, organization };
        let explained = self.gate.explain(&subject, descriptor, Action::Read, now);
        if !explained.permitted {
            return Vec::new();
        }
        explained.policies.into_iter().map(|policy| policy.id).collect()
    }

    fn recorded_about(
        &self,
        organization: &OrganizationId,
        patient: &PatientId,
    ) -> Result<Vec<AccountedRead>, StoreError> {
        let owners = self.store.devices()?;
        let owner = |id: DeviceId| owners.iter().find(|device| device.id() == id);
        let kept = self.store.trail_of_chart(organization, patient, (MAX_READS_OF_ONE, MAX_ROWS))?;
        let recorded = kept.into_iter().map(|kept| AccountedRead {
            device: kept.device,
            practitioner: owner(kept.device).map(|device| device.certificate.body.practitioner.to_string()),
            branch: kept.branch,
            seq: kept.seq,
            entry: kept.entry,
        });
        Ok(recorded.collect())
    }
}
