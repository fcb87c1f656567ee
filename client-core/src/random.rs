//! Where random bytes come from: handed in, so that a simulation is repeatable.

/// A source of random bytes: keys, new ids, the jitter of reconnects.
///
/// In a real device it must be the system's generator: the device key is made from it.
pub trait Randomness: Send {
    /// Fills `bytes`.
    fn fill(&mut self, bytes: &mut [u8]);
}

impl<F: FnMut(&mut [u8]) + Send> Randomness for F {
    fn fill(&mut self, bytes: &mut [u8]) {
        self(bytes);
    }
}

/// The operating system's generator.
#[cfg(feature = "native")]
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandomness;

#[cfg(feature = "native")]
impl Randomness for SystemRandomness {
    fn fill(&mut self, bytes: &mut [u8]) {
        // A system without randomness can make no key; going on with a weak one would be worse than stopping.
        #[expect(clippy::expect_used, reason = "no safe way to go on")]
        getrandom::fill(bytes).expect("the system's random generator");
    }
}

/// A fresh FHIR id in the form of a version 4 UUID.
pub(crate) fn fresh_id(randomness: &mut dyn Randomness) -> String {
    let mut bytes = [0u8; 16];
    randomness.fill(&mut bytes);
    bytes[6] = (bytes[6] & 0x0F) | 0x40;
    bytes[8] = (bytes[8] & 0x3F) | 0x80;
    let hex = hex::encode(bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_id_is_a_version_4_uuid() {
        let mut zeros = |bytes: &mut [u8]| bytes.fill(0);
        assert_eq!(fresh_id(&mut zeros), "00000000-0000-4000-8000-000000000000");
    }
}
