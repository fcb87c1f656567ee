//! The device from outside: edits, sync with a small relay in memory, status, quarantine, lease.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod at_rest;
mod clinical_acts;
mod compaction;
mod conflicts;
mod custody;
mod custody_worlds;
mod edits;
mod emergencies;
mod erasures;
mod exchanges;
mod fixture_maker;
mod imports;
mod leases;
mod ledger;
mod locks;
mod looking_back;
mod metered;
mod migrations;
mod persons;
mod preparations;
mod purges;
mod quarantines;
mod queries;
mod real_bundles;
mod reconnects;
mod referrals;
mod relay;
mod sealed;
mod searches;
mod setbacks;
mod statuses;
mod syncs;
mod trails;
mod upgrades;
mod validators;
mod withdrawals;
mod world;
