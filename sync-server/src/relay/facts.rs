//! What access rests on, as administrators and privacy officers enter it. Each change is audited and takes effect at once.

use serde_json::{Value, json};
use sync_protocol::{Compartment, OrganizationId, UnixMillis};

use super::Relay;
use crate::access::{Affiliation, CareTeam, Consent, FactChange, Grant, PractitionerRole, Relationship};
use crate::store::{Scope, StoreError};

impl Relay {
    /// Adds or replaces a role.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if practitioner or organization are not there.
    pub fn put_role(&mut self, role: &PractitionerRole, now: UnixMillis) -> Result<(), StoreError> {
        self.store.put_role(role)?;
        self.facts_changed(FactChange::Role(role.clone()), "put-role", json!(role), now)
    }

    /// Takes a role away.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn remove_role(&mut self, role: &PractitionerRole, now: UnixMillis) -> Result<(), StoreError> {
        self.store.remove_role(role)?;
        self.facts_changed(FactChange::NoRole(role.clone()), "remove-role", json!(role), now)
    }

    /// Adds or replaces an affiliation. `sensitive` is not shared this way and left out.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if an organization is not there.
    pub fn put_affiliation(&mut self, mut affiliation: Affiliation, now: UnixMillis) -> Result<(), StoreError> {
        affiliation.compartments.retain(|compartment| *compartment != Compartment::Sensitive);
        self.store.put_affiliation(&affiliation)?;
        let detail = json!(affiliation);
        self.facts_changed(FactChange::Affiliation(affiliation), "put-affiliation", detail, now)
    }

    /// Ends an affiliation.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn remove_affiliation(
        &mut self,
        organization: &OrganizationId,
        partner: &OrganizationId,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        self.store.remove_affiliation(organization, partner)?;
        let detail = json!({ "organization": organization, "partner": partner });
        let change = FactChange::NoAffiliation { organization: organization.clone(), partner: partner.clone() };
        self.facts_changed(change, "remove-affiliation", detail, now)
    }

    /// Adds a grant; its id is made here.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the organization is not there.
    pub fn add_grant(&mut self, mut grant: Grant, now: UnixMillis) -> Result<Grant, StoreError> {
        grant.id = hex::encode(self.random::<16>());
        self.store.add_grant(&grant)?;
        self.facts_changed(FactChange::Grant(grant.clone()), "add-grant", json!(grant), now)?;
        Ok(grant)
    }

    /// Ends a grant now.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn end_grant(&mut self, id: &str, now: UnixMillis) -> Result<(), StoreError> {
        self.store.set_grant_expiry(id, now)?;
        let ended = self.store.grant(id)?;
        let detail = json!({ "grant": id, "organization": ended.organization });
        self.facts_changed(FactChange::Grant(ended), "end-grant", detail, now)
    }

    /// Adds a relationship: another organization treats the patient too.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if an organization is not there.
    pub fn put_relationship(&mut self, relationship: &Relationship, now: UnixMillis) -> Result<(), StoreError> {
        self.store.put_relationship(relationship)?;
        let change = FactChange::Relationship(relationship.clone());
        self.facts_changed(change, "put-relationship", json!(relationship), now)
    }

    /// Ends a relationship.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn remove_relationship(&mut self, relationship: &Relationship, now: UnixMillis) -> Result<(), StoreError> {
        self.store.remove_relationship(relationship)?;
        let change = FactChange::NoRelationship(relationship.clone());
        self.facts_changed(change, "remove-relationship", json!(relationship), now)
    }

    /// Adds or replaces a care team, by its id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the organization is not there.
    pub fn put_care_team(&mut self, team: &CareTeam, now: UnixMillis) -> Result<(), StoreError> {
        self.store.put_care_team(team)?;
        let CareTeam { id, organization, patient, members, .. } = team;
        let detail = json!({ "care-team": id, "organization": organization, "patient": patient, "members": members });
        self.facts_changed(FactChange::CareTeam(team.clone()), "put-care-team", detail, now)
    }

    /// Ends a care team.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn remove_care_team(&mut self, id: &str, now: UnixMillis) -> Result<(), StoreError> {
        let found = self.store.care_team(id)?;
        self.store.remove_care_team(id)?;
        let detail = json!({ "care-team": id, "organization": found.map(|team| team.organization) });
        self.facts_changed(FactChange::NoCareTeam(id.into()), "remove-care-team", detail, now)
    }

    /// Adds or replaces a consent, by its id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the organization is not there.
    pub fn put_consent(&mut self, consent: &Consent, now: UnixMillis) -> Result<(), StoreError> {
        self.store.put_consent(consent)?;
        // Without its source: that may hold a person's words.
        let detail = json!(Consent { source: None, ..consent.clone() });
        self.facts_changed(FactChange::Consent(consent.clone()), "put-consent", detail, now)
    }

    /// Removes a consent. One that has ended is better given the status `inactive`, so that it stays known.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn remove_consent(&mut self, id: &str, now: UnixMillis) -> Result<(), StoreError> {
        let found = self.store.consent(id)?;
        self.store.remove_consent(id)?;
        let detail = json!({ "consent": id, "organization": found.map(|consent| consent.organization) });
        self.facts_changed(FactChange::NoConsent(id.into()), "remove-consent", detail, now)
    }

    /// All roles.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn roles(&self) -> Result<Vec<PractitionerRole>, StoreError> {
        self.store.roles()
    }

    /// All affiliations.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn affiliations(&self) -> Result<Vec<Affiliation>, StoreError> {
        self.store.affiliations()
    }

    /// All grants.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn grants(&self) -> Result<Vec<Grant>, StoreError> {
        self.store.grants()
    }

    /// All relationships.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn relationships(&self) -> Result<Vec<Relationship>, StoreError> {
        self.store.relationships()
    }

    /// All care teams.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn care_teams(&self) -> Result<Vec<CareTeam>, StoreError> {
        self.store.care_teams()
    }

    /// A care team, if there is one of that id.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn care_team(&self, id: &str) -> Result<Option<CareTeam>, StoreError> {
        self.store.care_team(id)
    }

    /// A page of care teams by id.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn care_teams_page(&self, scope: &Scope, after: &str, limit: usize) -> Result<Vec<CareTeam>, StoreError> {
        self.store.care_teams_page(scope, after, limit)
    }

    /// A consent, if there is one of that id.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn consent(&self, id: &str) -> Result<Option<Consent>, StoreError> {
        self.store.consent(id)
    }

    /// A page of consents by id, whatever their status.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn consents_page(&self, scope: &Scope, after: &str, limit: usize) -> Result<Vec<Consent>, StoreError> {
        self.store.consents_page(scope, after, limit)
    }

    /// All consents, whatever their status.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn consents(&self) -> Result<Vec<Consent>, StoreError> {
        self.store.consents()
    }

    pub(super) fn facts_changed(
        &mut self,
        change: FactChange,
        action: &'static str,
        detail: Value,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        self.administered(action, detail, now)?;
        self.gate.change(change);
        self.wake_all();
        Ok(())
    }
}
