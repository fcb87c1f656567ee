//! The audit trail, disclosures and alerts.

use serde::{Deserialize, Serialize};
use sync_protocol::{OrganizationId, PatientId};
use utoipa::{IntoParams, ToSchema};

use super::{Checked, Wrong, schema};
use crate::relay::{AuditCheckpoint, AuditFault};

/// Checkpoints in one request, at most.
const MAX_CHECKPOINTS: usize = 500;

/// What verifying the audit trail found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShownAuditCheck {
    /// Rows that follow from one another.
    pub rows: u64,
    /// Entries of devices' trails that hold.
    pub entries: u64,
    /// What does not hold.
    pub faults: Vec<AuditFault>,
}

/// Checkpoints that were kept outside, to compare the trail with.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Checkpoints {
    /// As `audit/checkpoint` gave them.
    pub checkpoints: Vec<AuditCheckpoint>,
}

impl Checked for Checkpoints {
    fn check(&self) -> Result<(), Wrong> {
        let few = self.checkpoints.len() <= MAX_CHECKPOINTS;
        if few { Ok(()) } else { Err(Wrong { field: "checkpoints", why: "at most 500" }) }
    }
}

/// Names a chart.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ChartPath {
    /// Who manages it.
    #[param(value_type = schema::FhirId)]
    pub organization: OrganizationId,
    /// Whose it is.
    #[param(value_type = schema::FhirId)]
    pub patient: PatientId,
}

/// Names an alert.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct AlertPath {
    /// Its number.
    #[param(maximum = 9007199254740991_i64)]
    pub id: u64,
}

/// Which alerts to list.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct AlertQuery {
    /// Those with a higher number: `next` of the page before.
    pub after: Option<u64>,
    /// At most so many, up to 1000.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
    /// Those that were seen too.
    #[serde(default)]
    pub seen: bool,
}
