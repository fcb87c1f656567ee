//! The relay as a process: real sockets, real files.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod admin_api;
mod apart;
mod api;
mod clinics;
mod described;
mod emergency;
mod hostile_fields;
mod policies;
mod running;
mod service;
mod sharing;
mod sign_in;
mod sockets;
mod starting;
