//! The device from outside: edits, sync with a small relay in memory, status, quarantine, lease.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod edits;
mod imports;
mod leases;
mod quarantines;
mod reconnects;
mod relay;
mod setbacks;
mod statuses;
mod syncs;
mod withdrawals;
mod world;
