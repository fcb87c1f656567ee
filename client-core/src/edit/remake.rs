//! Makes unsent work anew after the database was set back and its sequence numbers turned out to be used already.

use clinical_record::{RecordDocument, RecordError};
use rusqlite::Connection;
use sync_protocol::{AuthorId, UnixMillis};

use super::{append_own, sign, sign_newest};
use crate::DeviceError;
use crate::projection::load;
use crate::store::documents::StoredDocument;
use crate::store::identity::Identity;
use crate::store::{changes, identity};

/// Replaces the unsent changes of a document by one with the same effect, under the author's present actor id.
///
/// It builds on exactly what the old ones built on, so what others did meanwhile stays concurrent to it, as it was.
pub(crate) fn remake_unsent(
    db: &Connection,
    identity: &Identity,
    document: &StoredDocument,
    now: UnixMillis,
) -> Result<(), DeviceError> {
    let shared = changes::shared_of_document(db, document.number)?;
    let all = changes::of_document(db, document.number)?;
    let mut base = load(document, shared.iter().map(|change| change.payload.as_slice()))?;
    let with_unsent = load(document, all.iter().map(|change| change.payload.as_slice()))?;
    let actor = identity.author.actor(identity::incarnation(db)?);
    let (_, remade) = base.edit(&actor, now.0, |editor| copy_differences(&with_unsent, editor))?;
    changes::forget_unsent(db, document.number)?;
    sign_remaining(db, identity, document, &shared)?;
    if let Some(remade) = remade {
        append_own(db, document, &remade, now)?;
        sign_newest(db, identity, document, &remade)?;
    }
    Ok(())
}

fn copy_differences(
    from: &RecordDocument,
    editor: &mut clinical_record::DocumentEditor<'_>,
) -> Result<(), RecordError> {
    for (key, resource) in from.resources() {
        if editor.resource(&key).as_ref() != Some(&resource) {
            editor.put_resource(&resource)?;
        }
        editor.set_entry_metadata(&key, from.entry_metadata(&key).as_ref())?;
    }
    Ok(())
}

/// The kept signatures of our own actors were over changes that are gone: signs the newest ones that remain.
pub(super) fn sign_remaining(
    db: &Connection,
    identity: &Identity,
    document: &StoredDocument,
    remaining: &[changes::StoredChange],
) -> Result<(), DeviceError> {
    changes::forget_signatures(db, document.number, &identity.author)?;
    for change in remaining {
        let meta = clinical_record::inspect_change(&change.payload)?;
        if AuthorId::of_actor(&meta.actor) == Some(identity.author) {
            sign(db, identity, document, &meta.actor, meta.seq, change.hash)?;
        }
    }
    Ok(())
}
