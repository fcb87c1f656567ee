//! What goes to the relay: changes from the outbox, whole documents that it asks for, and what its answers do here.

mod answers;
mod decisions;
mod kept;
mod outgoing;

pub(crate) use answers::CUSTODY_FULL;
pub(crate) use outgoing::{Outgoing, WHOLE_DOCUMENT_BYTES};
