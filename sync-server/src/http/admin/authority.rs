//! Who is signed in, and what they may do at which organization. Asked anew for every request.

use sync_protocol::{OrganizationId, PractitionerId, UnixMillis};

use super::Problem;
pub use crate::access::AdministrativeAction;
use crate::admin::{PageQuery, ShownRight};
use crate::relay::{Administrator, Relay};
use crate::store::{Scope, StoreError};

/// Who is signed in and what they may do.
#[derive(Debug)]
pub struct Authority {
    who: Administrator,
    /// Of a practitioner; the operator needs none.
    rights: Vec<(OrganizationId, Vec<AdministrativeAction>)>,
}

impl Authority {
    /// The authority of somebody at this moment.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn of(relay: &Relay, who: Administrator, now: UnixMillis) -> Result<Self, StoreError> {
        let rights = match who.practitioner() {
            Some(practitioner) => relay.administrative_rights(practitioner, now)?,
            None => Vec::new(),
        };
        Ok(Self { who, rights })
    }

    /// Who is signed in.
    #[must_use]
    pub fn who(&self) -> &Administrator {
        &self.who
    }

    /// Whether the operator is signed in.
    #[must_use]
    pub fn is_operator(&self) -> bool {
        self.who == Administrator::Operator
    }

    /// Whether they may do this at an organization.
    #[must_use]
    pub fn may(&self, action: AdministrativeAction, at: &OrganizationId) -> bool {
        let allows =
            |(organization, actions): &(OrganizationId, Vec<_>)| organization == at && actions.contains(&action);
        self.is_operator() || self.rights.iter().any(allows)
    }

    /// Asks that they may do this at an organization.
    ///
    /// # Errors
    /// [`Problem`]: not permitted.
    pub fn require(&self, action: AdministrativeAction, at: &OrganizationId) -> Result<(), Problem> {
        if self.may(action, at) { Ok(()) } else { Err(Problem::not_permitted(action.as_str())) }
    }

    /// Asks that they may do this at an organization where something was found; who may not is told that there is no
    /// such thing.
    ///
    /// # Errors
    /// [`Problem`]: not found.
    pub fn require_of_found(
        &self,
        what: &'static str,
        action: AdministrativeAction,
        at: &OrganizationId,
    ) -> Result<(), Problem> {
        if self.may(action, at) { Ok(()) } else { Err(Problem::hidden(what, action)) }
    }

    /// Asks that it is the operator.
    ///
    /// # Errors
    /// [`Problem`]: not permitted.
    pub fn require_operator(&self) -> Result<(), Problem> {
        if self.is_operator() { Ok(()) } else { Err(Problem::not_permitted("the operator")) }
    }

    /// The organizations where they may do any of these, for a list.
    ///
    /// # Errors
    /// [`Problem`]: not permitted anywhere, or not at the organization that the query names.
    pub fn scope(&self, any_of: &[AdministrativeAction], query: &PageQuery) -> Result<Scope, Problem> {
        let what = any_of.first().map_or("the operator", |action| action.as_str());
        if let Some(organization) = &query.organization {
            let may = any_of.iter().any(|action| self.may(*action, organization)) || self.is_operator();
            return if may { Ok(Scope::Of(vec![organization.clone()])) } else { Err(Problem::not_permitted(what)) };
        }
        if self.is_operator() {
            return Ok(Scope::All);
        }
        let covered = |(_, actions): &&(OrganizationId, Vec<_>)| any_of.iter().any(|action| actions.contains(action));
        let organizations: Vec<_> = self.rights.iter().filter(covered).map(|(at, _)| at.clone()).collect();
        if organizations.is_empty() { Err(Problem::not_permitted(what)) } else { Ok(Scope::Of(organizations)) }
    }

    /// Asks that they may do this to a practitioner at `at`: there, and wherever else the practitioner belongs. Otherwise
    /// an administrator could get at what another organization gave that person.
    ///
    /// # Errors
    /// [`Problem`]: not permitted at `at`; not found if the practitioner is somebody else's, or is themself.
    pub fn require_over(
        &self,
        relay: &Relay,
        practitioner: &PractitionerId,
        action: AdministrativeAction,
        at: &OrganizationId,
    ) -> Result<(), Problem> {
        self.require(action, at)?;
        if self.is_operator() {
            return Ok(());
        }
        let belongs = belongs_to(relay, practitioner)?;
        if belongs.is_empty() || !belongs.iter().all(|organization| self.may(action, organization)) {
            return Err(Problem::hidden("practitioner", action));
        }
        Ok(())
    }

    /// Asks that they may have the say over a practitioner's account: at every organization where that account may do
    /// something. Nobody has it over their own.
    ///
    /// # Errors
    /// [`Problem`]: not found if the practitioner is somebody else's; not permitted for one's own account.
    pub fn require_over_account(&self, relay: &Relay, practitioner: &PractitionerId) -> Result<(), Problem> {
        if self.is_operator() {
            return Ok(());
        }
        self.require_not_oneself(practitioner)?;
        let mut belongs = belongs_to(relay, practitioner)?;
        belongs.extend(relay.roles_of(practitioner)?.into_iter().map(|role| role.organization));
        let action = AdministrativeAction::AdministerPeople;
        if belongs.is_empty() || !belongs.iter().all(|organization| self.may(action, organization)) {
            return Err(Problem::hidden("practitioner", action));
        }
        Ok(())
    }

    /// Asks that a practitioner is not the one who is signed in: nobody gives rights to themself.
    ///
    /// # Errors
    /// [`Problem`]: not permitted.
    pub fn require_not_oneself(&self, practitioner: &PractitionerId) -> Result<(), Problem> {
        if self.who.practitioner() == Some(practitioner) {
            return Err(Problem::not_permitted("another administrator than yourself"));
        }
        Ok(())
    }

    /// For the answer to a sign-in.
    #[must_use]
    pub fn shown(&self) -> Vec<ShownRight> {
        let shown = |(organization, actions): &(OrganizationId, Vec<AdministrativeAction>)| ShownRight {
            organization: organization.clone(),
            actions: actions.iter().map(|action| action.as_str().to_owned()).collect(),
        };
        self.rights.iter().map(shown).collect()
    }
}

/// Whose practitioner somebody is: the organization that added them, or else wherever they have a role.
fn belongs_to(relay: &Relay, practitioner: &PractitionerId) -> Result<Vec<OrganizationId>, Problem> {
    match relay.practitioner(practitioner) {
        Ok(record) => match record.organization {
            Some(own) => Ok(vec![own]),
            None => Ok(relay.roles_of(practitioner)?.into_iter().map(|role| role.organization).collect()),
        },
        Err(StoreError::NotFound(_)) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}
