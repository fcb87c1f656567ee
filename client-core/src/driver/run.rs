//! Stays connected: edits go out and come in as they happen, until it is told to stop.

use std::future::Future;

use super::engine_loop::EngineLoop;
use super::{DriverOptions, SharedDevice};
use crate::DeviceError;
use crate::sync::{Input, SyncEvent};

/// Keeps `device` in sync until `shutdown` is ready. `events` is told what happens.
///
/// Edits of this process go out at once; those of other processes on the same database within
/// [`DriverOptions::poll_every`]. Lost connections are tried again by themselves.
/// # Errors
/// [`DeviceError::Relay`] once the relay refuses this device for good, [`DeviceError::OtherRelay`],
/// [`DeviceError::NotEnrolled`]; storage.
pub async fn run(
    device: &SharedDevice,
    options: &DriverOptions,
    shutdown: impl Future<Output = ()>,
    mut events: impl FnMut(&SyncEvent),
) -> Result<(), DeviceError> {
    let mut sync = EngineLoop::new(device, options)?;
    let mut shutdown = std::pin::pin!(shutdown);
    let mut happened = sync.take(Input::Start)?;
    loop {
        for event in &happened {
            events(event);
            if let SyncEvent::Stopped { cause } = event {
                return cause.clone().map_or(Ok(()), |cause| Err(cause.into()));
            }
        }
        happened = tokio::select! {
            biased;
            () = &mut shutdown => break,
            step = sync.step() => step?,
        };
    }
    sync.finish().await?.iter().for_each(events);
    Ok(())
}
