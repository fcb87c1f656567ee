//! One question to the policies, with everything they could tell it apart by and nothing else.
//!
//! Who asks for what is left out unless some policy names them, so that one answer serves everyone in the same situation.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use cedar_policy::{Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression};
use serde::{Deserialize, Serialize};
use sync_protocol::Compartment;
use utoipa::ToSchema;

use crate::access::facts::RoleSet;

/// What somebody wants to do with a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Receive it.
    Read,
    /// Append changes to it.
    Write,
    /// Keep it sealed for emergencies.
    Stage,
}

impl Action {
    /// Its name in policies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Stage => "stage",
        }
    }
}

/// How grants or consents share a document. As `Sharing` in the schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::access) struct Sharing {
    pub anything: bool,
    pub anything_to_write: bool,
    pub this: bool,
    pub this_to_write: bool,
}

/// What an affiliation says about a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::access) struct AffiliationTerms {
    pub this: bool,
    pub may_write: bool,
    pub all_patients: bool,
}

/// What the facts say of one subject and one document. As `Situation` in the schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::access) struct Situation {
    pub opened: RoleSet,
    pub affiliation: Option<AffiliationTerms>,
    pub relationship: bool,
    pub care_team: bool,
    pub grant: Sharing,
    pub consent: Sharing,
    pub consent_denies: bool,
    pub break_glass: bool,
    pub shares_a_chart: bool,
}

/// Those whom some policy names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::access) struct NamedParties {
    pub practitioner: Option<Arc<str>>,
    pub acting_for: Option<Arc<str>>,
    pub organization: Option<Arc<str>>,
    pub patient: Option<Arc<str>>,
}

/// A question about a document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::access) struct Question {
    pub action: Action,
    pub roles: RoleSet,
    /// The subject acts for the organization that manages the document.
    pub home: bool,
    pub compartment: Compartment,
    pub category: Option<Arc<str>>,
    pub situation: Situation,
    pub named: NamedParties,
}

/// Names that no FHIR id can have: for those whom no policy names.
const SOMEBODY: &str = "(somebody)";
const SOMEWHERE: &str = "(their organization)";
const ELSEWHERE: &str = "(another organization)";

impl Question {
    /// The question in Cedar's terms. Errors are faults of this file, not of policies.
    pub fn to_cedar(&self) -> Result<(Request, Entities), String> {
        let principal = practitioner(self.named.practitioner.as_deref().unwrap_or(SOMEBODY));
        let acting_for = organization(self.named.acting_for.as_deref().unwrap_or(SOMEWHERE));
        let managing = match &self.named.organization {
            _ if self.home => acting_for.clone(),
            Some(named) => organization(named),
            None => organization(ELSEWHERE),
        };
        let document = uid("Document", "(document)");
        let mut attributes = HashMap::from([
            ("organization".to_owned(), RestrictedExpression::new_entity_uid(managing)),
            ("compartment".to_owned(), entity("Compartment", self.compartment.as_str())),
            ("category".to_owned(), text(self.category.as_deref().unwrap_or_default())),
        ]);
        if self.compartment != Compartment::Directory {
            let patient = self.named.patient.as_deref().unwrap_or(SOMEBODY);
            attributes.insert("patient".to_owned(), entity("Patient", patient));
        }
        let context = Context::from_pairs(self.situation.to_cedar()).map_err(|error| error.to_string())?;
        let entities =
            [principal_entity(principal.clone(), acting_for, self.roles)?, made(document.clone(), attributes)?];
        request(principal, self.action.as_str(), document, context, entities)
    }
}

impl Situation {
    fn to_cedar(self) -> Vec<(String, RestrictedExpression)> {
        let mut facts = vec![
            ("opened", roles(self.opened)),
            ("relationship", truth(self.relationship)),
            ("careTeam", truth(self.care_team)),
            ("grant", self.grant.to_cedar()),
            ("consent", self.consent.to_cedar()),
            ("consentDenies", truth(self.consent_denies)),
            ("breakGlass", truth(self.break_glass)),
            ("sharesAChart", truth(self.shares_a_chart)),
        ];
        if let Some(terms) = self.affiliation {
            let terms = [("this", terms.this), ("mayWrite", terms.may_write), ("allPatients", terms.all_patients)];
            facts.push(("affiliation", record(terms)));
        }
        facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl Sharing {
    /// What either of two shares.
    pub fn or(self, other: Self) -> Self {
        Self {
            anything: self.anything || other.anything,
            anything_to_write: self.anything_to_write || other.anything_to_write,
            this: self.this || other.this,
            this_to_write: self.this_to_write || other.this_to_write,
        }
    }

    fn to_cedar(self) -> RestrictedExpression {
        record([
            ("anything", self.anything),
            ("anythingToWrite", self.anything_to_write),
            ("this", self.this),
            ("thisToWrite", self.this_to_write),
        ])
    }
}

/// Puts a request together.
pub(in crate::access) fn request(
    principal: EntityUid,
    action: &str,
    resource: EntityUid,
    context: Context,
    entities: impl IntoIterator<Item = Entity>,
) -> Result<(Request, Entities), String> {
    let request = Request::new(principal, uid("Action", action), resource, context, None);
    let entities = Entities::from_entities(entities, None).map_err(|error| error.to_string())?;
    Ok((request.map_err(|error| error.to_string())?, entities))
}

/// The practitioner as policies see them.
pub(in crate::access) fn principal_entity(
    principal: EntityUid,
    acting_for: EntityUid,
    held: RoleSet,
) -> Result<Entity, String> {
    let attributes = HashMap::from([
        ("organization".to_owned(), RestrictedExpression::new_entity_uid(acting_for)),
        ("roles".to_owned(), roles(held)),
    ]);
    made(principal, attributes)
}

pub(in crate::access) fn made(
    uid: EntityUid,
    attributes: HashMap<String, RestrictedExpression>,
) -> Result<Entity, String> {
    Entity::new(uid, attributes, HashSet::new()).map_err(|error| error.to_string())
}

pub(in crate::access) fn practitioner(id: &str) -> EntityUid {
    uid("Practitioner", id)
}

pub(in crate::access) fn organization(id: &str) -> EntityUid {
    uid("Organization", id)
}

pub(in crate::access) fn entity(kind: &'static str, id: &str) -> RestrictedExpression {
    RestrictedExpression::new_entity_uid(uid(kind, id))
}

static KINDS: LazyLock<HashMap<&'static str, EntityTypeName>> = LazyLock::new(|| {
    let kinds = [
        "Action",
        "Chart",
        "Compartment",
        "Document",
        "Organization",
        "Patient",
        "Practitioner",
        "PurposeOfUse",
        "Role",
    ];
    let named = |kind: &'static str| kind.parse().ok().map(|name| (kind, name));
    kinds.into_iter().filter_map(named).collect()
});

pub(in crate::access) fn uid(kind: &'static str, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(KINDS[kind].clone(), EntityId::new(id))
}

fn roles(held: RoleSet) -> RestrictedExpression {
    RestrictedExpression::new_set(held.iter().map(|role| entity("Role", role.as_str())))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn truth(value: bool) -> RestrictedExpression {
    RestrictedExpression::new_bool(value)
}

fn record<const N: usize>(fields: [(&str, bool); N]) -> RestrictedExpression {
    let fields = fields.map(|(name, value)| (name.to_owned(), truth(value)));
    // It refuses a field that stands twice; these do not.
    RestrictedExpression::new_record(fields).unwrap_or_else(|_| truth(false))
}
