//! Permits: the values without which the change log can be neither read nor appended to.
//!
//! Their fields are private and only the gate beside this file constructs them, so a path to the log that forgot to ask the
//! gate does not compile.

use roaring::RoaringBitmap;
use sync_protocol::{DeviceId, DocumentDescriptor};

/// Leave for one device to read some documents, as of the moment it was minted. Use it at once; do not keep it.
///
/// Only the gate can make one:
/// ```compile_fail
/// let documents = Default::default();
/// let permit = sync_server::access::ReadPermit { documents: &documents, device: sync_protocol::DeviceId([0; 16]) };
/// ```
///
/// It cannot be copied to be used later, nor outlive the reach it was minted from:
/// ```compile_fail
/// fn twice(permit: sync_server::access::ReadPermit<'_>) -> [sync_server::access::ReadPermit<'_>; 2] {
///     [permit.clone(), permit]
/// }
/// ```
/// ```compile_fail
/// use sync_server::access::{Gate, ReadPermit, Subject};
/// fn keep(gate: &Gate, who: &Subject, now: sync_protocol::UnixMillis) -> Option<ReadPermit<'static>> {
///     let reach = gate.reach(who, now);
///     gate.read_permit(&reach, sync_protocol::DeviceId([0; 16]), now)
/// }
/// ```
#[derive(Debug)]
pub struct ReadPermit<'a> {
    documents: &'a RoaringBitmap,
    device: DeviceId,
}

impl<'a> ReadPermit<'a> {
    pub(in crate::access) fn mint(documents: &'a RoaringBitmap, device: DeviceId) -> Self {
        Self { documents, device }
    }

    /// Whether it is for this document, by its number.
    #[must_use]
    pub fn covers(&self, number: u32) -> bool {
        self.documents.contains(number)
    }

    /// For which device.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        self.device
    }
}

/// Leave for the relay's own index to read every document. What is read under it leaves the relay only in an answer that asked
/// the gate for whom it is.
///
/// Only the gate can make one:
/// ```compile_fail
/// let permit = sync_server::access::IndexPermit(());
/// ```
#[derive(Debug)]
pub struct IndexPermit(());

impl IndexPermit {
    pub(in crate::access) fn mint() -> Self {
        Self(())
    }
}

/// Leave to append one author's changes to one document, as of the moment it was minted.
///
/// Only the gate can make one:
/// ```compile_fail
/// fn forge(descriptor: &sync_protocol::DocumentDescriptor) {
///     let permit = sync_server::access::AppendPermit { descriptor };
/// }
/// ```
///
/// And the log takes nothing else:
/// ```compile_fail
/// use sync_server::store::{NewChange, Store};
/// fn append(store: &mut dyn Store, descriptor: &sync_protocol::DocumentDescriptor, change: &NewChange<'_>) {
///     let _ = store.append(descriptor, change);
/// }
/// ```
#[derive(Debug)]
pub struct AppendPermit<'a> {
    descriptor: &'a DocumentDescriptor,
}

impl<'a> AppendPermit<'a> {
    pub(in crate::access) fn mint(descriptor: &'a DocumentDescriptor) -> Self {
        Self { descriptor }
    }

    /// To which document.
    #[must_use]
    pub fn descriptor(&self) -> &DocumentDescriptor {
        self.descriptor
    }
}
