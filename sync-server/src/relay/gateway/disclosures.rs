//! What clients of the FHIR API were given, searched for and refused: rows of the ledger, before anything leaves.

use serde_json::json;
use sync_protocol::UnixMillis;

use super::Sight;
use crate::relay::Relay;
use crate::store::{Disclosed, NewAuditRow, StoreError};

/// What a client did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interaction {
    /// Read one resource, or was told what stands against a write.
    Read,
    /// Searched.
    Search,
    /// Asked for all of a patient.
    Everything,
}

impl Interaction {
    fn as_str(self) -> &'static str {
        match self {
            Self::Read => "fhir-read",
            Self::Search => "fhir-search",
            Self::Everything => "fhir-everything",
        }
    }
}

/// What is recorded of one answer. Names only: no value of a parameter, no id that was not found.
#[derive(Clone, Debug)]
pub struct FhirAct {
    /// What was done.
    pub interaction: Interaction,
    /// FHIR type that was asked for, of those that R4 has.
    pub resource_type: String,
    /// Names of the search parameters.
    pub parameters: Vec<String>,
    /// Documents of which something is in the answer, each with up to which version.
    pub disclosed: Vec<Disclosed>,
}

impl Relay {
    /// Records what an answer gives to a client. False, with nothing recorded, if it may not have all of it any more: then
    /// it must not be given. None if the token is not in force any more.
    ///
    /// # Errors
    /// [`StoreError::Database`]; to be called within [`Relay::administer`].
    pub fn fhir_disclose(&mut self, token: &str, act: &FhirAct, now: UnixMillis) -> Result<Option<bool>, StoreError> {
        let Some(sight) = self.fhir_sight(token, now)? else { return Ok(None) };
        if !act.disclosed.iter().all(|one| sight.documents.contains(one.document)) {
            return Ok(Some(false));
        }
        let documents: Vec<_> = act.disclosed.iter().map(|one| json!([one.document, one.upto.0])).collect();
        let detail = json!({
            "fhir-client": sight.client.id, "type": act.resource_type, "parameters": act.parameters,
            "documents-upto": documents,
        });
        self.begin()?;
        let row = self.store.append_audit_row(&row(&sight, act.interaction.as_str(), detail, now))?;
        self.store.add_disclosures(&sight.device, row, &act.disclosed)?;
        Ok(Some(true))
    }

    /// Records that a client was refused something. `reason`: of a fixed set, no content.
    ///
    /// # Errors
    /// [`StoreError::Database`]; to be called within [`Relay::administer`].
    pub fn fhir_refused(
        &mut self,
        token: &str,
        method: &'static str,
        resource_type: &str,
        reason: &'static str,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let Some(sight) = self.fhir_sight(token, now)? else { return Ok(()) };
        let detail = json!({
            "fhir-client": sight.client.id, "method": method, "type": resource_type, "reason": reason,
        });
        self.audit(&row(&sight, "fhir-refuse", detail, now))
    }
}

fn row(sight: &Sight, action: &'static str, detail: serde_json::Value, now: UnixMillis) -> NewAuditRow {
    NewAuditRow {
        at: now,
        action,
        device: Some(sight.device),
        practitioner: Some(sight.client.practitioner.clone()),
        organization: Some(sight.client.organization.clone()),
        detail,
    }
}
