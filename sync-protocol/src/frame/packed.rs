//! Bodies of the large frames: CBOR, compressed with zstd where that gains, and beside it what no compression shrinks.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::frame::dictionary::{DictionaryId, compress, decompress};
use crate::limits::MAX_UNPACKED_BYTES;

/// Bodies below this size, in bytes, are sent as they are.
const WORTH_COMPRESSING: usize = 512;
/// The same where both sides have a dictionary.
const WORTH_COMPRESSING_WITH: usize = 48;
/// First byte of a body: how the rest of it is to be read.
const FORMAT: u8 = 1;

/// A body, perhaps compressed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packed {
    /// Size once unpacked, in bytes; absent when the data is not compressed.
    #[serde(rename = "z", default, skip_serializing_if = "Option::is_none")]
    pub unpacked: Option<u32>,
    /// With which dictionary it is compressed, if with any.
    #[serde(rename = "y", default, skip_serializing_if = "Option::is_none")]
    pub dictionary: Option<DictionaryId>,
    /// The body's format, one byte, and its CBOR; or a zstd frame of them.
    #[serde(rename = "d")]
    pub data: ByteBuf,
    /// Ids, hashes and signatures, one after another in the order in which the body needs them.
    #[serde(rename = "h", default, skip_serializing_if = "Vec::is_empty", with = "serde_bytes")]
    pub plain: Vec<u8>,
}

/// What stands in a [`Packed`].
pub trait Body: Sized {
    /// Its CBOR, and what is kept out of compression.
    #[doc(hidden)]
    fn write(&self) -> Written;

    /// Reads what [`Body::write`] wrote; none if it is anything else.
    #[doc(hidden)]
    fn read(cbor: &[u8], plain: &[u8]) -> Option<Self>;
}

/// A body in its two parts.
#[doc(hidden)]
pub struct Written {
    pub(super) cbor: Vec<u8>,
    pub(super) plain: Vec<u8>,
}

/// Why a body could not be unpacked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// It says it is larger than [`MAX_UNPACKED_BYTES`]. Found before any allocation.
    #[error("body is {0} bytes unpacked, limit is {MAX_UNPACKED_BYTES}")]
    TooLarge(usize),
    /// With a dictionary that this version does not have.
    #[error("body is compressed with dictionary {}, which is not known", .0.0)]
    Dictionary(DictionaryId),
    /// Not a zstd frame of the size it states.
    #[error("body is not a compressed frame of the stated size")]
    Compression,
    /// In a format that this version does not read.
    #[error("body is in format {0}, this version reads {FORMAT}")]
    Format(u8),
    /// Not what the frame should hold, or larger than [`MAX_UNPACKED_BYTES`] once put together.
    #[error("body is not well-formed")]
    Encoding,
}

impl Packed {
    /// Encodes `body` and compresses it where that gains.
    #[must_use]
    pub fn pack<T: Body>(body: &T) -> Self {
        Self::pack_with(body, None)
    }

    /// The same for a reader that has this dictionary.
    #[must_use]
    pub fn pack_with<T: Body>(body: &T, dictionary: Option<DictionaryId>) -> Self {
        let packed = Self::uncompressed(body);
        let size = packed.data.len();
        let worth = if dictionary.is_some() { WORTH_COMPRESSING_WITH } else { WORTH_COMPRESSING };
        if size < worth {
            return packed;
        }
        match compress(&packed.data, dictionary).filter(|compressed| compressed.len() < size) {
            Some(data) => Self { unpacked: Some(size as u32), dictionary, data: ByteBuf::from(data), ..packed },
            None => packed,
        }
    }

    /// Encodes `body` and leaves it at that.
    #[must_use]
    pub fn uncompressed<T: Body>(body: &T) -> Self {
        let Written { cbor, plain } = body.write();
        let data = [&[FORMAT], cbor.as_slice()].concat();
        Self { unpacked: None, dictionary: None, data: ByteBuf::from(data), plain }
    }

    /// Decompresses and decodes the body.
    ///
    /// # Errors
    /// [`UnpackError`].
    pub fn unpack<T: Body>(&self) -> Result<T, UnpackError> {
        match self.unpacked {
            None => self.decode(&self.data),
            Some(size) => self.decode(&self.decompressed(size as usize)?),
        }
    }

    fn decompressed(&self, size: usize) -> Result<Vec<u8>, UnpackError> {
        if size > MAX_UNPACKED_BYTES {
            return Err(UnpackError::TooLarge(size));
        }
        if let Some(unknown) = self.dictionary.filter(|dictionary| dictionary.content().is_none()) {
            return Err(UnpackError::Dictionary(unknown));
        }
        let body = decompress(&self.data, size, self.dictionary).filter(|body| body.len() == size);
        body.ok_or(UnpackError::Compression)
    }

    fn decode<T: Body>(&self, data: &[u8]) -> Result<T, UnpackError> {
        match data.split_first() {
            Some((&FORMAT, cbor)) => T::read(cbor, &self.plain).ok_or(UnpackError::Encoding),
            Some((format, _)) => Err(UnpackError::Format(*format)),
            None => Err(UnpackError::Encoding),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UnixMillis;
    use crate::frame::{TrailBody, TrailEntry};

    fn body(entries: usize) -> TrailBody {
        let entry = TrailEntry {
            at: UnixMillis(1),
            action: "read".into(),
            organization: None,
            patient: None,
            documents: Vec::new(),
            reason: String::new(),
            purpose: String::new(),
            break_glass: false,
        };
        TrailBody { entries: vec![entry; entries] }
    }

    #[test]
    fn small_and_large_bodies_come_back() {
        for entries in [0, 10, 4_000] {
            for dictionary in [None, Some(DictionaryId::CLINICAL_1)] {
                assert_eq!(Packed::pack_with(&body(entries), dictionary).unpack(), Ok(body(entries)));
            }
        }
    }

    #[test]
    fn a_body_that_states_too_much_is_refused_before_it_is_unpacked() {
        let packed = Packed { unpacked: Some(u32::MAX), ..Packed::pack(&body(0)) };
        assert_eq!(packed.unpack::<TrailBody>(), Err(UnpackError::TooLarge(u32::MAX as usize)));
    }

    #[test]
    fn a_body_that_unpacks_to_more_or_less_than_it_states_is_refused() {
        let honest = Packed::pack(&body(1_000));
        for off in [-1i64, 1] {
            let stated = (i64::from(honest.unpacked.unwrap()) + off) as u32;
            let lying = Packed { unpacked: Some(stated), ..honest.clone() };
            assert_eq!(lying.unpack::<TrailBody>(), Err(UnpackError::Compression));
        }
    }

    #[test]
    fn a_dictionary_that_is_not_known_is_named() {
        let unknown = Packed { dictionary: Some(DictionaryId(9)), ..Packed::pack(&body(100)) };
        assert_eq!(unknown.unpack::<TrailBody>(), Err(UnpackError::Dictionary(DictionaryId(9))));
        let with = Packed::pack_with(&body(100), Some(DictionaryId::CLINICAL_1));
        assert_eq!(with.dictionary, Some(DictionaryId::CLINICAL_1));
    }

    #[test]
    fn a_body_of_another_format_is_named_and_nothing_is_no_body() {
        let mut packed = Packed::pack(&body(1));
        packed.data[0] = 2;
        assert_eq!(packed.unpack::<TrailBody>(), Err(UnpackError::Format(2)));
        packed.data.clear();
        assert_eq!(packed.unpack::<TrailBody>(), Err(UnpackError::Encoding));
    }
}
