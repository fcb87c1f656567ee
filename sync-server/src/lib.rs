//! The Satchel relay: authentication, access, change log, fan-out and admin API.

pub mod access;
pub mod metrics;
pub mod relay;
pub mod service;
pub mod store;
