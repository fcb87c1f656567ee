//! The organization and the practitioner a chart refers to.

use serde_json::json;

use super::Chart;
use super::dice::Dice;
use super::people::{FAMILIES, GIVEN};

/// Adds the directory entries of a chart.
pub(super) fn add(dice: &mut Dice, chart: &mut Chart) {
    chart.add(json!({
        "resourceType": "Organization",
        "id": chart.organization,
        "active": true,
        "name": format!("{} Community Clinic", dice.pick(FAMILIES)),
        "type": [super::concept("http://terminology.hl7.org/CodeSystem/organization-type", "prov", "Healthcare Provider")],
        "telecom": [{"system": "phone", "value": format!("555-010-{:04}", dice.between(0, 9999))}],
    }));
    chart.add(json!({
        "resourceType": "Practitioner",
        "id": chart.practitioner,
        "active": true,
        "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": format!("{:010}", dice.between(1, 9_999_999_999))}],
        "name": [{"family": dice.pick(FAMILIES), "given": [dice.pick(GIVEN)], "prefix": ["Dr."]}],
    }));
}
