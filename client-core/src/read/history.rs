//! Who changed what in a chart, with the practitioner behind each change and whether it is signed.

use std::collections::{BTreeSet, HashMap, HashSet};

use clinical_record::{ResourceKey, TouchedElement, inspect_change};
use rusqlite::Connection;
use sync_protocol::identity::ChangeLink;
use sync_protocol::{AuthorId, ChangeHash, DocumentId, OrganizationId, PractitionerId, UnixMillis};

use crate::store::documents::{self, StoredDocument};
use crate::store::{changes, outbox, resources, trust};
use crate::{ChartRef, Device, DeviceError, projection};

/// Who wrote something.
#[derive(Clone, PartialEq, Eq)]
pub struct Author {
    /// The author: one practitioner on one device.
    pub id: AuthorId,
    /// The practitioner, from the author's certificate; none while no trusted one is here.
    pub practitioner: Option<PractitionerId>,
    /// What the directory calls them.
    pub name: Option<String>,
    /// For which organization they wrote.
    pub organization: Option<OrganizationId>,
}

impl std::fmt::Debug for Author {
    /// Ids only.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Author").field("id", &self.id).finish_non_exhaustive()
    }
}

/// One change of a chart.
#[derive(Clone, PartialEq)]
pub struct ChartHistoryEntry {
    /// The document it is in.
    pub document: DocumentId,
    /// The change.
    pub change: ChangeHash,
    /// Who made it.
    pub author: Author,
    /// Whether a valid signature of its author covers it.
    pub signed: bool,
    /// Whether the relay has it.
    pub sent: bool,
    /// When, by the author's clock. For display.
    pub time: UnixMillis,
    /// Why, where the author said it.
    pub message: Option<String>,
    /// What it touched.
    pub touched: Vec<TouchedElement>,
}

impl std::fmt::Debug for ChartHistoryEntry {
    /// Ids only: what it touched is patient content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChartHistoryEntry").field("change", &self.change).finish_non_exhaustive()
    }
}

impl Device {
    /// The changes of a chart, or of one resource of it: in causal order within a document. Recorded as
    /// `read`.
    ///
    /// # Errors
    /// [`DeviceError::UnknownPatient`], [`DeviceError::LeaseExpired`]; storage. Documents in quarantine are left out.
    pub fn history(
        &mut self,
        chart: &ChartRef,
        only: Option<&ResourceKey>,
        now: UnixMillis,
    ) -> Result<Vec<ChartHistoryEntry>, DeviceError> {
        let documents = self.chart_documents(chart, now)?;
        let mut history = Vec::new();
        for document in documents.iter().filter(|document| document.unreadable.is_none()) {
            if let Some(key) = only
                && resources::holder(&self.db, &[document.number], key)?.is_none()
            {
                continue;
            }
            history.extend(self.history_of(document, only)?);
        }
        self.record_reading(chart, history.iter().map(|entry| entry.document).collect::<BTreeSet<_>>(), now)?;
        Ok(history)
    }

    fn history_of(
        &self,
        document: &StoredDocument,
        only: Option<&ResourceKey>,
    ) -> Result<Vec<ChartHistoryEntry>, DeviceError> {
        let opened = projection::open_document(&self.db, document)?;
        let unsigned = unsigned(&self.db, document)?;
        let unsent: HashSet<ChangeHash> = outbox::all(&self.db)?
            .into_iter()
            .filter(|held| held.document == document.id)
            .map(|held| held.hash)
            .collect();
        let mut authors = Authors::new(&self.db)?;
        let mut entries = Vec::new();
        for entry in opened.history(only) {
            let change = ChangeHash(entry.hash);
            entries.push(ChartHistoryEntry {
                document: document.id,
                change,
                author: authors.of_actor(&entry.actor)?,
                signed: !unsigned.contains(&change),
                sent: !unsent.contains(&change),
                time: UnixMillis(entry.time_ms),
                message: entry.message,
                touched: entry.touched,
            });
        }
        Ok(entries)
    }
}

/// Changes that no valid signature of their author covers.
pub(super) fn unsigned(db: &Connection, document: &StoredDocument) -> Result<HashSet<ChangeHash>, DeviceError> {
    let mut links = Vec::new();
    for change in changes::of_document(db, document.number)? {
        let meta = inspect_change(&change.payload)?;
        let author = AuthorId::of_actor(&meta.actor).unwrap_or(AuthorId([0; 16]));
        let deps = meta.deps.into_iter().map(ChangeHash).collect();
        links.push(ChangeLink { hash: change.hash, author, deps });
    }
    let mut tips = Vec::new();
    for signature in changes::signatures(db, document.number)? {
        let certificate = trust::trusted(db, &signature.author)?;
        if certificate.is_some_and(|certificate| signature.verify(&certificate, &document.id).is_ok()) {
            tips.push((signature.author, signature.tip));
        }
    }
    Ok(sync_protocol::identity::uncovered(&links, &tips).into_iter().collect())
}

/// Looks authors up, each once.
pub(super) struct Authors<'a> {
    db: &'a Connection,
    directories: Vec<i64>,
    known: HashMap<Vec<u8>, Author>,
}

impl<'a> Authors<'a> {
    pub(super) fn new(db: &'a Connection) -> Result<Self, DeviceError> {
        let directories = documents::of_directories(db)?.into_iter().map(|document| document.number).collect();
        Ok(Self { db, directories, known: HashMap::new() })
    }

    pub(super) fn of_actor(&mut self, actor: &[u8]) -> Result<Author, DeviceError> {
        if let Some(author) = self.known.get(actor) {
            return Ok(author.clone());
        }
        let id = AuthorId::of_actor(actor).unwrap_or(AuthorId([0; 16]));
        let body = trust::trusted(self.db, &id)?.map(|certificate| certificate.body);
        let author = match body {
            None => Author { id, practitioner: None, name: None, organization: None },
            Some(body) => Author {
                id,
                name: self.name_of(&body.practitioner)?,
                practitioner: Some(body.practitioner),
                organization: Some(body.organization),
            },
        };
        self.known.insert(actor.to_vec(), author.clone());
        Ok(author)
    }

    fn name_of(&self, practitioner: &PractitionerId) -> Result<Option<String>, DeviceError> {
        let key = ResourceKey::new("Practitioner", practitioner.as_str());
        let Some(holder) = resources::holder(self.db, &self.directories, &key)? else { return Ok(None) };
        let entries = resources::of_document(self.db, holder)?;
        Ok(entries.into_iter().find(|entry| entry.key == key).map(|entry| entry.summary))
    }
}
