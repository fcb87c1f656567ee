//! Devices, relay and network together: what must hold for whole clinics. One behaviour a test; one binary, as linking
//! takes longer than running.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod accounts;
mod bundles;
mod clocks;
mod commands;
mod convergence;
mod disclosure;
mod emergencies;
mod failures;
mod fhir;
mod first_sync;
mod grants;
mod hostile_frames;
mod hostile_network;
mod kills;
mod leases;
mod quarantine;
mod random_worlds;
mod refusals;
mod restores;
mod status;
mod tablets;

/// The `satchel` command, as a process.
const SATCHEL: &str = env!("CARGO_BIN_EXE_satchel-process");

/// Prints even where the output of passing tests is captured.
#[allow(clippy::explicit_write, reason = "eprintln is captured")]
fn say(line: &str) {
    std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{line}\n")).unwrap();
}
