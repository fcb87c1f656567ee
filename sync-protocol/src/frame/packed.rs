//! Bodies of the large frames: CBOR, compressed with zstd where that gains.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::limits::MAX_UNPACKED_BYTES;

/// Bodies below this size, in bytes, are sent as they are: a compression context costs more than it saves.
const WORTH_COMPRESSING: usize = 512;
/// zstd level: 3 is its default, and on clinical changes higher ones gain little for their time.
const LEVEL: i32 = 3;

/// A CBOR body, perhaps compressed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packed {
    /// Size once unpacked, in bytes; absent when the data is not compressed.
    #[serde(rename = "z", default, skip_serializing_if = "Option::is_none")]
    pub unpacked: Option<u32>,
    /// CBOR, or a zstd frame of it.
    #[serde(rename = "d")]
    pub data: ByteBuf,
}

/// Why a body could not be unpacked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// It says it is larger than [`MAX_UNPACKED_BYTES`]. Found before any allocation.
    #[error("body is {0} bytes unpacked, limit is {MAX_UNPACKED_BYTES}")]
    TooLarge(usize),
    /// Not a zstd frame of the size it states.
    #[error("body is not a compressed frame of the stated size")]
    Compression,
    /// Not the CBOR of what the frame should hold.
    #[error("body is not well-formed")]
    Encoding,
}

impl Packed {
    /// Encodes `body` and compresses it where that gains.
    #[must_use]
    pub fn pack<T: Serialize>(body: &T) -> Self {
        let cbor = super::codec::to_cbor(body);
        if cbor.len() >= WORTH_COMPRESSING
            && let Ok(compressed) = zstd::bulk::compress(&cbor, LEVEL)
            && compressed.len() < cbor.len()
        {
            return Self { unpacked: Some(cbor.len() as u32), data: ByteBuf::from(compressed) };
        }
        Self { unpacked: None, data: ByteBuf::from(cbor) }
    }

    /// Decompresses and decodes the body.
    ///
    /// # Errors
    /// [`UnpackError`].
    pub fn unpack<T: DeserializeOwned>(&self) -> Result<T, UnpackError> {
        match self.unpacked {
            None => super::codec::from_cbor(&self.data).ok_or(UnpackError::Encoding),
            Some(size) => {
                let cbor = decompress(&self.data, size as usize)?;
                super::codec::from_cbor(&cbor).ok_or(UnpackError::Encoding)
            }
        }
    }
}

fn decompress(data: &[u8], size: usize) -> Result<Vec<u8>, UnpackError> {
    if size > MAX_UNPACKED_BYTES {
        return Err(UnpackError::TooLarge(size));
    }
    let cbor = zstd::bulk::decompress(data, size).map_err(|_| UnpackError::Compression)?;
    (cbor.len() == size).then_some(cbor).ok_or(UnpackError::Compression)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_bodies_come_back() {
        for len in [0, 10, 5_000] {
            let body = vec!["abc".to_string(); len];
            assert_eq!(Packed::pack(&body).unpack::<Vec<String>>(), Ok(body));
        }
    }

    #[test]
    fn a_body_that_states_too_much_is_refused_before_it_is_unpacked() {
        let packed = Packed { unpacked: Some(u32::MAX), data: ByteBuf::new() };
        assert_eq!(packed.unpack::<String>(), Err(UnpackError::TooLarge(u32::MAX as usize)));
    }

    #[test]
    fn a_body_that_unpacks_to_more_or_less_than_it_states_is_refused() {
        let honest = Packed::pack(&vec![7u8; 4_000]);
        for off in [-1i64, 1] {
            let stated = (i64::from(honest.unpacked.unwrap()) + off) as u32;
            let lying = Packed { unpacked: Some(stated), data: honest.data.clone() };
            assert_eq!(lying.unpack::<Vec<u8>>(), Err(UnpackError::Compression));
        }
    }
}
