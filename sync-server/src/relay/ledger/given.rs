//! Accounting of disclosures: to whom something of a chart was given, and what devices say was read of it.

use serde::{Deserialize, Serialize};
use sync_protocol::frame::TrailEntry;
use sync_protocol::{DeviceId, DocumentDescriptor, OrganizationId, PatientId, UnixMillis};
use utoipa::ToSchema;

use super::wipe::ShownVersion;
use crate::admin::schema;
use crate::relay::Relay;
use crate::store::StoreError;

/// Disclosures and reads in one accounting, at most of each.
const MAX_ROWS: usize = 100_000;

/// One time that something of a chart was sent to a device.
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
    /// To which device.
    #[schema(value_type = schema::HexId)]
    pub device: DeviceId,
    /// When that device said that it has it on disk.
    #[schema(value_type = Option<schema::Moment>)]
    pub acknowledged_at: Option<UnixMillis>,
    /// It was open by emergency access only.
    pub break_glass: bool,
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
    /// What devices recorded, in order of their clocks.
    pub recorded: Vec<AccountedRead>,
    /// There is more than is shown.
    pub more: bool,
}

impl Relay {
    /// Who was given something of a patient's chart.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn disclosures(
        &mut self,
        organization: &OrganizationId,
        patient: &PatientId,
    ) -> Result<ChartDisclosures, StoreError> {
        self.write_acknowledgements()?;
        let mut found = ChartDisclosures::default();
        for (number, descriptor) in self.store.documents_of_chart(organization, Some(patient))? {
            let rows = self.store.disclosures_of(number, 0, MAX_ROWS)?;
            found.more |= rows.len() == MAX_ROWS;
            for row in rows {
                let version = self.store.version(number, row.disclosed.upto)?;
                found.sent.push(AccountedDisclosure {
                    at: row.at,
                    row: row.row,
                    descriptor: descriptor.clone(),
                    version: ShownVersion { position: row.disclosed.upto.0, version },
                    practitioner: row.practitioner,
                    organization: row.organization,
                    device: row.device,
                    acknowledged_at: row.acknowledged_at,
                    break_glass: row.disclosed.break_glass,
                });
            }
        }
        found.sent.sort_by_key(|sent| sent.row);
        found.recorded = self.recorded_about(organization, patient)?;
        found.more |= found.recorded.len() == MAX_ROWS;
        Ok(found)
    }

    fn recorded_about(
        &self,
        organization: &OrganizationId,
        patient: &PatientId,
    ) -> Result<Vec<AccountedRead>, StoreError> {
        let owners = self.store.devices()?;
        let owner = |id: DeviceId| owners.iter().find(|device| device.id() == id);
        let kept = self.store.trail_of_chart(organization, patient, MAX_ROWS)?;
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
