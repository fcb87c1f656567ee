//! Rows of the audit trail with what they refer to looked up, to be told as FHIR AuditEvents.

use std::collections::HashSet;

use serde_json::{Value, json};
use sync_protocol::{DocumentId, UnixMillis};

use crate::audit_event::{EventDocument, EventEntry, EventRow};
use crate::relay::Relay;
use crate::store::{AuditRow, Scope, StoreError};

impl Relay {
    /// Rows after a number that concern these organizations, with what they refer to.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn audit_event_rows(&self, scope: &Scope, after: u64, limit: usize) -> Result<Vec<EventRow>, StoreError> {
        self.store.audit_page(scope, after, limit)?.into_iter().map(|row| self.event_row(row)).collect()
    }

    /// Records that somebody read of the audit trail or of the alerts: a row for each organization whose they are, so that it
    /// shows there.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn read_audit(
        &mut self,
        action: &'static str,
        scope: &Scope,
        detail: &Value,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let Scope::Of(organizations) = scope else { return self.administered(action, detail.clone(), now) };
        for organization in organizations {
            let mut detail = detail.clone();
            detail["organization"] = json!(organization);
            self.administered(action, detail, now)?;
        }
        Ok(())
    }

    fn event_row(&self, row: AuditRow) -> Result<EventRow, StoreError> {
        let detail: Value = serde_json::from_str(&row.detail).unwrap_or_default();
        let mut documents = Vec::new();
        for one in list(&detail["documents-upto"]) {
            documents.extend(self.by_number(&one[0], one[1].as_u64())?);
        }
        if row.action == "withdraw" || row.action == "receipt" || row.action == "wiped" {
            for one in list(&detail["documents"]) {
                documents.extend(self.by_number(one, None)?);
            }
        }
        for one in list(&detail["documents-accepted-custody-refused"]) {
            let taken = [1, 2].iter().any(|at| one[*at].as_u64().unwrap_or_default() > 0);
            // Of what was refused, another organization's documents are not looked up: it would tell which there are.
            let own =
                |found: &EventDocument| row.organization.as_deref() == Some(found.descriptor.organization.as_str());
            documents.extend(self.by_id(&one[0])?.filter(|found| taken || own(found)));
        }
        documents.extend(self.by_id(&detail["document"])?);
        let entries = self.anchored_by(&row, &detail)?;
        Ok(EventRow { row, documents, entries })
    }

    fn by_number(&self, number: &Value, upto: Option<u64>) -> Result<Option<EventDocument>, StoreError> {
        let Some(number) = number.as_u64().and_then(|number| u32::try_from(number).ok()) else { return Ok(None) };
        match self.store.document_by_number(number) {
            Ok(entry) => Ok(Some(EventDocument { descriptor: entry.descriptor, upto })),
            Err(StoreError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A document that the log has, or that something in custody is meant for.
    fn by_id(&self, id: &Value) -> Result<Option<EventDocument>, StoreError> {
        let Some(id) = id.as_str().and_then(|id| id.parse::<DocumentId>().ok()) else { return Ok(None) };
        let descriptor = match self.store.document(&id)? {
            Some(entry) => Some(entry.descriptor),
            None => self.store.custody_of(&id)?.into_iter().next().map(|case| case.entry.descriptor),
        };
        Ok(descriptor.map(|descriptor| EventDocument { descriptor, upto: None }))
    }

    fn anchored_by(&self, row: &AuditRow, detail: &Value) -> Result<Vec<EventEntry>, StoreError> {
        let (Some(device), "trail" | "trail-fork") = (row.device, row.action.as_str()) else { return Ok(Vec::new()) };
        let number = |name: &str| detail[name].as_u64().unwrap_or_default();
        let (first, last) = (number("first"), number("last"));
        let branch = u32::try_from(number("branch")).unwrap_or_default();
        let many = usize::try_from(last.saturating_sub(first) + 1).unwrap_or_default().min(10_000);
        let kept = self.store.trail_entries(&device, branch, first.saturating_sub(1), many)?;
        let mut seen = HashSet::new();
        let entries = kept.into_iter().filter(|kept| kept.seq <= last && seen.insert(kept.seq));
        Ok(entries.map(|kept| EventEntry { seq: kept.seq, entry: kept.entry }).collect())
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
