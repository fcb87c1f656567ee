//! The wire as other implementations see it, and the two sessions driven against each other. One behaviour a module.

mod samples;
mod strategies;
mod variants;

mod frame_bounds;
mod frame_evolution;
mod golden;
mod round_trip;
