//! The chart as it was, what changed between two moments, who changed it as Provenance, and what was signed.

use std::collections::{BTreeMap, BTreeSet};

use clinical_record::{
    ChangeAgent, ElementChange, RecordDocument, ResourceKey, SignedVersion, compare, write_collection,
};
use serde_json::Value;
use sync_protocol::{AuthorId, ChangeHash, DeviceId, DocumentId, UnixMillis};

use super::history::{Authors, unsigned};
use crate::store::documents::StoredDocument;
use crate::store::{changes, trust};
use crate::trail::Act;
use crate::{ChartRef, Device, DeviceError, projection};

/// Media type of the signatures in a Provenance: Ed25519 over the document and the author's newest change.
const SIGNATURE_FORM: &str = "application/vnd.satchel.change-signature";

/// A chart as it was at a moment.
#[derive(Clone, PartialEq)]
pub struct ChartThen {
    /// Its resources, sorted; what was entered in error by then is left out.
    pub resources: Vec<Value>,
    /// Changes left out because they build on one that says it was made later: a clock was wrong. Other than 0, the moment is
    /// not to be relied on.
    pub out_of_order: usize,
}

/// An element of a chart that differs between two moments.
#[derive(Clone, PartialEq)]
pub struct ChartChange {
    /// The document it is in.
    pub document: DocumentId,
    /// What differs.
    pub change: ElementChange,
}

/// The last version of a note that someone signed.
#[derive(Clone, PartialEq)]
pub struct SignedNote {
    /// The change that signed it.
    pub change: ChangeHash,
    /// Who signed.
    pub author: super::Author,
    /// When, by the signer's clock. For display.
    pub time: UnixMillis,
    /// The note as the signer saw it.
    pub signed: Value,
    /// Someone typed in it elsewhere while it was being signed: it says something else by now.
    pub altered: bool,
}

impl std::fmt::Debug for ChartThen {
    /// Counts only.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChartThen").field("resources", &self.resources.len()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ChartChange {
    /// Where, not what.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChartChange").field("change", &self.change).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SignedNote {
    /// Who and when, not what.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignedNote")
            .field("change", &self.change)
            .field("altered", &self.altered)
            .finish_non_exhaustive()
    }
}

impl Device {
    /// A chart as it was written by a moment, by its authors' clocks. Recorded as `read`.
    ///
    /// # Errors
    /// [`DeviceError::UnknownPatient`], [`DeviceError::LeaseExpired`]; [`DeviceError::Quarantined`] if a part of it cannot be
    /// opened: a past that lacks something must not look whole. Storage.
    pub fn chart_as_of(
        &mut self,
        chart: &ChartRef,
        moment: UnixMillis,
        now: UnixMillis,
    ) -> Result<ChartThen, DeviceError> {
        let (mut resources, mut out_of_order) = (BTreeMap::new(), 0);
        for (_, opened) in self.opened_for_reading(chart, now)? {
            let then = opened.as_of(moment.0)?;
            out_of_order += then.out_of_order;
            resources.extend(then.document.shown_resources());
        }
        Ok(ChartThen { resources: resources.into_values().collect(), out_of_order })
    }

    /// What of a chart differs between two moments, element by element, with both values. Recorded as `read`.
    ///
    /// # Errors
    /// As [`Device::chart_as_of`].
    pub fn compare_chart(
        &mut self,
        chart: &ChartRef,
        from: UnixMillis,
        until: UnixMillis,
        now: UnixMillis,
    ) -> Result<Vec<ChartChange>, DeviceError> {
        let mut found = Vec::new();
        for (document, opened) in self.opened_for_reading(chart, now)? {
            let (before, after) = (opened.as_of(from.0)?.document, opened.as_of(until.0)?.document);
            let changes = compare(&before, &after).into_iter();
            found.extend(changes.map(|change| ChartChange { document: document.id, change }));
        }
        Ok(found)
    }

    /// The history of a chart, or of one resource of it, as a Bundle of FHIR Provenance: who changed which elements, when, on
    /// which device, why, and the signature that covers it. Recorded as `export`.
    ///
    /// # Errors
    /// As [`Device::chart_as_of`].
    pub fn export_provenance(
        &mut self,
        chart: &ChartRef,
        only: Option<&ResourceKey>,
        now: UnixMillis,
    ) -> Result<Value, DeviceError> {
        let documents = self.chart_documents(chart, now)?;
        let mut all = Vec::new();
        for document in &documents {
            let opened = projection::open_document(&self.db, document)?;
            let agents = self.agents(document, &opened)?;
            let provenance = opened.provenance(&|entry| agents.get(&entry.hash).cloned());
            all.extend(provenance.into_iter().filter(|one| only.is_none_or(|key| targets(one, key))));
        }
        let ids = documents.iter().map(|document| document.id).collect();
        self.record_act(&Act::new("export", Some(chart), ids), now)?;
        Ok(write_collection(all.into_iter().map(|one| (one, None))))
    }

    /// The version of a note that was signed; none for one that is not. Recorded as `read`.
    ///
    /// # Errors
    /// [`DeviceError::UnknownResource`]; as [`Device::chart_as_of`].
    pub fn signed_note(
        &mut self,
        chart: &ChartRef,
        note: &ResourceKey,
        now: UnixMillis,
    ) -> Result<Option<SignedNote>, DeviceError> {
        self.resource(chart, note, now)?;
        for (_, opened) in self.opened_for_reading(chart, now)? {
            if let Some(signed) = opened.signed_version(note) {
                return Ok(Some(self.signed(signed)?));
            }
        }
        Ok(None)
    }

    fn signed(&self, version: SignedVersion) -> Result<SignedNote, DeviceError> {
        Ok(SignedNote {
            change: ChangeHash(version.change),
            author: Authors::new(&self.db)?.of_actor(&version.actor)?,
            time: UnixMillis(version.time_ms),
            signed: version.signed,
            altered: version.altered,
        })
    }

    /// The documents of a chart, opened, and recorded as read.
    fn opened_for_reading(
        &mut self,
        chart: &ChartRef,
        now: UnixMillis,
    ) -> Result<Vec<(StoredDocument, RecordDocument)>, DeviceError> {
        let documents = self.read_whole_chart(chart, now)?;
        let open = |document: StoredDocument| Ok((projection::open_document(&self.db, &document)?, document));
        let opened = documents.into_iter().map(open).collect::<Result<Vec<_>, DeviceError>>()?;
        Ok(opened.into_iter().map(|(opened, document)| (document, opened)).collect())
    }

    /// Who made each change of a document, with the signature where it is over that very change.
    fn agents(
        &self,
        document: &StoredDocument,
        opened: &RecordDocument,
    ) -> Result<BTreeMap<[u8; 32], ChangeAgent>, DeviceError> {
        let unsigned: BTreeSet<ChangeHash> = unsigned(&self.db, document)?.into_iter().collect();
        let signatures = changes::signatures(&self.db, document.number)?;
        let mut agents = BTreeMap::new();
        for entry in opened.history(None) {
            let author = AuthorId::of_actor(&entry.actor).unwrap_or(AuthorId([0; 16]));
            let Some(certificate) = trust::trusted(&self.db, &author)? else { continue };
            let hash = ChangeHash(entry.hash);
            let own =
                signatures.iter().find(|one| one.tip == hash && one.author == author && !unsigned.contains(&hash));
            let agent = ChangeAgent {
                practitioner: certificate.body.practitioner.to_string(),
                organization: Some(certificate.body.organization.to_string()),
                device: Some(DeviceId::of_key(&certificate.body.device_key).to_string()),
                signature: own.map(|one| (one.signature.0.to_vec(), SIGNATURE_FORM.to_owned())),
            };
            agents.insert(entry.hash, agent);
        }
        Ok(agents)
    }
}

fn targets(provenance: &Value, key: &ResourceKey) -> bool {
    let name = key.to_string();
    provenance["target"].as_array().is_some_and(|all| all.iter().any(|one| one["reference"] == name.as_str()))
}
