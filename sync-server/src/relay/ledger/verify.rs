//! Verifying the audit trail: every row, what it anchors of devices' trails, what it says of disclosures, and checkpoints.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sync_protocol::identity::Purpose;
use sync_protocol::{DeviceId, TrailHash};
use utoipa::ToSchema;

use super::{AuditCheckpoint, TO_AN_OFFICER};
use crate::admin::schema;
use crate::relay::Relay;
use crate::store::{AuditRow, DeviceRecord, StoreError, TrailBranch};

/// Entries of a device's trail that are read at once.
const PAGE: usize = 1_000;

/// What does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", tag = "fault")]
pub enum AuditFault {
    /// A row was changed, removed or moved: the first that does not follow from the one before.
    Row {
        /// Its number.
        row: u64,
    },
    /// The trail ends before a row that a checkpoint names: its end was cut off.
    CutOff {
        /// The last row that is there.
        ends_at: u64,
        /// The row that the checkpoint names.
        checkpoint: u64,
    },
    /// The trail was written anew: a row is not the one that a checkpoint names.
    Rewritten {
        /// Which row.
        row: u64,
    },
    /// A checkpoint is not signed by this relay.
    NotOurCheckpoint {
        /// The row that it names.
        row: u64,
    },
    /// Entries of a device's trail that the relay anchored are missing or changed.
    DeviceTrail {
        /// Whose trail.
        #[schema(value_type = schema::HexId)]
        device: DeviceId,
        /// Which branch.
        branch: u32,
        /// The first entry that does not hold.
        entry: u64,
    },
    /// The index of disclosures does not say what the trail says.
    Disclosures {
        /// The row that it differs from; none if there are more than the trail has.
        row: Option<u64>,
    },
}

impl std::fmt::Display for AuditFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Row { row } => write!(f, "row {row} was changed, removed or moved"),
            Self::CutOff { ends_at, checkpoint } => {
                write!(
                    f,
                    "the trail ends at row {ends_at}, before row {checkpoint} of a checkpoint: its end was cut off"
                )
            }
            Self::Rewritten { row } => {
                write!(f, "row {row} is not the one of a checkpoint: the trail was written anew")
            }
            Self::NotOurCheckpoint { row } => write!(f, "the checkpoint of row {row} is not signed by this relay"),
            Self::DeviceTrail { device, branch, entry } => {
                write!(f, "the trail of device {device}, branch {branch}, does not hold at entry {entry}")
            }
            Self::Disclosures { row: Some(row) } => write!(f, "the index of disclosures differs from row {row}"),
            Self::Disclosures { row: None } => write!(f, "the index of disclosures has entries that no row has"),
        }
    }
}

/// A verification under way. It is carried on in steps, so that devices do not wait for the whole of it.
#[derive(Debug, Default)]
pub struct AuditVerifier {
    /// Rows that follow from one another so far.
    pub rows: u64,
    /// Entries of devices' trails that hold so far.
    pub entries: u64,
    /// What does not hold.
    pub faults: Vec<AuditFault>,
    hash: [u8; 32],
    checkpoints: Vec<AuditCheckpoint>,
    anchored: HashMap<(DeviceId, u32), u64>,
    disclosures: u64,
    devices: Option<VecDeque<DeviceRecord>>,
}

impl AuditVerifier {
    /// A verification from the first row on, compared with `checkpoints` too.
    #[must_use]
    pub fn against(checkpoints: Vec<AuditCheckpoint>) -> Self {
        Self { checkpoints, ..Self::default() }
    }

    fn fault(&mut self, fault: AuditFault) {
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }
}

impl Relay {
    /// Carries a verification on by some rows. Whether it is done.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn verify_further(&mut self, verifier: &mut AuditVerifier, rows: usize) -> Result<bool, StoreError> {
        if verifier.devices.is_none() {
            // As far as there were any when it was looked: while a relay is busy there is always another.
            if self.verify_rows(verifier, rows)? && verifier.rows < self.last_row()? {
                return Ok(false);
            }
            self.end_of_rows(verifier)?;
        }
        // Devices have gone on since: their trails are held to what is anchored by now.
        while self.verify_rows(verifier, rows)? {}
        if verifier.rows < self.last_row()? {
            verifier.fault(AuditFault::Row { row: verifier.rows + 1 });
            verifier.devices = Some(VecDeque::new());
        }
        let next = verifier.devices.as_mut().and_then(VecDeque::pop_front);
        let Some(device) = next else { return Ok(true) };
        self.verify_device(verifier, &device)?;
        Ok(false)
    }

    fn last_row(&self) -> Result<u64, StoreError> {
        Ok(self.store.last_audit_row()?.map_or(0, |(seq, _)| seq))
    }

    /// Verifies the next rows. Whether there were any that follow.
    fn verify_rows(&self, verifier: &mut AuditVerifier, limit: usize) -> Result<bool, StoreError> {
        let known = verifier.rows;
        for row in &self.rows_after(known, limit)? {
            if row.seq != verifier.rows + 1 || row.previous_hash != verifier.hash || row.hash != row.expected_hash() {
                break;
            }
            (verifier.rows, verifier.hash) = (row.seq, row.hash);
            self.verify_row(verifier, row)?;
        }
        Ok(verifier.rows > known)
    }

    /// Rows that can be read, up to the first that cannot.
    fn rows_after(&self, after: u64, limit: usize) -> Result<Vec<AuditRow>, StoreError> {
        match self.store.audit_after(after, limit) {
            // One of them cannot even be read: look at them one by one.
            Err(StoreError::Damaged(_) | StoreError::Database(_)) => match self.store.audit_after(after, 1) {
                Err(StoreError::Damaged(_)) => Ok(Vec::new()),
                found => found,
            },
            found => found,
        }
    }

    /// What is to be found elsewhere because this row says so.
    fn verify_row(&self, verifier: &mut AuditVerifier, row: &AuditRow) -> Result<(), StoreError> {
        let named = |checkpoint: &&AuditCheckpoint| checkpoint.seq == row.seq;
        if verifier.checkpoints.iter().filter(named).any(|checkpoint| checkpoint.hash != row.hash) {
            verifier.fault(AuditFault::Rewritten { row: row.seq });
        }
        let detail: Value = serde_json::from_str(&row.detail).unwrap_or_default();
        if row.action == "custody-show" {
            return self.verify_shown(verifier, row, &detail);
        }
        let Some(device) = row.device else { return Ok(()) };
        match row.action.as_str() {
            "trail" | "trail-fork" => {
                let branch =
                    detail["branch"].as_u64().and_then(|branch| u32::try_from(branch).ok()).unwrap_or_default();
                let last = detail["last"].as_u64().unwrap_or_default();
                let hash: Option<TrailHash> = detail["hash"].as_str().and_then(|hash| hash.parse().ok());
                let there = self.store.trail_hashes(&device, branch, last, last)?;
                if there.first().map(|(_, hash)| *hash) != hash {
                    verifier.fault(AuditFault::DeviceTrail { device, branch, entry: last });
                }
                let anchored = verifier.anchored.entry((device, branch)).or_default();
                *anchored = last.max(*anchored);
            }
            "disclose" | "lay-ready-sealed" | "fhir-read" | "fhir-search" | "fhir-everything" => {
                self.verify_disclosures(verifier, row, device, &detail)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn verify_disclosures(
        &self,
        verifier: &mut AuditVerifier,
        row: &AuditRow,
        device: DeviceId,
        detail: &Value,
    ) -> Result<(), StoreError> {
        let mut furthest: HashMap<u64, u64> = HashMap::new();
        for sent in detail["documents-upto"].as_array().into_iter().flatten() {
            let (document, upto) = (sent[0].as_u64().unwrap_or_default(), sent[1].as_u64().unwrap_or_default());
            let known = furthest.entry(document).or_default();
            *known = upto.max(*known);
        }
        verifier.disclosures += furthest.len() as u64;
        for (document, upto) in furthest {
            let indexed = self.store.disclosure(u32::try_from(document).unwrap_or_default(), row.seq)?;
            if indexed.map(|(device, upto)| (device, upto.0)) != Some((device, upto)) {
                verifier.fault(AuditFault::Disclosures { row: Some(row.seq) });
            }
        }
        Ok(())
    }

    /// What an officer was shown of a document is in the index too, under no device.
    fn verify_shown(&self, verifier: &mut AuditVerifier, row: &AuditRow, detail: &Value) -> Result<(), StoreError> {
        let upto = detail["upto"].as_u64().unwrap_or_default();
        let Some(id) = detail["document"].as_str().and_then(|id| id.parse().ok()).filter(|_| upto > 0) else {
            return Ok(());
        };
        let Some(document) = self.store.document(&id)? else { return Ok(()) };
        verifier.disclosures += 1;
        let indexed = self.store.disclosure(document.number, row.seq)?;
        if indexed.map(|(device, upto)| (device, upto.0)) != Some((TO_AN_OFFICER, upto)) {
            verifier.fault(AuditFault::Disclosures { row: Some(row.seq) });
        }
        Ok(())
    }

    fn end_of_rows(&mut self, verifier: &mut AuditVerifier) -> Result<(), StoreError> {
        let last = self.last_row()?;
        let broken = last > verifier.rows;
        if broken {
            verifier.fault(AuditFault::Row { row: verifier.rows + 1 });
        }
        let key = self.audit_key()?.public();
        for checkpoint in std::mem::take(&mut verifier.checkpoints) {
            if !checkpoint.holds(&self.id, &key) {
                verifier.fault(AuditFault::NotOurCheckpoint { row: checkpoint.seq });
            } else if checkpoint.seq > last {
                verifier.fault(AuditFault::CutOff { ends_at: last, checkpoint: checkpoint.seq });
            }
        }
        if !broken && self.store.count_disclosures()? > verifier.disclosures {
            verifier.fault(AuditFault::Disclosures { row: None });
        }
        // Behind a broken row nothing is known of what is anchored.
        verifier.devices = Some(if broken { VecDeque::new() } else { self.store.devices()?.into() });
        Ok(())
    }

    fn verify_device(&self, verifier: &mut AuditVerifier, device: &DeviceRecord) -> Result<(), StoreError> {
        for branch in self.store.trail_branches(&device.id())? {
            if let Some(entry) = self.first_bad_entry(verifier, device, &branch)? {
                verifier.fault(AuditFault::DeviceTrail { device: device.id(), branch: branch.branch, entry });
            }
        }
        Ok(())
    }

    /// The first entry of a branch that does not follow, is not signed or not anchored.
    fn first_bad_entry(
        &self,
        verifier: &mut AuditVerifier,
        device: &DeviceRecord,
        branch: &TrailBranch,
    ) -> Result<Option<u64>, StoreError> {
        let id = device.id();
        let (mut seq, mut hash) = (branch.first - 1, branch.previous);
        let stretches = self.store.trail_stretches(&id, branch.branch)?;
        let mut signed = stretches.iter().peekable();
        loop {
            let page = match self.store.trail_entries(&id, branch.branch, seq, PAGE) {
                Err(StoreError::Damaged(_)) => return Ok(Some(seq + 1)),
                page => page?,
            };
            if page.is_empty() {
                break;
            }
            for kept in page {
                if kept.seq != seq + 1 || kept.hash != kept.entry.hash(kept.seq, &hash) {
                    return Ok(Some(seq + 1));
                }
                (seq, hash) = (kept.seq, kept.hash);
                verifier.entries += 1;
                if let Some(stretch) = signed.next_if(|stretch| stretch.last == seq) {
                    let fields: [&[u8]; 3] = [&self.id.0, &seq.to_be_bytes(), &hash.0];
                    if device.key().verify(Purpose::Trail, &fields, &stretch.signature).is_err() {
                        return Ok(Some(seq));
                    }
                }
            }
        }
        let anchored = verifier.anchored.get(&(id, branch.branch)).copied().unwrap_or(branch.first - 1);
        let covered = stretches.last().map_or(branch.first - 1, |stretch| stretch.last);
        Ok((seq != anchored || seq != covered).then_some(seq.min(anchored).min(covered) + 1))
    }
}
