//! Access: who may receive and write which document. The gate is the only way to the change log.

mod facts;
mod gate;
mod permit;
mod reach;
mod rules;

pub use facts::{Affiliation, Facts, Grant, Grantee, PractitionerRole, Role, Subject};
pub use gate::{Gate, Reach};
pub use permit::{AppendPermit, ReadPermit};
pub use rules::{AccessClass, Action, Basis};
