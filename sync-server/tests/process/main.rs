//! The relay as a process: real sockets, real files.

mod admin_api;
mod running;
mod sockets;
mod starting;
