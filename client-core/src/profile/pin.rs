//! What only the practitioner knows, and what only the platform gives.

use zeroize::Zeroizing;

use super::ProfileError;

/// Least number of characters of a PIN.
pub const SHORTEST_PIN: usize = 4;
/// Greatest number of characters of a PIN.
pub const LONGEST_PIN: usize = 64;
/// Least length of a platform's secret, in bytes.
const SHORTEST_SECRET: usize = 16;

/// A PIN or passphrase. Overwritten in memory when it goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Pin(Zeroizing<String>);

impl Pin {
    /// 4 to 64 characters, digits or whatever.
    ///
    /// # Errors
    /// [`ProfileError::WeakPin`].
    pub fn new(text: impl Into<String>) -> Result<Self, ProfileError> {
        let pin = Self(Zeroizing::new(text.into()));
        match pin.0.chars().count() {
            SHORTEST_PIN..=LONGEST_PIN => Ok(pin),
            ..SHORTEST_PIN => Err(weak("too short", SHORTEST_PIN)),
            _ => Err(weak("too long", SHORTEST_PIN)),
        }
    }

    /// For a PIN that is to be used from now on.
    pub(super) fn check_new(&self, shortest: u32) -> Result<(), ProfileError> {
        let shortest = usize::try_from(shortest).unwrap_or(LONGEST_PIN);
        let characters: Vec<u32> = self.0.chars().map(u32::from).collect();
        let steps = |by: i64| characters.windows(2).all(|two| i64::from(two[1]) - i64::from(two[0]) == by);
        if characters.len() < shortest {
            return Err(weak("too short for this profile", shortest));
        }
        // The first that anybody tries, and a fair share of all PINs that people choose.
        match [0, 1, -1].into_iter().any(steps) {
            true => Err(weak("one character repeated, or a plain sequence", shortest)),
            false => Ok(()),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

fn weak(why: &'static str, shortest: usize) -> ProfileError {
    ProfileError::WeakPin { why, shortest, longest: LONGEST_PIN }
}

impl std::fmt::Debug for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pin(..)")
    }
}

/// What the platform keeps for the app: in the Keystore, the Keychain, a file of another user. Overwritten in memory when it goes.
///
/// Without it a copy of a profile's files opens to whoever guesses the PIN.
#[derive(Clone)]
pub struct PlatformSecret(Zeroizing<Vec<u8>>);

impl PlatformSecret {
    /// At least 16 random bytes, better 32.
    ///
    /// # Errors
    /// [`ProfileError::Invalid`] if there are fewer, or all are the same.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, ProfileError> {
        let secret = Self(Zeroizing::new(bytes.into()));
        if secret.0.len() < SHORTEST_SECRET || secret.0.iter().all(|byte| *byte == secret.0[0]) {
            return Err(ProfileError::Invalid("the platform's secret is to be at least 16 random bytes"));
        }
        Ok(secret)
    }

    /// Expressly none: the platform has nowhere to keep one.
    #[must_use]
    pub fn none() -> Self {
        Self(Zeroizing::new(Vec::new()))
    }

    pub(super) fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for PlatformSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PlatformSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_has_4_to_64_characters() {
        for (text, is_one) in [("123", false), ("1793", true), ("päss wörd", true), (&"a".repeat(65), false)] {
            assert_eq!(Pin::new(text).is_ok(), is_one, "{text}");
        }
    }

    #[test]
    fn what_anybody_would_try_first_is_not_taken_for_a_new_pin() {
        for (text, is_one) in [("0000", false), ("1234", false), ("4321", false), ("abcdef", false), ("1793", true)] {
            assert_eq!(Pin::new(text).unwrap().check_new(4).is_ok(), is_one, "{text}");
        }
        assert!(Pin::new("1793").unwrap().check_new(6).is_err());
    }

    #[test]
    fn a_secret_that_is_none_has_to_be_called_so() {
        assert!(PlatformSecret::new([]).is_err());
        assert!(PlatformSecret::new([7; 32]).is_err());
        assert!(PlatformSecret::none().is_none());
    }

    #[test]
    fn neither_is_to_be_seen() {
        let secret = PlatformSecret::new((0..32).collect::<Vec<u8>>()).unwrap();
        assert_eq!(format!("{:?} {secret:?}", Pin::new("hidden").unwrap()), "Pin(..) PlatformSecret(..)");
    }
}
