//! The device from outside: edits, sync with a small relay in memory, status, quarantine, lease.

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
