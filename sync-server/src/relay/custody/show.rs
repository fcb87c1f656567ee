//! What is needed to show a privacy officer what a change in custody would change. The relay only gives it out; it is
//! rendered elsewhere.

use std::collections::HashSet;

use roaring::RoaringBitmap;
use serde_json::json;
use sync_protocol::{ChangeHash, DocumentDescriptor, UnixMillis};

use crate::access::Subject;
use crate::relay::Relay;
use crate::relay::change_check::check_change;
use crate::relay::ledger::TO_AN_OFFICER;
use crate::store::{CustodyCase, CustodyState, Disclosed, NewAuditRow, Position, StoreError};

/// Changes that a document may have to be shown, in bytes. Far more than any chart.
const MAX_DOCUMENT_BYTES: usize = 64 * 1024 * 1024;

/// A change in custody with what it would be applied to.
#[derive(Clone, Debug)]
pub struct CustodyMaterial {
    /// What document it is meant for.
    pub descriptor: DocumentDescriptor,
    /// The document's changes in the log, then what it builds on in custody.
    pub before: Vec<Vec<u8>>,
    /// The change.
    pub change: Vec<u8>,
}

/// Changes of a document in the log, its number if there are any, and up to where.
type InLog = (Vec<Vec<u8>>, Option<u32>, Position);

impl Relay {
    /// Gives out what shows what a change in custody would change. A disclosure to the officer, and recorded as one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::NotPermitted`], [`StoreError::Conflict`] if it is in the log already.
    pub fn custody_material(
        &mut self,
        officer: &Subject,
        id: u64,
        now: UnixMillis,
    ) -> Result<CustodyMaterial, StoreError> {
        let case = self.store.custody_case(id)?;
        let descriptor = case.entry.descriptor.clone();
        self.may_return(officer, &case, now)?;
        if case.state == CustodyState::Accepted {
            return Err(StoreError::Conflict("it is accepted and in the document".into()));
        }
        let (mut before, number, upto) = self.in_log(officer, &descriptor, now)?;
        before.extend(self.below(&case)?);
        self.begin()?;
        let row = self.store.append_audit_row(&NewAuditRow {
            at: now,
            action: "custody-show",
            device: None,
            practitioner: Some(officer.practitioner.clone()),
            organization: Some(officer.organization.clone()),
            detail: json!({ "custody": id, "document": descriptor.id(), "change": case.entry.hash, "upto": upto }),
        })?;
        if let Some(document) = number {
            let shown = Disclosed { document, upto, break_glass: false, sealed: false };
            self.store.add_disclosures(&TO_AN_OFFICER, row, &[shown])?;
        }
        Ok(CustodyMaterial { descriptor, before, change: case.entry.payload })
    }

    /// What the log has of a document, its number if that is something, and up to where.
    fn in_log(&self, officer: &Subject, descriptor: &DocumentDescriptor, now: UnixMillis) -> Result<InLog, StoreError> {
        let Some(entry) = self.store.document(&descriptor.id())? else { return Ok(Default::default()) };
        let mut room = RoaringBitmap::new();
        let permit = self.gate.custody_read_permit(officer, &entry, &mut room, now).ok_or(StoreError::NotPermitted)?;
        let changes = self.store.changes(&permit, entry.number, Position::default(), MAX_DOCUMENT_BYTES)?;
        let upto = changes.last().map(|change| change.position).unwrap_or_default();
        let number = (!changes.is_empty()).then_some(entry.number);
        Ok((changes.into_iter().map(|change| change.payload).collect(), number, upto))
    }

    /// What a change in custody builds on there.
    fn below(&self, case: &CustodyCase) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut others = self.store.custody_of(&case.entry.descriptor.id())?;
        others.retain(|other| other.state != CustodyState::Accepted);
        let deps = |payload: &[u8]| check_change(payload).map(|change| change.link.deps).unwrap_or_default();
        let mut wanted: Vec<ChangeHash> = deps(&case.entry.payload);
        let (mut seen, mut below) = (HashSet::from([case.entry.hash]), Vec::new());
        while let Some(hash) = wanted.pop() {
            let found = others.iter().find(|other| other.entry.hash == hash);
            if let Some(other) = found.filter(|_| seen.insert(hash)) {
                wanted.extend(deps(&other.entry.payload));
                below.push(other.entry.payload.clone());
            }
        }
        Ok(below)
    }
}
