//! What can go wrong with a document or a change. No variant carries record content: only ids, types, paths and sizes.

use crate::ResourceKey;

/// Why a document could not be read or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The bytes are not one Automerge change; the text names the part that is wrong.
    #[error("not a well-formed change: {0}")]
    MalformedChange(&'static str),
    /// A DEFLATE chunk. Refused before inflating it, because a small one can inflate to gigabytes.
    #[error("the change is DEFLATE-compressed; only uncompressed changes are accepted")]
    CompressedChange,
    /// More operations than [`crate::MAX_CHANGE_OPS`].
    #[error("the change holds more operations than the limit of {limit}")]
    TooManyOperations {
        /// The limit that was exceeded, in operations.
        limit: u64,
    },
    /// Two different changes claim one (actor, sequence number): a restored or cloned device.
    #[error("a different change with the same author and sequence number {seq} is already in the document")]
    DuplicateSequence {
        /// The sequence number both claim.
        seq: u64,
    },
    /// Automerge refused; the text is fixed and says in which step.
    #[error("the document engine refused: {0}")]
    Engine(&'static str),
    /// The value is not a JSON object with a usable `resourceType` and `id`.
    #[error("not a FHIR resource: {0}")]
    NotAResource(&'static str),
    /// JSON nested deeper than [`crate::MAX_DEPTH`].
    #[error("{key} is nested deeper than {limit} levels")]
    TooDeep {
        /// The resource.
        key: ResourceKey,
        /// The limit, in levels.
        limit: usize,
    },
    /// The document has no such resource.
    #[error("no {0} in this document")]
    UnknownResource(ResourceKey),
    /// The resource has no element there, or it is not of the kind the operation needs.
    #[error("{key} has no {expected} at {path}")]
    NoSuchElement {
        /// The resource.
        key: ResourceKey,
        /// The element path asked for.
        path: String,
        /// What was expected there, for example "collaborative text".
        expected: &'static str,
    },
    /// A text position or length beyond the end of the text.
    #[error("position {position} is beyond the end of a text of {length} characters")]
    TextOutOfRange {
        /// The first position asked for that does not exist, in characters.
        position: usize,
        /// Length of the text, in characters.
        length: usize,
    },
    /// A change that is not part of the document.
    #[error("the document has no such change")]
    UnknownChange,
    /// A signed note is amended, not edited.
    #[error("{0} is signed: amend it")]
    Signed(ResourceKey),
    /// A decision between values, or an amendment, without a word on why.
    #[error("a reason is needed")]
    NoReason,
    /// R4 gives this type no `entered-in-error` status.
    #[error("{0} has no status that can say entered-in-error")]
    NoErrorStatus(String),
    /// The caller's own reason to abandon an edit.
    #[error("edit abandoned: {0}")]
    Abandoned(&'static str),
}
