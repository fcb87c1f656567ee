//! One profile: opened, enrolled, locked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use client_core::driver::{DriverOptions, enroll, system_time};
use client_core::{
    Device, DeviceError, DeviceIdentity, EnrolmentCode, OrganizationId, PractitionerId, SystemRandomness, UnixMillis,
};

use crate::SatchelError;
use crate::handles::Handle;
use crate::runtime::carry_out;
use crate::slot::Slot;
use crate::tablet::Home;

/// How to reach relays.
#[derive(Clone, Debug, Default, PartialEq, Eq, uniffi::Record)]
pub struct ConnectionOptions {
    /// PEM file of authorities to trust besides the system's.
    #[uniffi(default)]
    pub authorities: Option<String>,
    /// Allow `ws://` to other machines. Everything can then be read on the way.
    #[uniffi(default)]
    pub allow_plain: bool,
}

impl From<ConnectionOptions> for DriverOptions {
    fn from(options: ConnectionOptions) -> Self {
        let authorities = options.authorities.map(PathBuf::from);
        Self { authorities, allow_plain: options.allow_plain, ..Self::default() }
    }
}

/// Whom an enrolled profile acts for.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Identity {
    /// The device, as the relay knows it.
    pub device: String,
    /// Who writes on it.
    pub practitioner: PractitionerId,
    /// What they are called.
    pub practitioner_name: String,
    /// For which organization.
    pub organization: OrganizationId,
    /// What it is called.
    pub organization_name: String,
    /// Address of the relay.
    pub relay_url: String,
}

impl From<DeviceIdentity> for Identity {
    fn from(identity: DeviceIdentity) -> Self {
        Self {
            device: identity.device.to_string(),
            practitioner: identity.practitioner,
            practitioner_name: identity.practitioner_name,
            organization: identity.organization,
            organization_name: identity.organization_name,
            relay_url: identity.relay_url,
        }
    }
}

/// One profile on this device. May be used from any thread; locked, every call is refused with [`SatchelError::Locked`].
#[derive(uniffi::Object)]
pub struct SatchelDevice {
    pub(crate) slot: Arc<Slot>,
    pub(crate) options: DriverOptions,
    /// Where it comes from; none for one that has no PIN.
    pub(crate) home: Option<Home>,
    pub(crate) _handle: Handle,
}

impl SatchelDevice {
    pub(crate) fn with<T>(
        &self,
        act: impl FnOnce(&mut Device, UnixMillis) -> Result<T, DeviceError>,
    ) -> Result<T, SatchelError> {
        self.slot.with(act)
    }

    async fn enroll_with(&self, given: EnrolmentCode, device_name: String) -> Result<Identity, SatchelError> {
        let (open, options) = (self.slot.open()?, self.options.clone());
        carry_out(async move {
            let turn = open.sync_turn(false).await?;
            tokio::select! {
                enrolled = enroll(&turn.device, &given.relay, &given.code, &device_name, &options) => Ok(enrolled?.into()),
                () = turn.locking() => Err(SatchelError::locked()),
            }
        })
        .await
    }
}

#[uniffi::export]
impl SatchelDevice {
    /// Opens a profile that is not encrypted, making it if need be: for tests and for what needs no PIN. Profiles of people
    /// come from [`crate::SatchelTablet`].
    #[uniffi::constructor(default(options = None))]
    pub fn open(folder: String, options: Option<ConnectionOptions>) -> Result<Arc<Self>, SatchelError> {
        let device = Device::open(Path::new(&folder), SystemRandomness, system_time())?;
        let (slot, options) = (Arc::new(Slot::holding(device, None)), options.unwrap_or_default().into());
        Ok(Arc::new(Self { slot, options, home: None, _handle: Handle::new() }))
    }

    /// Enrols with the relay at `url` by a one-time code. `device_name`: what people call the device.
    pub async fn enroll(&self, url: String, code: String, device_name: String) -> Result<Identity, SatchelError> {
        self.enroll_with(EnrolmentCode::typed(&url, &code), device_name).await
    }

    /// Enrols by the text of the QR code that an administrator shows, `satchel:enroll?relay=…&code=…`.
    pub async fn enroll_with_qr(&self, text: String, device_name: String) -> Result<Identity, SatchelError> {
        self.enroll_with(EnrolmentCode::scanned(&text)?, device_name).await
    }

    /// Who this profile acts for.
    pub fn identity(&self) -> Result<Identity, SatchelError> {
        self.with(|device, _| device.identity()).map(Identity::from)
    }

    /// Remembers another address for the same relay.
    pub fn set_relay_url(&self, url: String) -> Result<(), SatchelError> {
        self.with(|device, _| device.set_relay_url(&url))
    }

    /// Uses the key that an organization changed to, after a person has checked it with that organization. False if no changed
    /// key was seen.
    pub fn accept_changed_key(&self, organization: OrganizationId) -> Result<bool, SatchelError> {
        self.with(|device, now| {
            let accepted = device.accept_changed_key(&organization)?;
            device.retry_quarantined(None, now)?;
            Ok(accepted)
        })
    }

    /// Locks the profile: what syncs ends, the database is closed once the calls in it have returned, and its key is gone from
    /// memory. Unsent work stays where it is.
    pub async fn lock(&self) -> Result<(), SatchelError> {
        let slot = self.slot.clone();
        carry_out(async move { slot.empty().await.map(drop) }).await
    }

    /// Whether the profile is locked.
    pub fn is_locked(&self) -> bool {
        !self.slot.is_open()
    }
}
