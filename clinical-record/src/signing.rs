//! Signed notes: what was signed, and whether the note still says it.
//!
//! Who types in a note while another signs it elsewhere does not know it is being signed; the letters merge all the same. So
//! the signed version is kept findable, and a note that says something else by now says so.

use serde_json::Value;

use crate::{RecordDocument, ResourceKey, Touch};

/// The last version of a note that someone signed.
#[derive(Clone, PartialEq)]
pub struct SignedVersion {
    /// Hash of the change that signed it.
    pub change: [u8; 32],
    /// Automerge actor id of who signed.
    pub actor: Vec<u8>,
    /// The signer's clock, milliseconds since the Unix epoch. For display.
    pub time_ms: i64,
    /// The note as the signer saw it.
    pub signed: Value,
    /// True when the note's content is another by now.
    pub altered: bool,
}

impl std::fmt::Debug for SignedVersion {
    /// Who and when, not what.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignedVersion")
            .field("change", &self.change)
            .field("altered", &self.altered)
            .finish_non_exhaustive()
    }
}

/// True for a note that is amended, no longer edited.
pub fn is_signed(resource: &Value) -> bool {
    let status = match resource.get("resourceType").and_then(Value::as_str) {
        Some("DocumentReference") => "docStatus",
        Some("Composition") => "status",
        _ => return false,
    };
    matches!(resource.get(status).and_then(Value::as_str), Some("final" | "amended"))
}

/// What a signature is over.
fn content(note: &Value) -> [Option<&Value>; 3] {
    [note.get("content"), note.get("section"), note.get("subject")]
}

/// True when two versions of a note say the same in what a signature is over.
pub fn keeps_signed_content(before: &Value, after: &Value) -> bool {
    content(before) == content(after)
}

impl RecordDocument {
    /// The signed version of a note; `None` for one that is not signed, or no note.
    pub fn signed_version(&self, key: &ResourceKey) -> Option<SignedVersion> {
        let now = self.resource(key).filter(is_signed)?;
        let signing = self.history(Some(key)).into_iter().rev().find(|entry| {
            entry.touched.iter().any(|touch| match (&touch.what, touch.path.to_string().as_str()) {
                (Touch::Created, "") => true,
                (Touch::Set(status), "docStatus" | "status") => status == "final",
                _ => false,
            })
        })?;
        let signed = self.at_heads(&[signing.hash]).ok()?.resource(key)?;
        let altered = content(&signed) != content(&now);
        Some(SignedVersion { change: signing.hash, actor: signing.actor, time_ms: signing.time_ms, signed, altered })
    }
}
