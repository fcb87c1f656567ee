//! Tokens: 256 random bits that say nothing. The relay keeps a hash that holds for itself alone.

use sha2::{Digest, Sha256};
use sync_protocol::RelayId;

/// What tokens begin with, so that one is known for what it is where it should not be.
const PREFIX: &str = "satchel-admin-";
/// What those of the FHIR API begin with.
const FHIR_PREFIX: &str = "satchel-fhir-";

/// What a relay keeps of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// The hash of a token at a relay: at another relay the same token has another.
    #[must_use]
    pub fn of(relay: &RelayId, token: &str) -> Self {
        Self::under(b"satchel admin token v1", relay, token)
    }

    /// The hash of a token of the FHIR API. The same text has another one as a token of the admin API, so neither is ever
    /// taken for the other.
    #[must_use]
    pub fn of_fhir(relay: &RelayId, token: &str) -> Self {
        Self::under(b"satchel fhir token v1", relay, token)
    }

    fn under(purpose: &[u8], relay: &RelayId, token: &str) -> Self {
        let mut hasher = Sha256::new_with_prefix(purpose);
        hasher.update(relay.0);
        hasher.update(token.as_bytes());
        Self(hasher.finalize().into())
    }
}

/// A token's text.
#[must_use]
pub fn token_text(random: &[u8; 32]) -> String {
    format!("{PREFIX}{}", hex::encode(random))
}

/// The text of a token of the FHIR API.
#[must_use]
pub fn fhir_token_text(random: &[u8; 32]) -> String {
    format!("{FHIR_PREFIX}{}", hex::encode(random))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_means_nothing_at_another_relay() {
        let token = token_text(&[7; 32]);
        assert_eq!(token.len(), PREFIX.len() + 64);
        let at = |id| TokenHash::of(&RelayId([id; 16]), &token);
        assert_eq!(at(1), at(1));
        assert_ne!(at(1), at(2));
        assert_ne!(at(1), TokenHash::of_fhir(&RelayId([1; 16]), &token), "nor at the other API");
    }
}
