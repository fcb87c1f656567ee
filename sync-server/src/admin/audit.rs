//! The audit trail.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What checking the audit trail's chain found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShownAuditCheck {
    /// Rows that follow from one another.
    pub rows: u64,
    /// The first that does not, if any.
    pub broken_at: Option<u64>,
}
