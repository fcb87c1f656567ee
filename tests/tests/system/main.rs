//! Devices, relay and network together: what must hold for whole clinics. One behaviour a test; one binary, as linking
//! takes longer than running.

mod bundles;
mod clocks;
mod convergence;
mod disclosure;
mod first_sync;
mod grants;
mod hostile_network;
mod quarantine;
mod random_worlds;
mod refusals;
mod restores;
mod status;
