//! `next` links: what a page goes on with, sealed for one client. Nobody else can use one, read it or make one, and no search value
//! stands in its address.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit, Nonce};
use serde::{Deserialize, Serialize};

use super::outcome::Fault;

const NONCE_BYTES: usize = 12;
/// Name of the parameter that carries it.
pub const PARAMETER: &str = "_page";
/// Letters of a link's value that are looked at, at most.
const MAX_LETTERS: usize = 16 * 1024;

/// Where a page goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// What is read page by page: a path below the base.
    pub path: String,
    /// The parameters that are heeded.
    pub parameters: Vec<(String, String)>,
    /// Type and id of the last resource.
    pub after: (String, String),
}

/// Seals places under a key of this run of the relay.
pub struct PageSeal(ChaCha20Poly1305);

impl PageSeal {
    /// A seal with a random key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(ChaCha20Poly1305::new(&Key::from(*key)))
    }

    /// Seals a place for a client. `nonce` is random.
    ///
    /// # Errors
    /// [`Fault`]: failed; not expected.
    pub fn seal(&self, client: &str, place: &Place, nonce: [u8; NONCE_BYTES]) -> Result<String, Fault> {
        let plain = serde_json::to_vec(place).map_err(|_| Fault::failed())?;
        let message = Payload { msg: &plain, aad: client.as_bytes() };
        let sealed = self.0.encrypt(&Nonce::from(nonce), message).map_err(|_| Fault::failed())?;
        Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    /// The place that was sealed for this client.
    ///
    /// # Errors
    /// [`Fault`]: bad request, whatever is wrong with it.
    pub fn open(&self, client: &str, path: &str, text: &str) -> Result<Place, Fault> {
        let opened = || {
            let bytes = URL_SAFE_NO_PAD.decode(text.as_bytes()).ok().filter(|_| text.len() <= MAX_LETTERS)?;
            let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>()?;
            let message = Payload { msg: sealed, aad: client.as_bytes() };
            let plain = self.0.decrypt(&Nonce::from(*nonce), message).ok()?;
            serde_json::from_slice::<Place>(&plain).ok().filter(|place| place.path == path)
        };
        opened().ok_or_else(|| Fault::bad_request("_page: not a link that this relay gave you; search again"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_good_for_its_client_and_its_path_and_unchanged_only() {
        let seal = PageSeal::new(&[7; 32]);
        let place = Place {
            path: "Patient".into(),
            parameters: vec![("name".into(), "Silva".into())],
            after: ("Patient".into(), "p1".into()),
        };
        let link = seal.seal("fhir-a", &place, [1; 12]).unwrap();
        assert!(!link.contains("Silva"));
        assert_eq!(seal.open("fhir-a", "Patient", &link).unwrap(), place);
        assert!(seal.open("fhir-b", "Patient", &link).is_err());
        assert!(seal.open("fhir-a", "Observation", &link).is_err());
        let mut changed = link.into_bytes();
        changed[20] = if changed[20] == b'A' { b'B' } else { b'A' };
        assert!(seal.open("fhir-a", "Patient", std::str::from_utf8(&changed).unwrap()).is_err());
        assert!(seal.open("fhir-a", "Patient", "").is_err());
        assert!(PageSeal::new(&[8; 32]).open("fhir-a", "Patient", std::str::from_utf8(&changed).unwrap()).is_err());
    }
}
