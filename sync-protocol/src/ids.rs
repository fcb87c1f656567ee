//! Identifiers on the wire: fixed-length byte strings and FHIR ids, each a type of its own.

use std::fmt;
use std::str::FromStr;

use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text or byte string is not the id that it should be. Names the kind and the length, not the content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// Wrong number of bytes, or not hexadecimal.
    #[error("{kind} is {expected} bytes, written as {} hexadecimal digits", expected * 2)]
    NotHex {
        /// Name of the id's type.
        kind: &'static str,
        /// Its length in bytes.
        expected: usize,
    },
    /// Not a FHIR R4 `id`.
    #[error("{0} is not a FHIR id: 1 to 64 of A-Z a-z 0-9 - .")]
    NotFhirId(&'static str),
}

macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// The bytes.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }

            /// Reads an id from exactly `LEN` bytes.
            ///
            /// # Errors
            /// [`IdError::NotHex`] if the length differs.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, IdError> {
                bytes.try_into().map(Self).map_err(|_| IdError::NotHex { kind: stringify!($name), expected: $len })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let mut bytes = [0; $len];
                hex::decode_to_slice(text, &mut bytes)
                    .map_err(|_| IdError::NotHex { kind: stringify!($name), expected: $len })?;
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    return serializer.collect_str(self);
                }
                serializer.serialize_bytes(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    return String::deserialize(deserializer)?.parse().map_err(D::Error::custom);
                }
                deserializer.deserialize_bytes(FixedBytes::<$len>).map(Self)
            }
        }
    };
}

/// Reads a byte string of exactly `N` bytes.
struct FixedBytes<const N: usize>;

impl<const N: usize> Visitor<'_> for FixedBytes<N> {
    type Value = [u8; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a byte string of {N} bytes")
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<[u8; N], E> {
        bytes.try_into().map_err(|_| E::invalid_length(bytes.len(), &self))
    }
}

byte_id!(
    /// One relay installation. Random, made with its store.
    RelayId, 16
);
byte_id!(
    /// One life of a relay's change log. A restored backup begins a new epoch, so that cursors of the old one are not
    /// trusted.
    EpochId, 16
);
byte_id!(
    /// X25519 public key that documents are sealed to: see [`crate::identity::seal`].
    SealingKey, 32
);
byte_id!(
    /// One opening of a chart by emergency access.
    OpeningId, 16
);
byte_id!(
    /// One referral: a device asked that a chart be opened to others.
    ReferralId, 16
);
byte_id!(
    /// The state of a device's audit trail after an entry: each hash covers all entries before it.
    TrailHash, 32
);
byte_id!(
    /// One enrolled device, derived from its public key: see [`DeviceId::of_key`].
    DeviceId, 16
);
byte_id!(
    /// A practitioner on a device: the first 16 bytes of every Automerge actor id they write under.
    AuthorId, 16
);
byte_id!(
    /// One Automerge document, derived from what it holds: see [`crate::DocumentDescriptor::id`].
    DocumentId, 16
);
byte_id!(
    /// SHA-256 of an Automerge change, as Automerge computes it.
    ChangeHash, 32
);
byte_id!(
    /// Ed25519 public key.
    PublicKey, 32
);
byte_id!(
    /// Ed25519 signature.
    Signature, 64
);
byte_id!(
    /// Random bytes that the relay makes for one connection and the device signs.
    Nonce, 32
);

macro_rules! fhir_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks and wraps a FHIR R4 `id`.
            ///
            /// # Errors
            /// [`IdError::NotFhirId`].
            pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
                let text = text.into();
                if is_fhir_id(&text) { Ok(Self(text)) } else { Err(IdError::NotFhirId(stringify!($name))) }
            }

            /// The id's text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

fhir_id!(
    /// FHIR id of an Organization.
    OrganizationId
);
fhir_id!(
    /// FHIR id of a Practitioner.
    PractitionerId
);
fhir_id!(
    /// FHIR id of a Patient.
    PatientId
);

/// Whether `text` is a FHIR R4 `id`: 1 to 64 of `A-Z a-z 0-9 - .`.
#[must_use]
pub fn is_fhir_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

/// Milliseconds since the Unix epoch, UTC. For display, leases and expiry; never orders changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// This moment plus `millis` milliseconds, held at the ends of the range.
    #[must_use]
    pub fn plus(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_text_reads_back_as_the_same_id() {
        let id = DocumentId([7; 16]);
        assert_eq!(id.to_string().parse::<DocumentId>(), Ok(id));
    }

    #[test]
    fn short_or_foreign_text_is_not_an_id() {
        assert!("07".parse::<DocumentId>().is_err());
        assert!("zz".repeat(16).parse::<DocumentId>().is_err());
        assert!(DocumentId::from_slice(&[0; 15]).is_err());
    }

    #[test]
    fn fhir_ids_keep_to_the_alphabet_and_length_of_r4() {
        assert!(PatientId::new("a-1.B").is_ok());
        for bad in ["", "a b", "a/b", "ä", "../x", &"x".repeat(65)] {
            assert!(PatientId::new(bad).is_err(), "{bad:?}");
        }
    }
}
