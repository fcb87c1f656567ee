//! The native driver against real sockets: a whole sync, staying in sync, and what it says when it cannot connect.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

#[path = "../device/ledger.rs"]
#[allow(dead_code, reason = "shared with the device tests, which use all of it")]
mod ledger;
#[path = "../device/relay.rs"]
#[allow(dead_code, reason = "shared with the device tests, which use all of it")]
mod relay;
#[path = "../device/world.rs"]
#[allow(dead_code, reason = "shared with the device tests, which use all of it")]
mod world;

mod failures;
mod live;
mod rounds;
mod server;
