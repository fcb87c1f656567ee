//! Alerts: what a privacy officer must hear of.

use serde::{Deserialize, Serialize};
use sync_protocol::{DeviceId, OrganizationId, PractitionerId, UnixMillis};
use utoipa::ToSchema;

use crate::admin::schema;
use crate::store::StoreError;

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertKind {
    /// A chart was opened by emergency access.
    BreakGlass,
    /// A device's audit trail does not continue the one that the relay has: it was set back or tampered with.
    TrailFork,
    /// Too many failed sign-ins or enrolments.
    LockOut,
    /// Changes came into custody.
    Custody,
    /// A device has filled the room that it has in custody.
    CustodyFull,
    /// A device has owed a receipt for too long.
    OwedReceipt,
}

impl AlertKind {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::BreakGlass, Self::TrailFork, Self::LockOut, Self::Custody, Self::CustodyFull, Self::OwedReceipt];

    /// The kebab-case name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BreakGlass => "break-glass",
            Self::TrailFork => "trail-fork",
            Self::LockOut => "lock-out",
            Self::Custody => "custody",
            Self::CustodyFull => "custody-full",
            Self::OwedReceipt => "owed-receipt",
        }
    }
}

impl std::str::FromStr for AlertKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

/// An alert to raise.
#[derive(Clone, Debug)]
pub struct NewAlert {
    /// Whose privacy officers it reaches.
    pub organization: OrganizationId,
    /// What about.
    pub kind: AlertKind,
    /// What makes two of a kind the same: they are counted together until somebody has seen them.
    pub about: String,
    /// When.
    pub at: UnixMillis,
    /// Which device.
    pub device: Option<DeviceId>,
    /// Whose deed.
    pub practitioner: Option<PractitionerId>,
    /// Ids, counts and reasons; never content.
    pub detail: serde_json::Value,
}

/// An alert as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertRecord {
    /// Its number; later ones are higher.
    pub id: u64,
    /// Whose privacy officers it reaches.
    #[schema(value_type = schema::FhirId)]
    pub organization: OrganizationId,
    /// What about.
    #[schema(value_type = String)]
    pub kind: AlertKind,
    /// When it was first raised.
    #[schema(value_type = schema::Moment)]
    pub first_at: UnixMillis,
    /// When it was last raised.
    #[schema(value_type = schema::Moment)]
    pub last_at: UnixMillis,
    /// How often it was raised before it was seen.
    pub count: u64,
    /// Which device.
    #[schema(value_type = Option<schema::HexId>)]
    pub device: Option<DeviceId>,
    /// Whose deed.
    #[schema(value_type = Option<schema::FhirId>)]
    pub practitioner: Option<PractitionerId>,
    /// Ids, counts and reasons of the last time, as JSON text.
    pub detail: String,
    /// When it was marked as seen.
    #[schema(value_type = Option<schema::Moment>)]
    pub seen_at: Option<UnixMillis>,
    /// By whom.
    pub seen_by: Option<String>,
}

/// Which alerts to give.
#[derive(Clone, Copy, Debug, Default)]
pub struct AlertsAfter {
    /// Those with a higher number.
    pub after: u64,
    /// Only those that nobody has seen.
    pub unseen: bool,
    /// At most so many.
    pub limit: usize,
}

/// The part of the store that keeps alerts. See [`crate::store::Store`] for transactions.
pub trait AlertStore {
    /// Raises an alert, or counts it on the unseen one that says the same.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn raise_alert(&mut self, alert: &NewAlert) -> Result<(), StoreError>;
    /// Whether an alert of this kind about this was ever raised for an organization, seen or not.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn was_alerted(&self, organization: &OrganizationId, kind: AlertKind, about: &str) -> Result<bool, StoreError>;
    /// Alerts of some organizations (`None`: of all), in order.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn alerts(&self, of: Option<&[OrganizationId]>, which: AlertsAfter) -> Result<Vec<AlertRecord>, StoreError>;
    /// An alert, by its number.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    fn alert(&self, id: u64) -> Result<AlertRecord, StoreError>;
    /// Marks an alert as seen; the first time stands.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    fn alert_seen(&mut self, id: u64, by: &str, now: UnixMillis) -> Result<(), StoreError>;
    /// How many alerts nobody has seen.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn unseen_alerts(&self) -> Result<u64, StoreError>;
}
