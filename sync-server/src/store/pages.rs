//! Lists that grow, read in pages and only as far as somebody may see them.

use sync_protocol::{DeviceId, OpeningId, OrganizationId, PractitionerId};

use crate::access::{BreakGlassOpening, CareTeam, Consent, Grant, PractitionerRole};
use crate::store::{AuditRow, CustodyCase, DeviceRecord, PractitionerRecord, StoreError};

/// Whose things somebody may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everybody's, and what concerns no organization.
    All,
    /// Those of these organizations.
    Of(Vec<OrganizationId>),
}

impl Scope {
    /// Whether it covers an organization.
    #[must_use]
    pub fn covers(&self, organization: &OrganizationId) -> bool {
        match self {
            Self::All => true,
            Self::Of(organizations) => organizations.contains(organization),
        }
    }
}

/// The part of a [`super::Store`] that answers lists. `after`: the last entry of the page before.
pub trait PageStore {
    /// Devices by id.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn devices_page(
        &self,
        scope: &Scope,
        after: Option<DeviceId>,
        limit: usize,
    ) -> Result<Vec<DeviceRecord>, StoreError>;
    /// Grants by id.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn grants_page(&self, scope: &Scope, after: &str, limit: usize) -> Result<Vec<Grant>, StoreError>;
    /// Consents by id, whatever their status.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn consents_page(&self, scope: &Scope, after: &str, limit: usize) -> Result<Vec<Consent>, StoreError>;
    /// Care teams by id.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn care_teams_page(&self, scope: &Scope, after: &str, limit: usize) -> Result<Vec<CareTeam>, StoreError>;
    /// What is in custody for documents of these organizations, oldest first: what nobody has decided on, and
    /// what was accepted and waits for a signature.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn custody_page(&self, scope: &Scope, after: u64, limit: usize) -> Result<Vec<CustodyCase>, StoreError>;
    /// Audit rows by number.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn audit_page(&self, scope: &Scope, after: u64, limit: usize) -> Result<Vec<AuditRow>, StoreError>;

    /// A device.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    fn device(&self, id: &DeviceId) -> Result<DeviceRecord, StoreError>;
    /// A grant.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    fn grant(&self, id: &str) -> Result<Grant, StoreError>;
    /// A consent, if there is one of that id.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn consent(&self, id: &str) -> Result<Option<Consent>, StoreError>;
    /// A care team, if there is one of that id.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn care_team(&self, id: &str) -> Result<Option<CareTeam>, StoreError>;
    /// A chart opened in an emergency.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    fn opening(&self, id: &OpeningId) -> Result<BreakGlassOpening, StoreError>;
    /// A practitioner.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    fn practitioner(&self, id: &PractitionerId) -> Result<PractitionerRecord, StoreError>;
    /// The roles of a practitioner, at all organizations.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn roles_of(&self, practitioner: &PractitionerId) -> Result<Vec<PractitionerRole>, StoreError>;
}
