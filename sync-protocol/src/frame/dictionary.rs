//! Compression, alone or with a dictionary of what clinical documents have in common, so that a small body need not say it.

use std::cell::RefCell;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::{DecoderDictionary, EncoderDictionary};
use zstd::zstd_safe::CParameter;

/// zstd level: 3 is its default, and on clinical changes higher ones gain little for their time.
const LEVEL: i32 = 3;

/// Which dictionary a body is compressed with. One that was given out is never changed; a better one has another number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DictionaryId(pub u32);

impl DictionaryId {
    /// Trained on generated clinical charts by `cargo run --release -p bench -- dictionary`.
    pub const CLINICAL_1: Self = Self(1);
    /// Those that this version has, the best first.
    pub const KNOWN: [Self; 1] = [Self::CLINICAL_1];

    /// The best one that both sides have.
    #[must_use]
    pub fn best_of(offered: &[Self]) -> Option<Self> {
        Self::KNOWN.into_iter().find(|known| offered.contains(known))
    }

    /// Its content, if this version has it.
    #[must_use]
    pub fn content(self) -> Option<&'static [u8]> {
        (self == Self::CLINICAL_1).then_some(include_bytes!("clinical-1.dictionary"))
    }
}

static ENCODER: LazyLock<EncoderDictionary<'static>> =
    LazyLock::new(|| EncoderDictionary::copy(DictionaryId::CLINICAL_1.content().unwrap_or_default(), LEVEL));
static DECODER: LazyLock<DecoderDictionary<'static>> =
    LazyLock::new(|| DecoderDictionary::copy(DictionaryId::CLINICAL_1.content().unwrap_or_default()));

/// Kept from body to body: setting one up takes longer than compressing an edit.
struct Contexts {
    compressor: Option<Compressor<'static>>,
    clinical_compressor: Option<Compressor<'static>>,
    decompressor: Option<Decompressor<'static>>,
    clinical_decompressor: Option<Decompressor<'static>>,
}

thread_local! {
    static CONTEXTS: RefCell<Contexts> = const {
        RefCell::new(Contexts {
            compressor: None,
            clinical_compressor: None,
            decompressor: None,
            clinical_decompressor: None,
        })
    };
}

/// A zstd frame without its own length and the dictionary's number, which stand beside it. None if it cannot be had.
pub(super) fn compress(data: &[u8], with: Option<DictionaryId>) -> Option<Vec<u8>> {
    CONTEXTS.with_borrow_mut(|contexts| {
        let compressor = match with {
            None => kept(&mut contexts.compressor, || bare(Compressor::new(LEVEL).ok()?))?,
            Some(DictionaryId::CLINICAL_1) => {
                kept(&mut contexts.clinical_compressor, || bare(Compressor::with_prepared_dictionary(&ENCODER).ok()?))?
            }
            Some(_) => return None,
        };
        compressor.compress(data).ok()
    })
}

/// Unpacks into at most `size` bytes. None if that is too little, for damaged data, or without the dictionary.
pub(super) fn decompress(data: &[u8], size: usize, with: Option<DictionaryId>) -> Option<Vec<u8>> {
    CONTEXTS.with_borrow_mut(|contexts| {
        let decompressor = match with {
            None => kept(&mut contexts.decompressor, || Decompressor::new().ok())?,
            Some(DictionaryId::CLINICAL_1) => {
                kept(&mut contexts.clinical_decompressor, || Decompressor::with_prepared_dictionary(&DECODER).ok())?
            }
            Some(_) => return None,
        };
        decompressor.decompress(data, size).ok()
    })
}

fn kept<T>(place: &mut Option<T>, make: impl FnOnce() -> Option<T>) -> Option<&mut T> {
    if place.is_none() {
        *place = make();
    }
    place.as_mut()
}

fn bare(mut compressor: Compressor<'static>) -> Option<Compressor<'static>> {
    compressor.set_parameter(CParameter::ContentSizeFlag(false)).ok()?;
    compressor.set_parameter(CParameter::DictIdFlag(false)).ok()?;
    Some(compressor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_compressed_comes_back_with_the_same_dictionary() {
        let data: Vec<u8> = (0..40_000u32).flat_map(|n| (n / 7).to_be_bytes()).collect();
        for with in [None, Some(DictionaryId::CLINICAL_1)] {
            for size in [0, 1, 100, data.len()] {
                let packed = compress(&data[..size], with).unwrap();
                assert_eq!(decompress(&packed, size, with).as_deref(), Some(&data[..size]));
            }
        }
        assert_eq!(compress(&data, Some(DictionaryId(9))), None);
        assert_eq!(decompress(&[], 0, Some(DictionaryId(9))), None);
    }

    #[test]
    fn the_dictionary_says_what_a_body_need_not_say() {
        let content = DictionaryId::CLINICAL_1.content().unwrap();
        let known = &content[content.len() - 400..];
        let packed = compress(known, Some(DictionaryId::CLINICAL_1)).unwrap();
        assert!(packed.len() < 40, "{} bytes", packed.len());
        assert_eq!(decompress(&packed, known.len(), Some(DictionaryId::CLINICAL_1)).as_deref(), Some(known));
        assert_eq!(decompress(&packed, known.len(), None), None);
    }

    #[test]
    fn the_dictionary_is_small_enough_to_ship() {
        let size = DictionaryId::CLINICAL_1.content().unwrap().len();
        assert!(size <= 64 * 1024, "{size} bytes");
    }

    #[test]
    fn the_best_dictionary_is_one_that_both_sides_have() {
        assert_eq!(DictionaryId::best_of(&[]), None);
        assert_eq!(DictionaryId::best_of(&[DictionaryId(7)]), None);
        assert_eq!(DictionaryId::best_of(&[DictionaryId(7), DictionaryId(1)]), Some(DictionaryId::CLINICAL_1));
    }
}
