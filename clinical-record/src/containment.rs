//! Keeps a panic inside the document engine from taking the device down with it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::RecordError;

/// Runs an engine call on bytes from elsewhere; a panic becomes an error. The caller drops whatever `call` had borrowed.
///
/// A change from a hostile device can pass every check on its form and still break an assumption of the engine. Where
/// panics abort (wasm32) this has no effect.
pub(crate) fn contained<T>(call: impl FnOnce() -> Result<T, RecordError>) -> Result<T, RecordError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or(Err(RecordError::Engine("internal error while reading a change")))
}
