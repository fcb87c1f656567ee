//! Enrolment codes and devices.

use serde::{Deserialize, Serialize};
use sync_protocol::{DeviceId, OrganizationId, PractitionerId, UnixMillis};
use utoipa::{IntoParams, ToSchema};

use super::schema;
use crate::store::DeviceRecord;

/// A code to make.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCode {
    /// For which organization.
    #[schema(value_type = schema::FhirId)]
    pub organization: OrganizationId,
    /// For whose device.
    #[schema(value_type = schema::FhirId)]
    pub practitioner: PractitionerId,
    /// For how long, in milliseconds from now.
    #[schema(value_type = schema::Duration)]
    pub valid_ms: i64,
}

/// A code as it is shown, once.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ShownCode {
    /// Four groups of four letters.
    pub code: String,
    /// From this moment on it enrols nobody.
    #[schema(value_type = schema::Moment)]
    pub expires_at: UnixMillis,
}

/// Names a device.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct DevicePath {
    /// Its id.
    #[param(value_type = schema::HexId)]
    pub id: DeviceId,
}

/// A device.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ShownDevice {
    /// Derived from its key.
    #[schema(value_type = schema::HexId)]
    pub id: DeviceId,
    /// What people call it.
    pub name: String,
    /// Whose it is.
    #[schema(value_type = schema::FhirId)]
    pub practitioner: PractitionerId,
    /// For which organization.
    #[schema(value_type = schema::FhirId)]
    pub organization: OrganizationId,
    /// When it was enrolled.
    #[schema(value_type = schema::Moment)]
    pub enrolled_at: UnixMillis,
    /// When it last connected.
    #[schema(value_type = Option<schema::Moment>)]
    pub last_seen: Option<UnixMillis>,
    /// When it was revoked.
    #[schema(value_type = Option<schema::Moment>)]
    pub revoked_at: Option<UnixMillis>,
    /// Documents that it acknowledged to hold.
    pub held_documents: u64,
}

impl ShownDevice {
    /// Shows a device and how many documents it holds.
    #[must_use]
    pub fn new(device: &DeviceRecord, held_documents: u64) -> Self {
        let body = &device.certificate.body;
        Self {
            id: device.id(),
            name: device.name.clone(),
            practitioner: body.practitioner.clone(),
            organization: body.organization.clone(),
            enrolled_at: device.enrolled_at,
            last_seen: device.last_seen,
            revoked_at: device.revoked_at,
            held_documents,
        }
    }
}
