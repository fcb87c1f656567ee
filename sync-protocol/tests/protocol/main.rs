//! The wire as other implementations see it, and the two sessions driven against each other. One behaviour a module.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod pair;
mod samples;
mod strategies;
mod variants;

mod document;
mod frame_bounds;
mod frame_evolution;
mod golden;
mod round_trip;
mod session_accounts;
mod session_any_order;
mod session_connect;
mod session_enrolment;
mod session_flow;
mod session_violation;
