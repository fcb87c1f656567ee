//! Numbers for organizations and charts, so that facts and documents can be put together by small integers.

use std::collections::HashMap;

use sha2::{Digest, Sha256};
use sync_protocol::{OrganizationId, PatientId};

/// An organization, counted from 0 as they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::access) struct OrganizationNumber(pub u32);

/// A patient's chart at an organization, or an organization's directory; counted from 0 as they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::access) struct ChartNumber(pub u32);

/// Who has which number. Charts are known by a hash of their ids: 20 bytes each, however long the ids.
#[derive(Debug, Default)]
pub(in crate::access) struct Charts {
    organizations: HashMap<OrganizationId, OrganizationNumber>,
    names: Vec<OrganizationId>,
    numbers: HashMap<[u8; 16], ChartNumber>,
    organization_of: Vec<OrganizationNumber>,
}

impl Charts {
    /// The number of a chart, or of a directory for no patient; a new one if it is new.
    pub fn number(&mut self, organization: &OrganizationId, patient: Option<&PatientId>) -> ChartNumber {
        let at = self.organization(organization);
        let next = ChartNumber(self.organization_of.len() as u32);
        let number = *self.numbers.entry(key(organization, patient)).or_insert(next);
        if number == next {
            self.organization_of.push(at);
        }
        number
    }

    /// The number of a chart that has one.
    pub fn find(&self, organization: &OrganizationId, patient: Option<&PatientId>) -> Option<ChartNumber> {
        self.numbers.get(&key(organization, patient)).copied()
    }

    /// The number of an organization; a new one if it is new.
    pub fn organization(&mut self, id: &OrganizationId) -> OrganizationNumber {
        if let Some(number) = self.organizations.get(id) {
            return *number;
        }
        let number = OrganizationNumber(self.names.len() as u32);
        self.names.push(id.clone());
        self.organizations.insert(id.clone(), number);
        number
    }

    /// The number of an organization that has one.
    pub fn find_organization(&self, id: &OrganizationId) -> Option<OrganizationNumber> {
        self.organizations.get(id).copied()
    }

    /// All organizations that have a number, in order.
    pub fn organizations(&self) -> impl Iterator<Item = (OrganizationNumber, &OrganizationId)> {
        self.names.iter().enumerate().map(|(number, id)| (OrganizationNumber(number as u32), id))
    }

    /// Which organization manages a chart.
    pub fn organization_of(&self, chart: ChartNumber) -> OrganizationNumber {
        self.organization_of[chart.0 as usize]
    }

    /// The id of an organization.
    pub fn name(&self, organization: OrganizationNumber) -> &OrganizationId {
        &self.names[organization.0 as usize]
    }
}

/// Half of SHA-256 over the length-prefixed ids: whoever chooses ids cannot make two charts one.
fn key(organization: &OrganizationId, patient: Option<&PatientId>) -> [u8; 16] {
    let mut hasher = Sha256::new();
    for id in [organization.as_str(), patient.map_or("", PatientId::as_str)] {
        hasher.update((id.len() as u64).to_be_bytes());
        hasher.update(id);
    }
    let digest: [u8; 32] = hasher.finalize().into();
    std::array::from_fn(|at| digest[at])
}
