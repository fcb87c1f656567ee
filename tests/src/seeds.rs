//! Which seeds a scenario runs with.

/// Runs one seed again: `SATCHEL_SEED=17 cargo test -p system-tests name_of_the_test`.
pub const SEED: &str = "SATCHEL_SEED";
/// Runs more seeds: `SATCHEL_WORLDS=1000` multiplies nothing, it is how many a scenario with many runs.
pub const WORLDS: &str = "SATCHEL_WORLDS";

/// The seeds of a scenario that runs once: 1, or what [`SEED`] says.
#[must_use]
pub fn one() -> u64 {
    number(SEED).unwrap_or(1)
}

/// The seeds of a scenario that runs `usual` times; [`SEED`] makes it one, [`WORLDS`] another number.
pub fn many(usual: u64) -> impl Iterator<Item = u64> {
    let (first, count) = match number(SEED) {
        Some(seed) => (seed, 1),
        None => (0, number(WORLDS).unwrap_or(usual)),
    };
    first..first + count
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")))
}
