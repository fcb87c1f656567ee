//! System tests: a World of devices, relays and a hostile network, and the same as real processes.
//!
//! [`World`] runs everything in one thread under virtual time. [`process`] starts real relays and devices, to be killed.

#![allow(clippy::unwrap_used, reason = "a failing setup is a failing test")]
#![allow(clippy::missing_panics_doc, clippy::must_use_candidate, reason = "read by tests only")]

pub mod canaries;
pub mod charts;
mod dice;
pub mod folder;
pub mod process;
mod recording;
pub mod seeds;
pub mod world;

pub use dice::Dice;
pub use recording::{Recording, Searchable};
pub use world::{Node, Weather, World};
