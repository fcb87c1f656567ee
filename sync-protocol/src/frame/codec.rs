//! Frames to bytes and back: CBOR, one map entry named after the variant.

use minicbor::Decoder;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::frame::Frame;
use crate::limits::MAX_FRAME_BYTES;

/// Longest frame name that is repeated in an answer, in bytes.
const MAX_NAME_BYTES: usize = 32;

/// Why bytes are not a frame. Carries names and sizes, never content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Larger than [`MAX_FRAME_BYTES`]. Nothing of it was read.
    #[error("frame is {0} bytes, limit is {MAX_FRAME_BYTES}")]
    TooLarge(usize),
    /// A frame of a name that this version does not know. The connection goes on.
    #[error("frame {0} is not known")]
    Unknown(String),
    /// Not a frame at all.
    #[error("not a well-formed frame")]
    Malformed,
}

/// The frame's bytes.
#[must_use]
pub fn encode(frame: &Frame) -> Vec<u8> {
    to_cbor(frame)
}

/// Reads one frame. Fields it does not know are passed over.
///
/// # Errors
/// [`FrameError`].
pub fn decode(bytes: &[u8]) -> Result<Frame, FrameError> {
    if bytes.len() > MAX_FRAME_BYTES {
        return Err(FrameError::TooLarge(bytes.len()));
    }
    match from_cbor(bytes) {
        Some(frame) => Ok(frame),
        None => Err(unknown_name(bytes).map_or(FrameError::Malformed, FrameError::Unknown)),
    }
}

/// The name of a frame that is shaped like one but not ours.
fn unknown_name(bytes: &[u8]) -> Option<String> {
    let mut decoder = Decoder::new(bytes);
    if decoder.map().ok()? != Some(1) {
        return None;
    }
    let name = decoder.str().ok()?;
    decoder.skip().ok()?;
    let plausible = name.len() <= MAX_NAME_BYTES && name.bytes().all(|b| b.is_ascii_alphanumeric());
    let ends = decoder.position() == bytes.len();
    (plausible && ends && !NAMES.contains(&name)).then(|| name.to_owned())
}

/// Every frame that this version knows.
const NAMES: [&str; 31] = [
    "Hello",
    "Challenge",
    "Proof",
    "Enroll",
    "Enrolled",
    "Welcome",
    "Resume",
    "Resumed",
    "Batch",
    "Ack",
    "CaughtUp",
    "Push",
    "Pushed",
    "Inventory",
    "Want",
    "Withdraw",
    "PurgeReceipt",
    "ReceiptKept",
    "Trail",
    "TrailKept",
    "Decided",
    "DecisionsKnown",
    "BreakGlass",
    "BreakGlassAnswer",
    "Refer",
    "ReferAnswer",
    "Sealing",
    "Stage",
    "Staged",
    "Unsupported",
    "Goodbye",
];

pub(in crate::frame) fn to_cbor<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    let mut serializer = minicbor_serde::Serializer::new(&mut bytes);
    // Writing to memory cannot fail, and our types have no serializer of their own that could.
    #[expect(clippy::expect_used, reason = "infallible writer")]
    value.serialize(&mut serializer).expect("encoding into memory");
    bytes
}

/// Decodes all of `bytes`; none if malformed or if anything is left over.
pub(in crate::frame) fn from_cbor<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let mut deserializer = minicbor_serde::Deserializer::new(bytes);
    let value = T::deserialize(&mut deserializer).ok()?;
    (deserializer.decoder().position() == bytes.len()).then_some(value)
}
