//! The Satchel relay: authentication, access, change log, fan-out and admin API.
//!
//! [`relay`] is the core without sockets, clock or threads; [`service`] gives it a thread, [`http`] its sockets, and
//! [`server`] puts them together as a process.

pub mod access;
pub mod accounts;
pub mod admin;
pub mod audit_event;

pub mod checkpoints;
pub mod compaction;
pub mod config;
pub mod fhir;
pub mod http;
pub mod inspection;
mod listen;
pub mod logging;
pub mod metrics;
pub mod relay;
pub mod server;
pub mod service;
pub mod store;
