//! Passwords: the rules, and their Argon2id hashes. Slow by intention: never on the relay's thread.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};

use crate::admin::Wrong;

/// Letters of a password, at least. Length is the only rule: others make passwords that are easy to guess and hard to keep.
pub const MIN_LETTERS: usize = 12;
/// Letters of a password, at most: what is hashed is bounded.
pub const MAX_LETTERS: usize = 128;
/// Bytes of salt.
pub const SALT_BYTES: usize = 16;

/// Checks a new password against the rules.
///
/// # Errors
/// [`Wrong`], naming the rule, not the password.
pub fn check_rules(password: &str) -> Result<(), Wrong> {
    let letters = password.chars().count();
    if (MIN_LETTERS..=MAX_LETTERS).contains(&letters) {
        return Ok(());
    }
    Err(Wrong { field: "new", why: "a password has 12 to 128 letters" })
}

/// The hash of a password, as a PHC string with its salt and parameters (Argon2id, 19 MiB, 2 passes).
///
/// # Errors
/// Never for a password within the rules; argon2's own error otherwise.
pub fn hash(password: &str, salt: &[u8; SALT_BYTES]) -> Result<String, argon2::password_hash::Error> {
    let hash: PasswordHash = Argon2::default().hash_password_with_salt(password.as_bytes(), salt)?;
    Ok(hash.to_string())
}

/// Whether a password is the one that was hashed. Without a hash (no such account) it takes as long and is not.
#[must_use]
pub fn verify(password: &str, hash: Option<&str>) -> bool {
    let parsed = hash.and_then(|text| PasswordHash::new(text).ok());
    let known = parsed.is_some();
    let Some(parsed) = parsed.or_else(|| PasswordHash::new(NOBODYS).ok()) else { return false };
    Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok() && known
}

/// A hash of nothing that anybody knows, with the parameters of the others.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_the_only_rule() {
        assert!(check_rules("eleven letr").is_err());
        for good in ["twelve lettr", "aaaaaaaaaaaa", "zwölf Lettern", &"x".repeat(128)] {
            assert_eq!(check_rules(good), Ok(()), "{good}");
        }
        assert!(check_rules(&"x".repeat(129)).is_err());
        assert!(!check_rules("secret").unwrap_err().to_string().contains("secret"));
    }

    #[test]
    fn a_password_verifies_against_its_own_hash_only() {
        let hashed = hash("correct horse battery", &[7; SALT_BYTES]).unwrap();
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hashed}");
        assert!(verify("correct horse battery", Some(&hashed)));
        assert!(!verify("correct horse batterz", Some(&hashed)));
        assert!(!verify("correct horse battery", Some("damaged")));
        assert_ne!(hash("correct horse battery", &[8; SALT_BYTES]).unwrap(), hashed, "salted");
    }

    #[test]
    fn nobodys_hash_has_the_same_cost_and_admits_nobody() {
        let parsed = PasswordHash::new(NOBODYS).unwrap();
        let hashed = hash("x", &[7; SALT_BYTES]).unwrap();
        let own = PasswordHash::new(&hashed).unwrap();
        assert_eq!((parsed.algorithm, &parsed.params, parsed.version), (own.algorithm, &own.params, own.version));
        assert_eq!(parsed.hash.unwrap().len(), own.hash.unwrap().len());
        assert!(!verify("", None));
    }
}
