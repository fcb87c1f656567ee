//! Policies as administrators change them, and why they decide as they do.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use sync_protocol::{DocumentDescriptor, DocumentId, OrganizationId, PractitionerId, UnixMillis};
use utoipa::ToSchema;

use super::Relay;
use crate::access::{Action, AdministrativeAction, Explanation, Policies, PolicyFile, Subject};
use crate::admin::schema;
use crate::store::StoreError;

/// Under which name the store keeps what the policies in force hash to.
const HASH_SETTING: &str = "policies-hash";

/// What is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PoliciesInForce {
    /// Names of the files; `default.cedar` is the built-in one unless the data folder holds its own.
    pub files: Vec<String>,
    /// How many policies they hold.
    pub policies: usize,
    /// SHA-256 over the schema and all texts, hexadecimal.
    #[schema(value_type = schema::HexHash)]
    pub hash: String,
}

/// Why a practitioner may or may not do something with a document when acting for an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Why {
    /// For which organization they would act.
    #[schema(value_type = schema::FhirId)]
    pub organization: OrganizationId,
    /// What they would do.
    pub action: Action,
    /// What is decided, and because of what.
    pub explanation: Explanation,
}

impl Relay {
    /// Puts the policies of `files` in force, beside the built-in ones. A change is audited. What was in force stays if one
    /// of them has a mistake.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] with file, line, column and reason.
    pub fn reload_policies(&mut self, files: &[PolicyFile], now: UnixMillis) -> Result<PoliciesInForce, StoreError> {
        let policies = Policies::load(files).map_err(|error| StoreError::Invalid(error.to_string()))?;
        if policies.hash() != self.gate.policies().hash() {
            // Until the transaction is committed, to come back to.
            self.policies_before.get_or_insert(self.gate.policies_in_force());
            self.gate.set_policies(Arc::new(policies));
            self.wake_all();
        }
        let in_force = self.policies_in_force();
        let hash = self.gate.policies().hash();
        if self.store.setting(HASH_SETTING)?.as_deref() != Some(&hash) {
            self.store.set_setting(HASH_SETTING, &hash)?;
            self.administered("change-policies", json!(in_force), now)?;
        }
        Ok(in_force)
    }

    /// The policies in force.
    #[must_use]
    pub fn policies_in_force(&self) -> PoliciesInForce {
        let policies = self.gate.policies();
        let (files, hash) = (policies.files().to_vec(), hex::encode(policies.hash()));
        PoliciesInForce { files, policies: policies.count(), hash }
    }

    /// What a practitioner may do as an administrator, at each organization where they have a role.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn administrative_rights(
        &self,
        practitioner: &PractitionerId,
        now: UnixMillis,
    ) -> Result<Vec<(OrganizationId, Vec<AdministrativeAction>)>, StoreError> {
        let mut rights = Vec::new();
        for organization in self.organizations_of(practitioner)? {
            let subject = Subject { practitioner: practitioner.clone(), organization };
            let may =
                |action: &AdministrativeAction| self.gate.may_administer(&subject, *action, &subject.organization, now);
            let actions: Vec<_> = AdministrativeAction::ALL.into_iter().filter(may).collect();
            if !actions.is_empty() {
                rights.push((subject.organization, actions));
            }
        }
        Ok(rights)
    }

    /// Organizations where a practitioner has, or had, a role.
    fn organizations_of(&self, practitioner: &PractitionerId) -> Result<Vec<OrganizationId>, StoreError> {
        let mut organizations: Vec<_> =
            self.store.roles_of(practitioner)?.into_iter().map(|role| role.organization).collect();
        organizations.dedup();
        Ok(organizations)
    }

    /// Why a practitioner may or may not receive and write a document: acting for `organization`, or for each one where they
    /// have a role.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such document, or no organization where the practitioner has a role.
    pub fn why(
        &self,
        practitioner: &PractitionerId,
        organization: Option<&OrganizationId>,
        document: &DocumentId,
        now: UnixMillis,
    ) -> Result<Vec<Why>, StoreError> {
        self.why_of(practitioner, organization, &self.descriptor(document)?, now)
    }

    /// What a document is about.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn descriptor(&self, document: &DocumentId) -> Result<DocumentDescriptor, StoreError> {
        Ok(self.store.document(document)?.ok_or(StoreError::NotFound("document"))?.descriptor)
    }

    /// As [`Relay::why`], of a document that need not be there yet.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no organization where the practitioner has a role.
    pub fn why_of(
        &self,
        practitioner: &PractitionerId,
        organization: Option<&OrganizationId>,
        descriptor: &DocumentDescriptor,
        now: UnixMillis,
    ) -> Result<Vec<Why>, StoreError> {
        let organizations: Vec<OrganizationId> = match organization {
            Some(organization) => vec![organization.clone()],
            None => self.organizations_of(practitioner)?,
        };
        if organizations.is_empty() {
            return Err(StoreError::NotFound("organization where this practitioner has a role"));
        }
        let mut answers = Vec::new();
        for organization in organizations {
            let subject = Subject { practitioner: practitioner.clone(), organization };
            for action in [Action::Read, Action::Write] {
                let explanation = self.gate.explain(&subject, descriptor, action, now);
                answers.push(Why { organization: subject.organization.clone(), action, explanation });
            }
        }
        Ok(answers)
    }
}
