//! Import: a FHIR Bundle into the documents its entries belong in, in one transaction.

use std::collections::BTreeMap;

use clinical_record::{
    BundleError, BundleLimits, EncodedChange, PlacedEntry, ReadBundle, RecordDocument, ResourceKey, read_bundle,
    validate,
};
use rusqlite::{Connection, TransactionBehavior};
use sync_protocol::limits::MAX_CHANGE_BYTES;
use sync_protocol::{DocumentDescriptor, DocumentId, OrganizationId, PatientId, UnixMillis};

use super::settle::OpenConflicts;
use super::{append_own, sign_newest};
use crate::descriptor::descriptor_of;
use crate::observe::DeviceEvent;
use crate::store::documents::{self, StoredDocument};
use crate::store::identity::{self, Identity};
use crate::trail::{self, Act};
use crate::{ChartRef, Device, DeviceError, projection};

/// JSON that goes into one change, in bytes: far enough below the limit of a change that splitting again is rare.
const TARGET_JSON_BYTES: usize = MAX_CHANGE_BYTES / 4;
/// Problems that an error repeats.
const PROBLEMS_SHOWN: usize = 5;

/// How to import.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImportOptions {
    /// Import what can be imported. Otherwise one problem refuses the whole bundle.
    pub skip_problems: bool,
    /// What is not valid FHIR R4 is a problem. Otherwise it is imported as it is, and listed: a record of elsewhere is not
    /// lost over a missing element.
    pub only_valid: bool,
    /// How large a bundle may be.
    pub limits: BundleLimits,
}

/// What an import did. Counts are resources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// New here.
    pub created: usize,
    /// There before, otherwise.
    pub changed: usize,
    /// There before, the same.
    pub unchanged: usize,
    /// Entries that were left out.
    pub problems: Vec<ImportProblem>,
    /// Entries that were imported although they are not valid FHIR R4; the reason names the first element at fault.
    pub invalid: Vec<ImportProblem>,
    /// Elements of the Bundle itself that are not kept.
    pub warnings: Vec<String>,
    /// Charts that the bundle has content of.
    pub charts: Vec<ChartRef>,
}

/// An entry that was not imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportProblem {
    /// Its place in the bundle, from 0.
    pub index: usize,
    /// `Type/id`, as far as the entry says.
    pub resource: String,
    /// What is wrong. No content.
    pub reason: String,
}

impl std::fmt::Display for ImportProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "entry {} ({}): {}", self.index, self.resource, self.reason)
    }
}

/// Reads a file, given how to tell a patient who is known here.
pub(crate) type Reader<'r> = dyn Fn(&dyn Fn(&str) -> bool) -> Result<ReadBundle, BundleError> + 'r;

impl Device {
    /// Imports a FHIR Bundle. All or nothing, unless [`ImportOptions::skip_problems`]. A second time changes nothing.
    ///
    /// `progress`: called with (documents done, documents in all).
    /// # Errors
    /// [`DeviceError::ImportRefused`]; [`DeviceError::BadBundle`] if it is no Bundle; [`DeviceError::LeaseExpired`];
    /// storage. Nothing is stored then.
    pub fn import(
        &mut self,
        bundle: &[u8],
        options: &ImportOptions,
        now: UnixMillis,
        progress: impl FnMut(usize, usize),
    ) -> Result<ImportReport, DeviceError> {
        self.import_with(&|known| read_bundle(bundle, &options.limits, known), options, now, progress)
    }

    /// Imports what `read` makes of a file. It is given how to tell a patient who is known here.
    pub(crate) fn import_with(
        &mut self,
        read: &Reader<'_>,
        options: &ImportOptions,
        now: UnixMillis,
        mut progress: impl FnMut(usize, usize),
    ) -> Result<ImportReport, DeviceError> {
        self.check_lease(now)?;
        let identity = self.identity.as_ref().ok_or(DeviceError::NotEnrolled)?;
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let read = read(&|patient| is_known(&tx, patient)).map_err(|error| not_a_bundle(&error))?;
        let mut import = Import::new(&tx, identity, now, read, options.only_valid)?;
        let documents = std::mem::take(&mut import.documents);
        let total = documents.len();
        for (done, (descriptor, entries)) in documents.into_iter().enumerate() {
            import.document(&descriptor, entries)?;
            progress(done + 1, total);
        }
        let (report, touched) = (import.report, import.touched);
        if !options.skip_problems && !report.problems.is_empty() {
            return Err(refused(&report.problems));
        }
        record(&tx, &touched, now)?;
        tx.commit()?;
        self.note_unsent();
        if !touched.is_empty() {
            let documents = touched.into_iter().map(|(_, document)| document).collect();
            self.tell(&DeviceEvent::DocumentsChanged { documents, charts: report.charts.clone() });
            self.tell(&DeviceEvent::OutboxGrew);
            self.run_live_queries(now);
        }
        Ok(report)
    }
}

/// One entry for each chart, of the documents that changed.
fn record(db: &Connection, touched: &[(Option<ChartRef>, DocumentId)], now: UnixMillis) -> Result<(), DeviceError> {
    let mut by_chart: BTreeMap<&Option<ChartRef>, Vec<DocumentId>> = BTreeMap::new();
    for (chart, document) in touched {
        by_chart.entry(chart).or_default().push(*document);
    }
    for (chart, documents) in by_chart {
        trail::record(db, &Act::new("edit", chart.as_ref(), documents).because("import"), now)?;
    }
    Ok(())
}

fn is_known(db: &Connection, patient: &str) -> bool {
    PatientId::new(patient).is_ok_and(|id| documents::organizations_of(db, &id).is_ok_and(|found| !found.is_empty()))
}

fn not_a_bundle(error: &BundleError) -> DeviceError {
    // Says what and where, never the content: see the error's own documentation.
    DeviceError::BadBundle(error.to_string())
}

fn refused(problems: &[ImportProblem]) -> DeviceError {
    let first = problems.iter().take(PROBLEMS_SHOWN).map(ToString::to_string).collect();
    DeviceError::ImportRefused { problems: problems.len(), first }
}

struct Import<'a> {
    db: &'a Connection,
    identity: &'a Identity,
    now: UnixMillis,
    actor: Vec<u8>,
    documents: BTreeMap<DocumentDescriptor, Vec<PlacedEntry>>,
    report: ImportReport,
    touched: Vec<(Option<ChartRef>, DocumentId)>,
}

impl<'a> Import<'a> {
    fn new(
        db: &'a Connection,
        identity: &'a Identity,
        now: UnixMillis,
        read: ReadBundle,
        only_valid: bool,
    ) -> Result<Self, DeviceError> {
        let report = ImportReport { warnings: read.warnings, ..ImportReport::default() };
        let actor = identity.author.actor(identity::incarnation(db)?).to_vec();
        let mut import = Self { db, identity, now, actor, documents: BTreeMap::new(), report, touched: Vec::new() };
        for problem in read.problems {
            let resource_type = problem.resource_type.unwrap_or_else(|| "?".into());
            let resource = format!("{resource_type}/{}", problem.id.unwrap_or_else(|| "?".into()));
            let reason = problem.cause.to_string();
            import.report.problems.push(ImportProblem { index: problem.index, resource, reason });
        }
        let mut organizations = BTreeMap::new();
        for entry in read.entries {
            if let Some(issue) = validate(&entry.resource).into_iter().next() {
                let problem = import.problem_of(&entry, issue.to_string());
                if only_valid {
                    import.report.problems.push(problem);
                    continue;
                }
                import.report.invalid.push(problem);
            }
            match import.descriptor(&mut organizations, &entry) {
                Ok(descriptor) => import.documents.entry(descriptor).or_default().push(entry),
                Err(DeviceError::Storage { code, doing }) => return Err(DeviceError::Storage { code, doing }),
                Err(error) => import.problem(&entry, &error),
            }
        }
        import.report.charts = import.documents.keys().filter_map(documents::chart_of).collect();
        import.report.charts.dedup();
        Ok(import)
    }

    /// Which document an entry belongs in: of the organization that has the patient's chart, else of our own.
    fn descriptor(
        &self,
        organizations: &mut BTreeMap<String, OrganizationId>,
        entry: &PlacedEntry,
    ) -> Result<DocumentDescriptor, DeviceError> {
        let Some(patient) = &entry.key.patient else {
            return descriptor_of(&entry.key, &self.identity.organization);
        };
        if !organizations.contains_key(patient) {
            let found = documents::organizations_of(self.db, &PatientId::new(patient.as_str())?)?;
            let organization = match found.as_slice() {
                [only] => only.clone(),
                several if several.is_empty() || several.contains(&self.identity.organization) => {
                    self.identity.organization.clone()
                }
                _ => return Err(DeviceError::AmbiguousPatient { patient: patient.clone(), organizations: found }),
            };
            organizations.insert(patient.clone(), organization);
        }
        descriptor_of(&entry.key, &organizations[patient])
    }

    fn document(&mut self, descriptor: &DocumentDescriptor, entries: Vec<PlacedEntry>) -> Result<(), DeviceError> {
        let document = documents::find_or_add(self.db, descriptor)?;
        let mut opened = projection::open_document(self.db, &document)?;
        let mut newest = None;
        for chunk in chunks(entries) {
            if let Some(change) = self.chunk(&document, &mut opened, &chunk)? {
                newest = Some(change);
            }
        }
        if let Some(newest) = newest {
            // One signature over the last change covers those before it.
            sign_newest(self.db, self.identity, &document, &newest)?;
            projection::project(self.db, &document, &opened)?;
            self.touched.push((document.chart(), document.id));
        }
        Ok(())
    }

    /// Writes some entries as one change, or as several if one would be too large or some of it cannot be written.
    fn chunk(
        &mut self,
        document: &StoredDocument,
        opened: &mut RecordDocument,
        entries: &[PlacedEntry],
    ) -> Result<Option<EncodedChange>, DeviceError> {
        let before: Vec<Option<bool>> = entries.iter().map(|entry| same(opened, entry)).collect();
        if before.iter().all(|same| *same == Some(true)) {
            self.report.unchanged += entries.len();
            return Ok(None);
        }
        let mut next = opened.clone();
        let (_, change) = next.edit(&self.actor, self.now.0, |editor| {
            entries.iter().try_for_each(|entry| {
                let key = editor.put_resource(&entry.resource)?;
                editor.set_entry_metadata(&key, entry.metadata.as_ref())
            })
        })?;
        if let Some(change) = &change
            && let Err(reason) = acceptable(opened, &next, change)
        {
            return self.split(document, opened, entries, &reason);
        }
        *opened = next;
        for same in before {
            match same {
                None => self.report.created += 1,
                Some(true) => self.report.unchanged += 1,
                Some(false) => self.report.changed += 1,
            }
        }
        if let Some(change) = &change {
            append_own(self.db, document, change, self.now)?;
        }
        Ok(change)
    }

    fn split(
        &mut self,
        document: &StoredDocument,
        opened: &mut RecordDocument,
        entries: &[PlacedEntry],
        reason: &DeviceError,
    ) -> Result<Option<EncodedChange>, DeviceError> {
        if let [entry] = entries {
            self.problem(entry, reason);
            return Ok(None);
        }
        let (first, second) = entries.split_at(entries.len() / 2);
        let first = self.chunk(document, opened, first)?;
        Ok(self.chunk(document, opened, second)?.or(first))
    }

    fn problem(&mut self, entry: &PlacedEntry, reason: &DeviceError) {
        let problem = self.problem_of(entry, reason.to_string());
        self.report.problems.push(problem);
    }

    fn problem_of(&self, entry: &PlacedEntry, reason: String) -> ImportProblem {
        let resource = ResourceKey::of(&entry.resource).map(|key| key.to_string()).unwrap_or_default();
        ImportProblem { index: entry.index, resource, reason }
    }
}

/// Whether a change of an import can be sent, and decides nothing between people.
fn acceptable(before: &RecordDocument, after: &RecordDocument, change: &EncodedChange) -> Result<(), DeviceError> {
    let bytes = change.bytes.len();
    if bytes > MAX_CHANGE_BYTES {
        return Err(DeviceError::ChangeTooLarge { bytes, limit: MAX_CHANGE_BYTES });
    }
    OpenConflicts::of(before).check(after, &change.meta.hash)
}

/// None if the resource is not there yet, else whether it is there just so.
fn same(opened: &RecordDocument, entry: &PlacedEntry) -> Option<bool> {
    let key = ResourceKey::of(&entry.resource).ok()?;
    let held = opened.resource(&key)?;
    Some(held == entry.resource && opened.entry_metadata(&key) == entry.metadata)
}

/// Entries in runs of about [`TARGET_JSON_BYTES`].
fn chunks(entries: Vec<PlacedEntry>) -> Vec<Vec<PlacedEntry>> {
    let mut chunks: Vec<Vec<PlacedEntry>> = Vec::new();
    let mut size = usize::MAX;
    for entry in entries {
        let bytes = entry.resource.to_string().len();
        if size.saturating_add(bytes) > TARGET_JSON_BYTES {
            chunks.push(Vec::new());
            size = 0;
        }
        size += bytes;
        if let Some(last) = chunks.last_mut() {
            last.push(entry);
        }
    }
    chunks
}
