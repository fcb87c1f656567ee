//! What devices account for: receipts of what they removed, their own audit trails, and what was given to them.

mod alerts;
mod checkpoint;
mod emergency;
mod export;
mod given;
mod opened_offline;
mod receipts;
mod settings;
mod trail;
mod verify;
mod wipe;

pub use checkpoint::AuditCheckpoint;
pub(in crate::relay) use emergency::Asked;
pub(in crate::relay) use given::TO_AN_OFFICER;
pub use given::{AccountedDisclosure, AccountedRead, ChartDisclosures};
pub use receipts::OwingDevice;
pub use settings::LedgerSettings;
pub(in crate::relay) use settings::ROOM_FOR_ERASING;
pub use verify::{AuditFault, AuditVerifier};
pub use wipe::{DocumentOnDevice, LostDevice, RemovedDocument, SealedOnDevice, ShownVersion};
