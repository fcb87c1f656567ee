//! Relays and devices as real processes, over real sockets, to be killed at any moment.

mod admin;
mod command;
mod editor;
pub mod fhir;
mod profile;
mod relay;
mod small_disk;

pub use admin::Admin;
pub use command::{Ran, run, run_typing, run_unprivileged};
pub use editor::{Editor, edit_until_killed};
pub use fhir::Fhir;
pub use profile::{PIN, Profile, tablet};
pub use relay::RelayProcess;
pub use small_disk::SmallDisk;
