//! A privacy officer's decisions: a change is accepted into the log, or returned to its author with everything that builds on it.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::json;
use sync_protocol::frame::{ChangeName, Decision};
use sync_protocol::{ChangeHash, DocumentDescriptor, OrganizationId, UnixMillis};
use utoipa::ToSchema;

use crate::access::{AdministrativeAction, Subject};
use crate::admin::schema;
use crate::relay::Relay;
use crate::relay::change_check::{CheckedChange, check_change};
use crate::store::{CustodyCase, CustodyState, NewAuditRow, NewDecision, StoreError};

/// Longest reason of a decision, in bytes: devices are told it.
pub const MAX_REASON_BYTES: usize = 1_000;

/// What came of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Decided {
    /// What became of the change.
    pub state: CustodyState,
    /// Changes that went into the log with it: those that it completed a signature for.
    #[schema(value_type = Vec<schema::HexHash>)]
    pub released: Vec<ChangeHash>,
    /// Undecided changes that build on it, by their numbers in custody: they can be decided on next. After a return, those
    /// that were returned along with it.
    pub building_on_it: Vec<u64>,
}

impl Relay {
    /// Accepts a change: it goes into the log and to every device that may read it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::NotPermitted`] if the officer may not decide here; [`StoreError::Conflict`]
    /// if it is decided on already, builds on what is not, or does not fit the log.
    pub fn accept_custody(
        &mut self,
        officer: &Subject,
        id: u64,
        reason: &str,
        now: UnixMillis,
    ) -> Result<Decided, StoreError> {
        let case = self.undecided(officer, id, reason, now)?;
        if self.who_decides_on(&case)? != case.entry.descriptor.organization {
            return Err(StoreError::Conflict("no organization manages this document: return it".into()));
        }
        let checked = check(&case)?;
        let cases = self.store.custody_of(&case.entry.descriptor.id())?;
        self.check_foundations(&case, &checked, &cases)?;
        self.record(&case, officer, true, reason, now)?;
        let released = self.release(&case.entry.descriptor, Some(&case.entry.hash), now)?;
        let in_log = released.contains(&case.entry.hash);
        self.audit_decision("custody-accept", officer, &case, &json!({ "released": released }), now)?;
        let mut building_on_it = building_on(&cases, case.entry.hash);
        building_on_it.retain(|id| cases.iter().any(|c| c.id == *id && c.state == CustodyState::Undecided));
        let state = if in_log { CustodyState::Accepted } else { CustodyState::WaitsForSignature };
        Ok(Decided { state, released, building_on_it })
    }

    /// Returns a change to its author, with everything in custody that builds on it.
    ///
    /// # Errors
    /// As [`Relay::accept_custody`].
    pub fn return_custody(
        &mut self,
        officer: &Subject,
        id: u64,
        reason: &str,
        now: UnixMillis,
    ) -> Result<Decided, StoreError> {
        let case = self.undecided(officer, id, reason, now)?;
        if reason.trim().is_empty() {
            return Err(StoreError::Conflict("say why it is returned: its author is shown the reason".into()));
        }
        let cases = self.store.custody_of(&case.entry.descriptor.id())?;
        let mut along = building_on(&cases, case.entry.hash);
        along.retain(|id| cases.iter().any(|c| c.id == *id && is_open(c.state)));
        self.record(&case, officer, false, reason, now)?;
        for other in cases.iter().filter(|other| along.contains(&other.id)) {
            self.record(other, officer, false, Decision::RETURNED_ALONG, now)?;
        }
        self.audit_decision("custody-return", officer, &case, &json!({ "along": along }), now)?;
        Ok(Decided { state: CustodyState::Returned, released: Vec::new(), building_on_it: along })
    }

    /// A case that this officer may decide on now.
    fn undecided(&self, officer: &Subject, id: u64, reason: &str, now: UnixMillis) -> Result<CustodyCase, StoreError> {
        let case = self.store.custody_case(id)?;
        self.may_return(officer, &case, now)?;
        if reason.len() > MAX_REASON_BYTES {
            return Err(StoreError::Conflict(format!("the reason is longer than {MAX_REASON_BYTES} bytes")));
        }
        match case.state {
            CustodyState::Undecided | CustodyState::WaitsForSignature => Ok(case),
            CustodyState::Accepted => Err(StoreError::Conflict("it is accepted already".into())),
            CustodyState::Returned => Err(StoreError::Conflict("it was returned already".into())),
        }
    }

    /// The organization whose officers decide on a change: the one that manages the document. Where there is none of that
    /// name, the author's, whose officers can only return it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn who_decides_on(&self, case: &CustodyCase) -> Result<OrganizationId, StoreError> {
        let managing = &case.entry.descriptor.organization;
        let known = self.store.organizations()?.iter().any(|organization| organization.id == *managing);
        Ok(if known { managing.clone() } else { case.entry.organization.clone() })
    }

    /// Whether an officer may see a change in custody, and return it.
    pub(in crate::relay) fn may_return(
        &self,
        officer: &Subject,
        case: &CustodyCase,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let at = self.who_decides_on(case)?;
        let may = self.gate.may_administer(officer, AdministrativeAction::DecideCustody, &at, now);
        if may { Ok(()) } else { Err(StoreError::NotPermitted) }
    }

    pub(in crate::relay) fn may_decide(
        &self,
        officer: &Subject,
        descriptor: &DocumentDescriptor,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        self.gate.custody_append_permit(officer, descriptor, now).map(|_| ()).ok_or(StoreError::NotPermitted)
    }

    /// Everything that it builds on must be in the log or accepted.
    fn check_foundations(
        &self,
        case: &CustodyCase,
        checked: &CheckedChange,
        cases: &[CustodyCase],
    ) -> Result<(), StoreError> {
        if case.state == CustodyState::WaitsForSignature {
            return Err(StoreError::Conflict("it is accepted already and waits for its author's signature".into()));
        }
        let number = self.store.document(&case.entry.descriptor.id())?.map(|entry| entry.number);
        for dep in &checked.link.deps {
            if number.map(|number| self.store.change(number, dep)).transpose()?.flatten().is_some() {
                continue;
            }
            let below = cases.iter().find(|other| other.entry.hash == *dep);
            match below.map(|below| (below.id, below.state)) {
                Some((_, CustodyState::WaitsForSignature)) => {}
                Some((id, CustodyState::Undecided)) => {
                    return Err(StoreError::Conflict(format!(
                        "it builds on {id}, which is not decided on: decide on that first"
                    )));
                }
                Some((id, _)) => return Err(StoreError::Conflict(format!("it builds on {id}, which was returned"))),
                None => {
                    return Err(StoreError::Conflict(
                        "it builds on changes that the relay does not have: their author's device must send them first"
                            .into(),
                    ));
                }
            }
        }
        Ok(())
    }

    fn record(
        &mut self,
        case: &CustodyCase,
        officer: &Subject,
        accepted: bool,
        reason: &str,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let name = ChangeName { document: case.entry.descriptor.id(), hash: case.entry.hash };
        let officer = Some((officer.practitioner.clone(), officer.organization.clone()));
        self.store.decide_custody(&name, &NewDecision { accepted, officer, reason: reason.into(), at: now })?;
        self.tell_of(&name)
    }

    fn audit_decision(
        &mut self,
        action: &'static str,
        officer: &Subject,
        case: &CustodyCase,
        more: &serde_json::Value,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let detail = json!({
            "custody": case.id,
            "document": case.entry.descriptor.id(),
            "change": case.entry.hash,
            "author": case.entry.practitioner,
            "outcome": more,
        });
        self.audit(&NewAuditRow {
            at: now,
            action,
            device: Some(case.entry.device),
            practitioner: Some(officer.practitioner.clone()),
            organization: Some(officer.organization.clone()),
            detail,
        })
    }
}

fn is_open(state: CustodyState) -> bool {
    matches!(state, CustodyState::Undecided | CustodyState::WaitsForSignature)
}

fn check(case: &CustodyCase) -> Result<CheckedChange, StoreError> {
    check_change(&case.entry.payload).map_err(|_| StoreError::Damaged("change in custody"))
}

/// Numbers of what builds on a change, directly or through others.
fn building_on(cases: &[CustodyCase], hash: ChangeHash) -> Vec<u64> {
    let links: Vec<_> = cases.iter().filter_map(|case| Some((case.id, check(case).ok()?.link))).collect();
    let mut reached = HashSet::from([hash]);
    let mut found = Vec::new();
    // What builds on a change may have come before it: until nothing more is found.
    loop {
        let before = found.len();
        for (id, link) in &links {
            if !reached.contains(&link.hash) && link.deps.iter().any(|dep| reached.contains(dep)) {
                reached.insert(link.hash);
                found.push(*id);
            }
        }
        if found.len() == before {
            return found;
        }
    }
}
