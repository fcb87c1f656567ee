//! Lists in pages, and single entries.

use sync_protocol::{DeviceId, OpeningId, PractitionerId};

use super::{SqliteStore, audit, custody, devices, facts, people};
use crate::access::{BreakGlassOpening, CareTeam, Consent, Grant, PractitionerRole};
use crate::store::{AuditRow, CustodyCase, DeviceRecord, PageStore, PractitionerRecord, Scope, StoreError};

impl PageStore for SqliteStore {
    fn devices_page(
        &self,
        scope: &Scope,
        after: Option<DeviceId>,
        limit: usize,
    ) -> Result<Vec<DeviceRecord>, StoreError> {
        devices::devices_page(&self.connection, scope, after, limit)
    }

    fn grants_page(&self, scope: &Scope, after: &str, limit: usize) -> Result<Vec<Grant>, StoreError> {
        people::grants_page(&self.connection, scope, after, limit)
    }

    fn consents_page(&self, scope: &Scope, after: &str, limit: usize) -> Result<Vec<Consent>, StoreError> {
        facts::consents_page(&self.connection, scope, after, limit)
    }

    fn care_teams_page(&self, scope: &Scope, after: &str, limit: usize) -> Result<Vec<CareTeam>, StoreError> {
        facts::care_teams_page(&self.connection, scope, after, limit)
    }

    fn custody_page(&self, scope: &Scope, after: u64, limit: usize) -> Result<Vec<CustodyCase>, StoreError> {
        custody::page(&self.connection, scope, after, limit)
    }

    fn audit_page(&self, scope: &Scope, after: u64, limit: usize) -> Result<Vec<AuditRow>, StoreError> {
        audit::page(&self.connection, scope, after, limit)
    }

    fn device(&self, id: &DeviceId) -> Result<DeviceRecord, StoreError> {
        devices::device_by_id(&self.connection, id)
    }

    fn grant(&self, id: &str) -> Result<Grant, StoreError> {
        people::grant(&self.connection, id)
    }

    fn consent(&self, id: &str) -> Result<Option<Consent>, StoreError> {
        facts::consent(&self.connection, id)
    }

    fn care_team(&self, id: &str) -> Result<Option<CareTeam>, StoreError> {
        facts::care_team(&self.connection, id)
    }

    fn opening(&self, id: &OpeningId) -> Result<BreakGlassOpening, StoreError> {
        facts::opening(&self.connection, id)
    }

    fn practitioner(&self, id: &PractitionerId) -> Result<PractitionerRecord, StoreError> {
        people::practitioner(&self.connection, id)
    }

    fn roles_of(&self, practitioner: &PractitionerId) -> Result<Vec<PractitionerRole>, StoreError> {
        people::roles(&self.connection, Some(practitioner))
    }
}
