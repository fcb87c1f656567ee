//! A device that several tasks use in turn.

use std::sync::{Arc, Mutex, MutexGuard};

use crate::{Device, DeviceError};

/// A device behind a lock. Clones mean the same device. Hold the lock for single calls only, never across an await.
#[derive(Clone, Debug)]
pub struct SharedDevice(Arc<Mutex<Device>>);

impl SharedDevice {
    /// Shares a device.
    #[must_use]
    pub fn new(device: Device) -> Self {
        Self(Arc::new(Mutex::new(device)))
    }

    /// The device, for one call or a few.
    ///
    /// # Errors
    /// [`DeviceError::Poisoned`] if a thread panicked while it held the device.
    pub fn lock(&self) -> Result<MutexGuard<'_, Device>, DeviceError> {
        self.0.lock().map_err(|_| DeviceError::Poisoned)
    }

    /// The device, if nobody else holds it: to be locked, for instance. None otherwise, or after a failure of another thread.
    #[must_use]
    pub fn into_device(self) -> Option<Device> {
        Arc::try_unwrap(self.0).ok()?.into_inner().ok()
    }
}

impl From<Device> for SharedDevice {
    fn from(device: Device) -> Self {
        Self::new(device)
    }
}
