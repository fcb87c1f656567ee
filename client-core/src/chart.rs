//! How a chart is addressed.

use std::fmt;

use sync_protocol::{OrganizationId, PatientId};

/// One chart. Patients of two organizations that share an id are two charts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChartRef {
    /// The organization that manages it.
    pub organization: OrganizationId,
    /// FHIR id of the Patient.
    pub patient: PatientId,
}

impl fmt::Display for ChartRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/Patient/{}", self.organization, self.patient)
    }
}
