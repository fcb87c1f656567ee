//! Profiles at rest: the practitioners of one tablet, each with an encrypted database under a PIN of their own.
//!
//! A profile's database has a random key. The key lies beside it in `profile.key`, wrapped by Argon2id over the PIN and a secret
//! of the platform. What a folder holds while all is locked says how much is unsent, and nothing else.
//!
//! | file | what it is |
//! |---|---|
//! | `profile.db` | the database, encrypted; `-wal` and `-shm` beside it |
//! | `profile.key` | label, settings and the wrapped key |
//! | `profile.attempts` | wrong PINs, counted before they are tried |
//! | `profile.unsent` | how much work only this device has |
//! | `profile.wiped` | the profile was wiped; nothing else is here then |

mod adopt;
mod attempts;
mod checks;
mod entry;
mod error;
mod idle;
mod key_file;
mod pin;
mod profiles;
mod recovery;
mod unsent;
pub(crate) mod wipe;

pub use entry::{ProfileEntry, ProfileId, ProfileSettings};
pub use error::ProfileError;
pub use idle::IdleLock;
pub use pin::{LONGEST_PIN, Pin, PlatformSecret, SHORTEST_PIN};
pub use profiles::Profiles;
pub(crate) use unsent::UnsentFile;
pub use unsent::UnsentSummary;

#[cfg(test)]
mod power_cuts;
#[cfg(test)]
mod tests;
