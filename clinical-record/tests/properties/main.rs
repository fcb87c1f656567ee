//! Properties over generated resources, edits and bytes. proptest prints the failing case and its seed.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod any_resource;
mod convergence;
mod hostile_bytes;
mod nothing_lost;
mod putting;
mod saved;
