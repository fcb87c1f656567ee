//! An enrolled device for unit tests that need what only this crate can see.

use std::path::Path;

use sync_protocol::frame::Enrolled;
use sync_protocol::identity::{Certificate, CertificateBody, SecretKey};
use sync_protocol::{OrganizationId, PractitionerId, RelayId, UnixMillis};

use crate::Device;

pub(crate) const NOW: UnixMillis = UnixMillis(1_000);

/// Repeatable randomness.
pub(crate) fn counting(mut counter: u8) -> impl FnMut(&mut [u8]) + Send {
    move |bytes: &mut [u8]| {
        counter = counter.wrapping_add(1);
        bytes.fill(counter);
    }
}

/// The profile in `folder`, enrolled for `dr-a` at `north`, with a lease of 1000 s.
pub(crate) fn enrolled(folder: &Path) -> Device {
    let mut device = Device::open(folder, counting(0), NOW).unwrap();
    enrol(&mut device);
    device
}

/// Enrols a device for `dr-a` at `north`, with a lease of 1000 s.
pub(crate) fn enrol(device: &mut Device) {
    let device_key = device.begin_enrolment("ws://localhost").unwrap().public();
    let organization_key = SecretKey::from_seed([9; 32]);
    let body = CertificateBody {
        device_key,
        practitioner: PractitionerId::new("dr-a").unwrap(),
        organization: OrganizationId::new("north").unwrap(),
        not_before: NOW,
        not_after: NOW,
    };
    let certificate = Certificate::issue(&organization_key, body);
    let enrolled = Enrolled {
        relay: RelayId([1; 16]),
        device: certificate.device(),
        certificate,
        organization_key: organization_key.public(),
        organization_name: String::new(),
        practitioner_name: String::new(),
        lease_ms: 1_000_000,
    };
    device.finish_enrolment("ws://localhost", &enrolled, NOW).unwrap();
}

/// Whether any file in `folder` holds these bytes.
pub(crate) fn files_hold(folder: &Path, canary: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        bytes.windows(canary.len()).any(|window| window == canary.as_bytes())
    })
}
