//! Who administers a relay: passwords, tokens, and how often one may try. No sockets, no clock, no entropy.

pub mod attempts;
pub mod origin;
pub mod password;
mod token;

pub use origin::Origin;
pub use token::{TokenHash, fhir_token_text, token_text};
