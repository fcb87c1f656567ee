//! Edits until it is killed.
fn main() {}
