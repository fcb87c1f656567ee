//! The relay as a process: real sockets, real files.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod admin_api;
mod running;
mod service;
mod sockets;
mod starting;
