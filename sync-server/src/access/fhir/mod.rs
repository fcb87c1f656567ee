//! Consents and care teams as FHIR R4 resources: read to facts, and written back.
//!
//! What is read keeps its source, so that nothing it holds besides is lost. What would change its meaning and is not
//! understood is refused, with the element's name.

mod care_team;
mod consent;
mod element;
mod moment;

pub use moment::{format as format_date_time, parse as parse_date_time};
use serde_json::{Value, json};

use crate::access::facts::{Grantee, Period};
use element::Element;

/// Why a resource is not taken: which element, and what about it. Holds no content of the resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{element}: {reason}")]
pub struct FhirError {
    /// Where, as a path such as `Consent.provision.actor[0].reference`.
    pub element: String,
    /// What is wrong or not understood.
    pub reason: String,
}

/// `Practitioner/x` or `Organization/y`, relative or as the end of a URL.
fn party(element: &Element<'_>) -> Result<Grantee, FhirError> {
    let (kind, id) = element.reference()?;
    let wrong = |_| element.wrong("is no FHIR id");
    match kind.as_str() {
        "Practitioner" => Ok(Grantee::Practitioner(id.parse().map_err(wrong)?)),
        "Organization" => Ok(Grantee::Organization(id.parse().map_err(wrong)?)),
        _ => Err(element.wrong("must refer to a Practitioner or an Organization")),
    }
}

fn party_reference(party: &Grantee) -> Value {
    match party {
        Grantee::Organization(id) => json!({ "reference": format!("Organization/{id}") }),
        Grantee::Practitioner(id) => json!({ "reference": format!("Practitioner/{id}") }),
    }
}

/// The one id that a list of references to one kind of resource holds.
fn sole_reference(list: &Element<'_>, kind: &str) -> Result<String, FhirError> {
    let items = list.items()?;
    let [item] = items.as_slice() else { return Err(list.wrong("must hold exactly one reference")) };
    reference_to(item, kind)
}

fn reference_to(element: &Element<'_>, wanted: &str) -> Result<String, FhirError> {
    let (kind, id) = element.reference()?;
    if kind == wanted { Ok(id) } else { Err(element.wrong(&format!("must refer to {wanted}"))) }
}

/// A FHIR Period. An end that is a date means to the end of that day, UTC.
fn period(element: Option<Element<'_>>) -> Result<Period, FhirError> {
    let Some(element) = element else { return Ok(Period::default()) };
    element.only(&["id", "extension", "start", "end"])?;
    let bound = |name: &str, end: bool| -> Result<_, FhirError> {
        let Some(bound) = element.get(name) else { return Ok(None) };
        let moment = moment::parse(bound.text()?, end).ok_or_else(|| bound.wrong("is no FHIR dateTime"))?;
        Ok(Some(moment))
    };
    Ok(Period { start: bound("start", false)?, end: bound("end", true)? })
}

fn period_json(period: &Period) -> Value {
    let mut json = serde_json::Map::new();
    for (name, bound) in [("start", period.start), ("end", period.end)] {
        json.extend(bound.map(|bound| (name.to_owned(), moment::format(bound).into())));
    }
    json.into()
}

#[cfg(test)]
mod tests;
