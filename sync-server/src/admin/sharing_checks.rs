//! What consents, care teams and relationships must keep beyond their type, whether they come as FHIR or not.

use std::collections::BTreeSet;

use sync_protocol::Compartment;

use super::checks::{addressable, require};
use super::{Checked, FhirResource, Wrong};
use crate::access::{CareTeam, CareTeamMember, Consent, Effect, Period, Provision, Relationship};

/// Members of one care team, and parties, categories or exceptions of one provision, at most.
const MAX_LISTED: usize = 256;
const FEW: &str = "at most 256";
const NO_SOURCE: &str = "not here: put the FHIR resource itself, which is then kept";

impl Checked for Consent {
    fn check(&self) -> Result<(), Wrong> {
        require(self.source.is_none(), "source", NO_SOURCE)?;
        self.check_content()
    }
}

impl Consent {
    /// What holds of a consent that was read from FHIR, too.
    ///
    /// # Errors
    /// [`Wrong`].
    pub fn check_content(&self) -> Result<(), Wrong> {
        fhir_id(&self.id)?;
        provision(&self.provision)?;
        require(self.provision.exceptions.len() <= MAX_LISTED, "exceptions", FEW)?;
        for exception in &self.provision.exceptions {
            let opposite = exception.effect != self.provision.effect;
            require(opposite, "exceptions", "of the opposite effect of what they except from")?;
            require(exception.exceptions.is_empty(), "exceptions", "without exceptions of their own")?;
            provision(exception)?;
        }
        Ok(())
    }
}

impl Checked for CareTeam {
    fn check(&self) -> Result<(), Wrong> {
        require(self.source.is_none(), "source", NO_SOURCE)?;
        self.check_content()
    }
}

impl CareTeam {
    /// What holds of a care team that was read from FHIR, too.
    ///
    /// # Errors
    /// [`Wrong`].
    pub fn check_content(&self) -> Result<(), Wrong> {
        fhir_id(&self.id)?;
        require(self.members.len() <= MAX_LISTED, "members", FEW)?;
        self.members.iter().try_for_each(|member: &CareTeamMember| period(&member.period))
    }
}

impl Checked for Relationship {
    fn check(&self) -> Result<(), Wrong> {
        let another = self.organization != self.partner;
        // Its patient is in a path, and perhaps not one that this relay knows yet.
        require(!matches!(self.patient.as_str(), "." | ".."), "patient", "a FHIR id other than . and ..")?;
        require(another, "partner", "another organization than the one that manages the chart")
    }
}

impl Checked for FhirResource {
    /// Its elements are looked at when it is read.
    fn check(&self) -> Result<(), Wrong> {
        Ok(())
    }
}

fn provision(provision: &Provision) -> Result<(), Wrong> {
    let Provision { effect, actors, compartments, categories, may_write, .. } = provision;
    require(actors.len() <= MAX_LISTED, "actors", FEW)?;
    let distinct: BTreeSet<_> = compartments.iter().collect();
    let of_charts = !compartments.contains(&Compartment::Directory) && distinct.len() == compartments.len();
    require(of_charts, "compartments", "compartments of charts (not directory), each once")?;
    let known = categories.iter().all(|category| sync_protocol::is_fhir_id(category));
    require(categories.len() <= MAX_LISTED && known, "categories", "up to 256 v3-ActCode categories")?;
    require(*effect == Effect::Permit || !may_write, "may_write", "false where something is denied")?;
    period(&provision.period)
}

fn period(period: &Period) -> Result<(), Wrong> {
    let turned = matches!((period.start, period.end), (Some(start), Some(end)) if end < start);
    require(!turned, "period", "with an end that is not before its start")
}

fn fhir_id(id: &str) -> Result<(), Wrong> {
    require(sync_protocol::is_fhir_id(id), "id", "a FHIR id: 1 to 64 letters, digits, - and .")?;
    addressable(id)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn wrong(at: &str, value: Value) -> Option<&'static str> {
        let mut body = json!({
            "id": "c1", "organization": "north", "patient": "p1", "status": "active", "provision": {
                "effect": "deny", "actors": [{ "organization": "south" }], "compartments": ["core"],
                "categories": ["PSY"], "period": { "start": 5, "end": 6 },
                "exceptions": [{ "effect": "permit", "actors": [{ "practitioner": "dr-a" }], "may_write": true }],
            },
        });
        let (parent, name) = at.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[name] = value;
        serde_json::from_value::<Consent>(body).unwrap().check().err().map(|wrong| wrong.field)
    }

    #[test]
    fn a_consent_says_what_can_be_decided_on() {
        assert_eq!(wrong("/id", json!("c1")), None);
        for id in ["", "..", "a/b", "a\0b", &"x".repeat(65)] {
            assert_eq!(wrong("/id", json!(id)), Some("id"), "{id:?}");
        }
        assert_eq!(wrong("/source", json!({ "resourceType": "Consent" })), Some("source"));
        assert_eq!(wrong("/provision/may_write", json!(true)), Some("may_write"));
        assert_eq!(wrong("/provision/compartments", json!(["directory"])), Some("compartments"));
        assert_eq!(wrong("/provision/compartments", json!(["core", "core"])), Some("compartments"));
        assert_eq!(wrong("/provision/categories", json!(["P SY"])), Some("categories"));
        assert_eq!(wrong("/provision/period", json!({ "start": 6, "end": 5 })), Some("period"));
        assert_eq!(wrong("/provision/exceptions", json!([{ "effect": "deny" }])), Some("exceptions"));
        let nested = json!([{ "effect": "permit", "exceptions": [{ "effect": "deny" }] }]);
        assert_eq!(wrong("/provision/exceptions", nested), Some("exceptions"));
    }

    #[test]
    fn a_care_team_has_an_id_and_periods_that_go_forward() {
        let team = |id: &str, end: i64| {
            let member = json!({ "member": { "practitioner": "dr-a" }, "period": { "start": 5, "end": end } });
            let body = json!({ "id": id, "organization": "north", "patient": "p1", "members": [member] });
            serde_json::from_value::<CareTeam>(body).unwrap().check().err().map(|wrong| wrong.field)
        };
        assert_eq!((team("t1", 6), team("t 1", 6), team("t1", 4)), (None, Some("id"), Some("period")));
    }
}
