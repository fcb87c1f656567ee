//! Custody: changes without the right to be written, kept until a privacy officer has decided, and what their devices are
//! told of it.

mod decide;
mod intake;
mod notices;
mod release;
mod show;

pub use decide::{Decided, MAX_REASON_BYTES};
pub(in crate::relay) use intake::{Came, Intake, Room};
pub use show::CustodyMaterial;
