//! Finds resources. Every row is held against the documents that the caller may see before it is counted, put in order, cut
//! into pages or otherwise allowed to have an effect.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use clinical_record::person::person_groups;
use roaring::RoaringBitmap;
use rusqlite::types::Value as Bound;
use rusqlite::{OptionalExtension, params, params_from_iter};
use serde_json::Value;
use sync_protocol::{OrganizationId, UnixMillis};

use super::{Index, IndexError};
use crate::fhir::query::Criteria;
use crate::store::Position;

/// A resource that was found.
#[derive(Clone, PartialEq, Eq)]
pub struct Found {
    /// Number of its document.
    pub document: u32,
    /// The document's newest change in the index.
    pub upto: Position,
    /// FHIR type.
    pub resource_type: String,
    /// FHIR id.
    pub id: String,
    /// Version.
    pub version: String,
    /// When the relay took the newest change of it, or later.
    pub updated: UnixMillis,
    /// JSON, as it is shown.
    pub body: String,
}

/// A page of what was found.
#[derive(Default)]
pub struct Matches {
    /// In order of their ids.
    pub found: Vec<Found>,
    /// There are more.
    pub more: bool,
}

/// A row before its content is read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    /// Patients first: who reads page by page knows whose record it is.
    rank: u8,
    resource_type: String,
    id: String,
    row: i64,
}

/// Bytes of JSON that one page holds, beyond its first resource.
const PAGE_BYTES: usize = 8 * 1024 * 1024;

impl Index {
    /// One resource; of several under the same type and id, that of the caller's own organization.
    ///
    /// # Errors
    /// [`IndexError::Store`].
    pub fn resource(
        &self,
        visible: &RoaringBitmap,
        own: &OrganizationId,
        resource_type: &str,
        id: &str,
    ) -> Result<Option<Found>, IndexError> {
        let sql = "SELECT resource.id, document FROM resource JOIN document ON document.number = document
                   WHERE type = ?1 AND fhir_id = ?2 ORDER BY organization != ?3, document";
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query(params![resource_type, id, own.as_str()])?;
        while let Some(row) = rows.next()? {
            if visible.contains(row.get(1)?) {
                return self.read(row.get(0)?).map(Some);
            }
        }
        Ok(None)
    }

    /// Resources that meet criteria, after an id.
    ///
    /// # Errors
    /// [`IndexError::Store`].
    pub fn search(
        &self,
        visible: &RoaringBitmap,
        own: &OrganizationId,
        criteria: &Criteria,
        after: &str,
    ) -> Result<Matches, IndexError> {
        let mut matches = Matches::default();
        let mut bytes = 0;
        self.each_match(visible, own, criteria, after, |row| {
            if matches.found.len() >= criteria.count || bytes > PAGE_BYTES {
                matches.more = true;
                return Ok(false);
            }
            let found = self.read(row)?;
            bytes += found.body.len();
            matches.found.push(found);
            Ok(true)
        })?;
        Ok(matches)
    }

    /// How many resources meet criteria, of those that the caller may see.
    ///
    /// # Errors
    /// [`IndexError::Store`].
    pub fn count(
        &self,
        visible: &RoaringBitmap,
        own: &OrganizationId,
        criteria: &Criteria,
    ) -> Result<usize, IndexError> {
        let mut count = 0;
        self.each_match(visible, own, criteria, "", |_| {
            count += 1;
            Ok(true)
        })?;
        Ok(count)
    }

    /// Calls `take` with the row of each match that the caller may see, in order, each id once, until it says to stop.
    fn each_match(
        &self,
        visible: &RoaringBitmap,
        own: &OrganizationId,
        criteria: &Criteria,
        after: &str,
        mut take: impl FnMut(i64) -> Result<bool, IndexError>,
    ) -> Result<(), IndexError> {
        let mut charts = BTreeSet::new();
        for patient in criteria.charts.iter().flatten() {
            charts.insert(patient.clone());
        }
        let persons = self.registrations(visible, &charts)?;
        let (conditions, mut values) = criteria.conditions(&persons);
        values.splice(
            0..0,
            [criteria.resource_type.to_owned().into(), after.to_owned().into(), own.as_str().to_owned().into()],
        );
        let values: Vec<Bound> = values;
        let sql = format!(
            "SELECT resource.id, document, fhir_id FROM resource JOIN document ON document.number = document
             WHERE type = ?1 AND fhir_id > ?2 {conditions}
             ORDER BY fhir_id, organization != ?3, document"
        );
        let mut statement = self.db.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        let mut last: Option<String> = None;
        while let Some(row) = rows.next()? {
            if !visible.contains(row.get(1)?) {
                continue;
            }
            let id: String = row.get(2)?;
            if last.as_ref() == Some(&id) {
                continue;
            }
            if !take(row.get(0)?)? {
                return Ok(());
            }
            last = Some(id);
        }
        Ok(())
    }

    /// All registrations of the persons that these patients are, by patient; merged ones are several.
    ///
    /// # Errors
    /// [`IndexError::Store`].
    pub fn registrations(
        &self,
        visible: &RoaringBitmap,
        patients: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Vec<String>>, IndexError> {
        let mut all: BTreeMap<String, Vec<String>> =
            patients.iter().map(|patient| (patient.clone(), vec![patient.clone()])).collect();
        if patients.is_empty() {
            return Ok(all);
        }
        let sql = "SELECT document, body FROM resource WHERE type = 'Patient' AND id IN
                   (SELECT resource FROM value WHERE name = 'link')";
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        let mut linked: Vec<Value> = Vec::new();
        while let Some(row) = rows.next()? {
            if visible.contains(row.get(0)?) {
                linked.extend(serde_json::from_str::<Value>(&row.get::<_, String>(1)?).ok());
            }
        }
        for group in person_groups(&linked) {
            let members: Vec<String> = group.replaced.iter().cloned().chain([group.survivor.clone()]).collect();
            for member in &members {
                if let Some(found) = all.get_mut(member) {
                    found.clone_from(&members);
                }
            }
        }
        Ok(all)
    }

    /// A page of everything in the charts of a person, and of the directory what it refers to. `after`: type and id of the last
    /// of the page before. `since`: in milliseconds.
    ///
    /// # Errors
    /// [`IndexError::Store`].
    pub fn everything(
        &self,
        visible: &RoaringBitmap,
        own: &OrganizationId,
        charts: &[String],
        wanted: &Wanted<'_>,
    ) -> Result<Matches, IndexError> {
        let mut candidates = self.of_charts(visible, charts)?;
        self.add_mentioned(visible, own, &mut candidates)?;
        candidates.sort();
        candidates.dedup_by(|one, other| (&one.resource_type, &one.id) == (&other.resource_type, &other.id));
        let mut matches = Matches::default();
        let mut bytes = 0;
        for candidate in candidates {
            let name = (candidate.rank, candidate.resource_type.as_str(), candidate.id.as_str());
            let before = wanted.after.is_some_and(|(kind, id)| name <= (rank(kind), kind, id));
            let other = !wanted.types.is_empty() && !wanted.types.iter().any(|kind| *kind == candidate.resource_type);
            if before || other {
                continue;
            }
            let found = self.read(candidate.row)?;
            if found.updated.0 < wanted.since.unwrap_or(i64::MIN) {
                continue;
            }
            if matches.found.len() >= wanted.count || bytes > PAGE_BYTES {
                matches.more = true;
                break;
            }
            bytes += found.body.len();
            matches.found.push(found);
        }
        Ok(matches)
    }

    fn of_charts(&self, visible: &RoaringBitmap, charts: &[String]) -> Result<Vec<Candidate>, IndexError> {
        let sql = "SELECT resource.id, document, type, fhir_id FROM resource
                   WHERE document IN (SELECT number FROM document WHERE patient = ?1)";
        let mut statement = self.db.prepare_cached(sql)?;
        let mut found = Vec::new();
        for chart in charts {
            let mut rows = statement.query([chart])?;
            while let Some(row) = rows.next()? {
                if visible.contains(row.get(1)?) {
                    found.push(candidate(row.get(0)?, row.get(2)?, row.get(3)?));
                }
            }
        }
        Ok(found)
    }

    /// Adds what these resources mention of directories, and what that mentions there.
    fn add_mentioned(
        &self,
        visible: &RoaringBitmap,
        own: &OrganizationId,
        found: &mut Vec<Candidate>,
    ) -> Result<(), IndexError> {
        let directory = self.directory(visible, own)?;
        let mut mentions = self.db.prepare_cached("SELECT fhir_id FROM mention WHERE resource = ?1")?;
        let mut looked_at = 0;
        let mut there: HashSet<i64> = found.iter().map(|one| one.row).collect();
        while looked_at < found.len() {
            let ids: Vec<String> =
                mentions.query_map([found[looked_at].row], |row| row.get(0))?.collect::<Result<_, _>>()?;
            looked_at += 1;
            for entry in ids.iter().filter_map(|id| directory.get(id)).flatten() {
                if there.insert(entry.row) {
                    found.push(entry.clone());
                }
            }
        }
        Ok(())
    }

    /// Entries of the directories that the caller may see, by id; the own organization's first.
    fn directory(
        &self,
        visible: &RoaringBitmap,
        own: &OrganizationId,
    ) -> Result<BTreeMap<String, Vec<Candidate>>, IndexError> {
        let sql = "SELECT resource.id, document, type, fhir_id FROM document JOIN resource ON document = number
                   WHERE patient IS NULL ORDER BY organization != ?1, number";
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query([own.as_str()])?;
        let mut entries: BTreeMap<String, Vec<Candidate>> = BTreeMap::new();
        while let Some(row) = rows.next()? {
            if visible.contains(row.get(1)?) {
                let entry = candidate(row.get(0)?, row.get(2)?, row.get(3)?);
                let same = entries.entry(entry.id.clone()).or_default();
                if !same.iter().any(|known| known.resource_type == entry.resource_type) {
                    same.push(entry);
                }
            }
        }
        Ok(entries)
    }

    /// Organizations that manage a chart of this patient of which the caller may see something, the own one first.
    ///
    /// # Errors
    /// [`IndexError::Store`].
    pub fn organizations_of(
        &self,
        visible: &RoaringBitmap,
        own: &OrganizationId,
        patient: &str,
    ) -> Result<Vec<OrganizationId>, IndexError> {
        let sql = "SELECT number, organization FROM document WHERE patient = ?1 ORDER BY organization != ?2, number";
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query([patient, own.as_str()])?;
        let mut found: Vec<OrganizationId> = Vec::new();
        while let Some(row) = rows.next()? {
            if visible.contains(row.get(0)?)
                && let Ok(id) = OrganizationId::new(row.get::<_, String>(1)?)
                && !found.contains(&id)
            {
                found.push(id);
            }
        }
        Ok(found)
    }

    fn read(&self, row: i64) -> Result<Found, IndexError> {
        let sql = "SELECT document, upto, type, fhir_id, version, updated, body
                   FROM resource JOIN document ON document.number = document WHERE resource.id = ?1";
        let read = |row: &rusqlite::Row<'_>| {
            Ok(Found {
                document: row.get(0)?,
                upto: Position(row.get(1)?),
                resource_type: row.get(2)?,
                id: row.get(3)?,
                version: row.get(4)?,
                updated: UnixMillis(row.get(5)?),
                body: row.get(6)?,
            })
        };
        let found = self.db.prepare_cached(sql)?.query_row([row], read).optional()?;
        Ok(found.ok_or(crate::store::StoreError::Damaged("index"))?)
    }
}

/// What is wanted of a patient's record.
#[derive(Clone, Debug, Default)]
pub struct Wanted<'a> {
    /// Types; empty for all.
    pub types: Vec<&'static str>,
    /// Taken by the relay at this moment or later.
    pub since: Option<i64>,
    /// At most so many.
    pub count: usize,
    /// After this one: type and id.
    pub after: Option<(&'a str, &'a str)>,
}

fn candidate(row: i64, resource_type: String, id: String) -> Candidate {
    Candidate { rank: rank(&resource_type), resource_type, id, row }
}

fn rank(resource_type: &str) -> u8 {
    u8::from(resource_type != "Patient")
}
