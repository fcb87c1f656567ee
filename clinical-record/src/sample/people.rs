//! The patient.

use serde_json::{Value, json};

use super::dice::Dice;
use super::{Chart, reference};

/// Family names with the letters real charts have.
#[rustfmt::skip]
pub(super) const FAMILIES: &[&str] = &[
    "Nguyễn", "Müller", "O’Brien", "Þórsdóttir", "Søndergård", "Łukasiewicz", "García Márquez", "Çelik", "Dvořák",
    "Kőszegi", "Okonkwo", "Adébáyọ̀", "Ștefănescu", "Ångström", "王", "Петрова", "الخطيب", "de la Peña", "Smith", "Ōtani",
];

#[rustfmt::skip]
pub(super) const GIVEN: &[&str] = &[
    "Zoë", "José", "Anaïs", "Björk", "Mária", "Thị Hạnh", "Siobhán", "Jürgen", "Ngọc", "Aminata", "Şule", "小明", "Ольга",
    "François", "Łucja", "Chidi", "Renée", "Søren", "Ivana", "John",
];

const CITIES: &[(&str, &str)] = &[
    ("Reykjavík", "IS"),
    ("Łódź", "PL"),
    ("Đà Nẵng", "VN"),
    ("São Paulo", "BR"),
    ("Springfield", "US"),
    ("Ìbàdàn", "NG"),
];

/// The patient of a chart, with extensions on the resource and on primitives.
pub(super) fn patient(dice: &mut Dice, chart: &Chart) -> Value {
    let birth_date = dice.date(1930, 2020);
    let (city, country) = dice.pick(CITIES);
    let mut patient = json!({
        "resourceType": "Patient",
        "id": chart.patient,
        "active": true,
        "identifier": [
            {"system": "https://satchel.example/mrn", "value": format!("MRN-{:07}", dice.between(1, 9_999_999))},
            {"use": "secondary", "system": "http://hl7.org/fhir/sid/us-ssn", "value": format!("999-{:02}-{:04}", dice.between(10, 99), dice.between(1, 9999))},
        ],
        "name": [{"use": "official", "family": dice.pick(FAMILIES), "given": [dice.pick(GIVEN), dice.pick(GIVEN)]}],
        "telecom": [{"system": "phone", "value": format!("555-{:03}-{:04}", dice.between(100, 999), dice.between(0, 9999)), "use": "mobile"}],
        "gender": dice.pick(&["female", "male", "other", "unknown"]),
        "birthDate": birth_date,
        "_birthDate": {"extension": [{
            "url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime",
            "valueDateTime": format!("{birth_date}T{:02}:30:00+00:00", dice.between(0, 23)),
        }]},
        "address": [{"line": [format!("{} Rue de l’Église", dice.between(1, 300))], "city": city, "country": country,
            "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/geolocation", "extension": [
                {"url": "latitude", "valueDecimal": super::decimal(dice.between(100_000, 899_999), 4)},
                {"url": "longitude", "valueDecimal": super::decimal(dice.between(10, 179) * 1000, 3)}]}]}],
        "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": dice.pick(&["en-US", "vi", "pl", "is", "fr-CA"])}]}}],
        "generalPractitioner": [reference(&chart.practitioner)],
        "managingOrganization": reference(&chart.organization),
    });
    if dice.chance(30) {
        patient["name"][0]["given"] = json!([null, dice.pick(GIVEN)]);
        let absent = json!({"extension": [{
            "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]});
        patient["name"][0]["_given"] = json!([absent, null]);
    }
    if dice.chance(10) {
        patient["deceasedDateTime"] = json!(format!("{}T04:00:00Z", dice.date(2021, 2024)));
    }
    patient
}
