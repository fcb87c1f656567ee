//! Enrols a device with a one-time code.

use sync_protocol::session::{ClientEvent, ClientSession, Intent};

use super::wire::Wire;
use super::{DriverOptions, SharedDevice, connect, system_time};
use crate::{ConnectionError, DeviceError, DeviceIdentity, SOFTWARE};

/// Enrols `device` with the relay at `url`. `code`: the one-time code; `device_name`: what people call the device.
///
/// # Errors
/// [`DeviceError::AlreadyEnrolled`]; [`DeviceError::Relay`] with `EnrolmentRefused` for a wrong, used or expired code;
/// [`DeviceError::Connection`]; storage. A failed try can be repeated.
pub async fn enroll(
    device: &SharedDevice,
    url: &str,
    code: &str,
    device_name: &str,
    options: &DriverOptions,
) -> Result<DeviceIdentity, DeviceError> {
    let secret = device.lock()?.begin_enrolment(url)?;
    let socket = connect::open(url.to_owned(), options.clone()).await?;
    let mut wire = Wire::new(socket);
    let intent = Intent::Enroll { code: code.trim().to_owned(), device_name: device_name.to_owned() };
    let (mut session, hello) = ClientSession::open(secret, intent, SOFTWARE);
    let mut events = vec![hello];
    let mut identity = None;
    loop {
        for event in events {
            match event {
                ClientEvent::Send(bytes) => wire.send(bytes),
                ClientEvent::Enrolled(enrolled) => {
                    identity = Some(device.lock()?.finish_enrolment(url, &enrolled, system_time())?);
                }
                ClientEvent::Closed { reason, detail, .. } => {
                    wire.close().await;
                    return identity.ok_or(DeviceError::Relay { reason, detail });
                }
                _ => {}
            }
        }
        let received = tokio::time::timeout(options.patience, wire.receive()).await;
        let received = received.map_err(|_| ConnectionError::TimedOut { host: url.to_owned() })?;
        events = session.received(&received?);
    }
}
