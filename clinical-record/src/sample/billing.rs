//! The claim and the explanation of benefit of one visit.

use serde_json::json;

use super::dice::Dice;
use super::{Chart, concept, decimal, reference};

/// Adds the bill of the visit `encounter`, made on `day`.
pub(super) fn add(dice: &mut Dice, chart: &mut Chart, encounter: &str, day: &str) {
    let claim = dice.uuid();
    let (patient, practitioner) = (reference(&chart.patient), reference(&chart.practitioner));
    let total = json!({"value": decimal(dice.between(5_000, 90_000) / 10 * 10, 2), "currency": "USD"});
    let claim_type = concept("http://terminology.hl7.org/CodeSystem/claim-type", "professional", "Professional");
    let period = json!({"start": format!("{day}T08:00:00+01:00"), "end": format!("{day}T08:40:00+01:00")});
    let item = json!([{"sequence": 1, "encounter": [reference(encounter)], "net": total,
        "productOrService": concept(super::SNOMED, "162673000", "General examination of patient")}]);
    chart.add(json!({
        "resourceType": "Claim", "id": claim, "status": "active", "type": claim_type, "use": "claim",
        "patient": patient, "billablePeriod": period, "created": format!("{day}T08:40:00+01:00"),
        "provider": reference(&chart.organization), "priority": {"coding": [{"code": "normal"}]},
        "insurance": [{"sequence": 1, "focal": true, "coverage": {"display": "Medicare"}}], "item": item, "total": total,
    }));
    chart.add(json!({
        "resourceType": "ExplanationOfBenefit", "id": dice.uuid(),
        "contained": [
            {"resourceType": "ServiceRequest", "id": "referral", "status": "completed", "intent": "order",
             "subject": patient, "requester": practitioner, "performer": [practitioner]},
            {"resourceType": "Coverage", "id": "coverage", "status": "active", "beneficiary": patient,
             "type": {"text": "Medicare"}, "payor": [{"display": "Medicare"}]},
        ],
        "status": "active", "type": claim_type, "use": "claim", "patient": patient, "billablePeriod": period,
        "created": format!("{day}T09:00:00+01:00"), "insurer": {"display": "Medicare"}, "provider": practitioner,
        "referral": {"reference": "#referral"}, "claim": reference(&claim), "outcome": "complete",
        "insurance": [{"focal": true, "coverage": {"reference": "#coverage"}}], "item": item,
        "payment": {"amount": {"value": decimal(dice.between(1, 400) * 100, 2), "currency": "USD"}},
    }));
}
