//! Builds the bodies of pushes.

use std::collections::{BTreeMap, HashSet};

use clinical_record::inspect_change;
use rusqlite::Connection;
use serde_bytes::ByteBuf;
use sync_protocol::frame::{PushBody, PushedDocument};
use sync_protocol::identity::{ChangeLink, ChangeSignature, uncovered};
use sync_protocol::limits::MAX_CHANGES_PER_PUSH;
use sync_protocol::{AuthorId, ChangeHash, DocumentId};

use crate::store::documents::StoredDocument;
use crate::store::identity::Identity;
use crate::store::{changes, documents, outbox, trust};
use crate::{Device, DeviceError};

/// Body size up to which a whole document goes in one push, in bytes: other authors' signatures cover it only whole.
pub(crate) const WHOLE_DOCUMENT_BYTES: usize = 3 * 1024 * 1024;

/// A push that is ready to go.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    pub(crate) body: PushBody,
    /// (document's row, document, change), in the order of the body: that of the answers.
    pub(crate) changes: Vec<(i64, DocumentId, ChangeHash)>,
    /// Newest outbox row in it; 0 if it is not from the outbox.
    pub(crate) through: i64,
    /// Newest row of kept work in it; 0 if there is none.
    pub(crate) kept_through: i64,
    /// It holds a document whole.
    pub(crate) whole: bool,
}

impl Device {
    /// The next push from the outbox after row `after`, as large as they usually are; none if nothing waits.
    #[cfg(test)]
    pub(crate) fn next_push(&self, after: i64) -> Result<Option<Outgoing>, DeviceError> {
        self.next_push_of(after, sync_protocol::limits::TARGET_UNPACKED_BYTES)
    }

    /// The next push from the outbox after row `after`, closed once its payloads reach `bytes_target`; none if nothing waits.
    pub(crate) fn next_push_of(&self, after: i64, bytes_target: usize) -> Result<Option<Outgoing>, DeviceError> {
        let identity = self.enrolled_identity()?;
        let unsent = outbox::next(&self.db, after, MAX_CHANGES_PER_PUSH, bytes_target)?;
        let Some(last) = unsent.last() else { return Ok(None) };
        let through = last.seq;
        let mut order = Vec::new();
        let mut by_document: BTreeMap<i64, Vec<(ChangeHash, Vec<u8>)>> = BTreeMap::new();
        for change in unsent {
            let group = by_document.entry(change.document).or_insert_with(|| {
                order.push(change.document);
                Vec::new()
            });
            group.push((change.hash, change.payload));
        }
        let mut outgoing = Outgoing { through, ..Outgoing::default() };
        for number in order {
            let Some(document) = documents::by_number(&self.db, number)? else { continue };
            let group = by_document.remove(&number).unwrap_or_default();
            let signatures = own_signatures(&self.db, identity, &document, &group)?;
            add(&mut outgoing, &document, group, signatures);
        }
        Ok(Some(outgoing))
    }

    /// A document whole, with every author's signature and certificate, in as few pushes as will carry it.
    ///
    /// `most_bytes`: of payloads in one push; a larger change goes alone.
    pub(crate) fn whole_document(&self, id: &DocumentId, most_bytes: usize) -> Result<Vec<Outgoing>, DeviceError> {
        let identity = self.enrolled_identity()?;
        // Also asked for what is not here: a relay may know more than we hold.
        let Some(document) = documents::find(&self.db, id)? else { return Ok(Vec::new()) };
        let stored = changes::signatures(&self.db, document.number)?;
        let unsent = outbox::hashes_of_document(&self.db, document.number)?;
        let mut pushes = Vec::new();
        let mut rest = changes::of_document(&self.db, document.number)?.into_iter().peekable();
        while rest.peek().is_some() {
            let (mut part, mut size) = (Vec::new(), 0);
            while part.len() < MAX_CHANGES_PER_PUSH
                && let Some(change) = rest.next_if(|next| size == 0 || size + next.payload.len() <= most_bytes)
            {
                size += change.payload.len();
                part.push((change.hash, change.payload));
            }
            let mut outgoing = Outgoing { whole: true, ..Outgoing::default() };
            let mut signatures = own_signatures(&self.db, identity, &document, &part)?;
            let present: HashSet<ChangeHash> = part.iter().map(|(hash, _)| *hash).collect();
            signatures.extend(stored.iter().filter(|s| s.author != identity.author && present.contains(&s.tip)));
            // A privacy officer may accept one change and not the next: each is vouched for by itself.
            let alone = part.iter().map(|(hash, _)| *hash).filter(|hash| unsent.contains(hash));
            for tip in alone.filter(|tip| !signatures.iter().any(|signature| signature.tip == *tip)).collect::<Vec<_>>()
            {
                signatures.push(ChangeSignature::sign(&identity.secret, identity.author, &document.id, tip));
            }
            outgoing.body.certificates = certificates(&self.db, identity, &signatures)?;
            add(&mut outgoing, &document, part, signatures);
            pushes.push(outgoing);
        }
        Ok(pushes)
    }
}

pub(super) fn add(
    outgoing: &mut Outgoing,
    document: &StoredDocument,
    group: Vec<(ChangeHash, Vec<u8>)>,
    signatures: Vec<ChangeSignature>,
) {
    outgoing.changes.extend(group.iter().map(|(hash, _)| (document.number, document.id, *hash)));
    outgoing.body.documents.push(PushedDocument {
        descriptor: document.descriptor.clone(),
        changes: group.into_iter().map(|(_, payload)| ByteBuf::from(payload)).collect(),
        signatures,
    });
}

/// Signatures that cover every own change of a push by paths that lie within it.
///
/// The stored one is over the newest change, which may be in a later push; then the newest in this one is signed.
pub(super) fn own_signatures(
    db: &Connection,
    identity: &Identity,
    document: &StoredDocument,
    group: &[(ChangeHash, Vec<u8>)],
) -> Result<Vec<ChangeSignature>, DeviceError> {
    let mut links = Vec::with_capacity(group.len());
    for (_, payload) in group {
        let meta = inspect_change(payload)?;
        let Some(author) = AuthorId::of_actor(&meta.actor) else { continue };
        let deps = meta.deps.into_iter().map(ChangeHash).collect();
        links.push(ChangeLink { hash: ChangeHash(meta.hash), author, deps });
    }
    let own: HashSet<ChangeHash> =
        links.iter().filter(|link| link.author == identity.author).map(|link| link.hash).collect();
    let stored = changes::signatures(db, document.number)?;
    let mut signatures: Vec<ChangeSignature> = stored.into_iter().filter(|s| own.contains(&s.tip)).collect();
    loop {
        let tips: Vec<_> = signatures.iter().map(|signature| (signature.author, signature.tip)).collect();
        let Some(tip) = uncovered(&links, &tips).into_iter().rfind(|hash| own.contains(hash)) else {
            return Ok(signatures);
        };
        signatures.push(ChangeSignature::sign(&identity.secret, identity.author, &document.id, tip));
    }
}

/// The certificates of authors other than this device's.
fn certificates(
    db: &Connection,
    identity: &Identity,
    signatures: &[ChangeSignature],
) -> Result<Vec<sync_protocol::identity::Certificate>, DeviceError> {
    let mut seen = HashSet::from([identity.author]);
    let mut certificates = Vec::new();
    for signature in signatures {
        if seen.insert(signature.author) {
            certificates.extend(trust::trusted(db, &signature.author)?);
        }
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::WHOLE_DOCUMENT_BYTES;
    use crate::testing::{NOW, enrolled};

    #[test]
    fn in_a_whole_document_each_unsent_change_is_signed_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let mut device = enrolled(folder.path());
        let chart = device
            .register_patient(&crate::NewPatient { family: Some("Silva".into()), ..Default::default() }, NOW)
            .unwrap();
        let allergy = |id: &str| {
            json!({"resourceType": "AllergyIntolerance", "id": id,
                "patient": {"reference": format!("Patient/{}", chart.patient)}})
        };
        let first = device.put_resource(&chart, &allergy("a"), NOW).unwrap();
        let second = device.put_resource(&chart, &allergy("b"), NOW).unwrap();
        let whole = device.whole_document(&first.document, WHOLE_DOCUMENT_BYTES).unwrap().remove(0);
        let mut tips: Vec<_> = whole.body.documents[0].signatures.iter().map(|signature| Some(signature.tip)).collect();
        tips.sort();
        let mut expected = [first.change, second.change];
        expected.sort();
        assert_eq!(tips, expected);
        let usual = device.next_push(0).unwrap().unwrap();
        let of_it = usual.body.documents.iter().find(|d| d.descriptor.id() == first.document).unwrap();
        assert_eq!(of_it.signatures.len(), 1, "one covers both where nobody decides between them");
    }
}
