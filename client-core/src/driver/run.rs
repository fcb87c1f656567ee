//! Stays connected: edits go out and come in as they happen, until it is told to stop.

use std::future::Future;

use tokio::sync::watch;

use super::engine_loop::EngineLoop;
use super::{DriverOptions, SharedDevice};
use crate::DeviceError;
use crate::sync::{Input, Network, SyncEvent};

/// Keeps `device` in sync until `shutdown` is ready. `events` is told what happens.
///
/// Edits of this process go out at once; those of other processes on the same database within
/// [`DriverOptions::poll_every`]. Lost connections are tried again by themselves; see [`run_with_network`] where the
/// platform says when the network returns.
/// # Errors
/// [`DeviceError::Relay`] once the relay refuses this device for good, [`DeviceError::OtherRelay`],
/// [`DeviceError::NotEnrolled`]; storage.
pub async fn run(
    device: &SharedDevice,
    options: &DriverOptions,
    shutdown: impl Future<Output = ()>,
    events: impl FnMut(&SyncEvent),
) -> Result<(), DeviceError> {
    // Held for as long as this runs, and never changed: no news of the network.
    let (_silent, network) = watch::channel(Network::Online);
    run_with_network(device, options, network, shutdown, events).await
}

/// As [`run`], with the platform's word on the network.
///
/// While it is gone nothing is tried; when it returns the relay is connected to at once, whatever the pause was. Where it is
/// metered, see [`Network::Metered`].
/// # Errors
/// As [`run`].
pub async fn run_with_network(
    device: &SharedDevice,
    options: &DriverOptions,
    mut network: watch::Receiver<Network>,
    shutdown: impl Future<Output = ()>,
    mut events: impl FnMut(&SyncEvent),
) -> Result<(), DeviceError> {
    let mut sync = EngineLoop::new(device, options)?;
    let mut shutdown = std::pin::pin!(shutdown);
    let mut happened = sync.take(Input::Start)?;
    let said = *network.borrow_and_update();
    if said != Network::Online {
        happened.extend(sync.take(said.into())?);
    }
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
            said = news(&mut network) => sync.take(said.into())?,
            step = sync.step() => step?,
        };
    }
    sync.finish().await?.iter().for_each(events);
    Ok(())
}

/// The platform's next word. Never comes once whoever would say it is gone.
async fn news(network: &mut watch::Receiver<Network>) -> Network {
    if network.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
    *network.borrow_and_update()
}
