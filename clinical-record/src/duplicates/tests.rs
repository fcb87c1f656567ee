use super::MatchReason::*;
use super::*;
use crate::sample;
use serde_json::json;

fn person(family: &str, given: &[&str], born: &str, sex: &str) -> PersonTraits {
    PersonTraits {
        family: Some(family.into()),
        given: given.iter().map(|name| (*name).to_owned()).collect(),
        birth_date: (!born.is_empty()).then(|| born.to_owned()),
        gender: Some(sex.into()),
        ..PersonTraits::default()
    }
}

fn compared(one: &PersonTraits, other: &PersonTraits) -> PersonMatch {
    let found = compare_persons(one, other);
    assert_eq!(found, compare_persons(other, one), "the order must not matter");
    found
}

fn score(one: &PersonTraits, other: &PersonTraits) -> u8 {
    compared(one, other).score
}

#[test]
fn accents_scripts_and_spellings_make_no_difference() {
    for (one, other) in [
        (
            person("Nguyễn", &["Thị Hạnh"], "1980-05-04", "female"),
            person("NGUYEN", &["Thi", "Hanh"], "1980-05-04", "female"),
        ),
        (person("Müller", &["Jürgen"], "1980-05-04", "male"), person("Mueller", &["Juergen"], "1980-05-04", "male")),
        (person("Петрова", &["Ольга"], "1980-05-04", "female"), person("Petrova", &["Olga"], "1980-05-04", "female")),
        (person("الخطيب", &["Amina"], "1980-05-04", "female"), person("Al-Khatib", &["Amina"], "1980-05-04", "female")),
        (
            person("O’Brien", &["Siobhán"], "1980-05-04", "female"),
            person("OBrien", &["Siobhan"], "1980-05-04", "female"),
        ),
        (person("García Márquez", &["José"], "1980-05-04", "male"), person("Garcia", &["Jose"], "1980-05-04", "male")),
        (person("Okonkwo", &["Chidi"], "1980-05-04", "male"), person("Okonkwo", &["C."], "1980-05-04", "male")),
    ] {
        assert!(score(&one, &other) >= LIKELY, "{:?} {:?}: {:?}", one.family, other.family, compared(&one, &other));
    }
}

#[test]
fn typical_slips_of_a_clerk_are_seen_through() {
    let known = person("Kowalska", &["Aminata"], "1984-03-12", "female");
    for (other, reason) in [
        (person("Kowalska", &["Aminata"], "1984-12-03", "female"), DayAndMonthSwapped),
        (person("Kowalska", &["Aminata"], "1984-03-21", "female"), BirthDateOneDigitApart),
        (person("Kowalska", &["Aminata"], "1994-03-12", "female"), BirthDateOneDigitApart),
        (person("Aminata", &["Kowalska"], "1984-03-12", "female"), NamesSwapped),
        (person("Kowalksa", &["Aminta"], "1984-03-12", "female"), SimilarName),
        (person("Kowalska", &["Aminata"], "1984", "female"), BirthDateCompatible),
        (person("Kowalska", &["Aminata"], "1985-01-01", "female"), BirthDateCompatible),
    ] {
        let found = compared(&known, &other);
        assert!(found.score >= POSSIBLE && found.reasons.contains(&reason), "{reason:?}: {found:?}");
    }
}

#[test]
fn other_people_are_not_taken_for_one() {
    let known = person("Kowalska", &["Aminata"], "1984-03-12", "female");
    for other in [
        person("Kowalska", &["Zofia"], "1991-08-30", "female"),
        person("Kowalski", &["Jan"], "1984-03-12", "male"),
        person("Smith", &["Aminata"], "1984-03-12", "female"),
        person("Smith", &["John"], "1984-03-12", "male"),
        person("Kowalska", &["Aminata"], "1951-11-25", "female"),
    ] {
        assert!(score(&known, &other) < POSSIBLE, "{:?}: {:?}", other.family, compared(&known, &other));
    }
}

#[test]
fn twins_are_two_people() {
    let (one, other) =
        (person("Diallo", &["Fatou"], "2020-01-05", "female"), person("Diallo", &["Moussa"], "2020-01-05", "male"));
    assert!(score(&one, &other) < POSSIBLE, "{:?}", compared(&one, &other));
}

#[test]
fn one_identifier_is_always_worth_a_look_and_one_wrong_character_is_seen() {
    let with = |value: &str, mut person: PersonTraits| {
        person.identifiers = vec![PersonIdentifier { system: Some("urn:mrn".into()), value: value.into() }];
        person
    };
    let known = with("MRN-0012345", person("Kowalska", &["Aminata"], "1984-03-12", "female"));
    let other = with("mrn 0012345", person("Smith", &["John"], "1951-11-25", "male"));
    assert_eq!(score(&known, &other), POSSIBLE);
    let slip = with("MRN-0012354", person("Kowalska", &["Aminata"], "", "female"));
    assert!(compared(&known, &slip).reasons.contains(&IdentifierOneCharacterApart));
    assert!(score(&known, &slip) >= LIKELY);
}

#[test]
fn a_phone_is_compared_without_its_prefix_and_unknown_sex_says_nothing() {
    let with = |phone: &str| PersonTraits { phones: vec![phone.into()], ..person("Diallo", &["Fatou"], "", "unknown") };
    assert_eq!(compared(&with("+221 77 123 45 67"), &with("077 123 45 67")).reasons, [SameName, SamePhone]);
    assert_eq!(compared(&with("771234567"), &with("771234568")).reasons, [SameName]);
}

#[test]
fn candidates_come_the_most_alike_first() {
    let new = person("Kowalska", &["Aminata"], "1984-03-12", "female");
    let registered = [
        ("c", person("Smith", &["John"], "1951-11-25", "male")),
        ("b", person("Kowalska", &["Aminata"], "1984-12-03", "female")),
        ("a", new.clone()),
    ];
    let found = find_duplicates(&new, registered, POSSIBLE);
    assert_eq!(found.iter().map(|one| one.patient.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(found[0].found.score, 90);
}

#[test]
fn of_300_generated_people_few_are_taken_for_another() {
    let people: Vec<PersonTraits> =
        (0..300).filter_map(|seed| PersonTraits::of_patient(&sample::small_chart(seed, 1)[0][0])).collect();
    assert_eq!(people.len(), 300);
    let pairs = (0..people.len()).flat_map(|one| (0..one).map(move |other| (one, other)));
    let alike = pairs.filter(|(one, other)| score(&people[*one], &people[*other]) >= LIKELY).count();
    assert!(alike <= 2, "{alike} of 44,850 pairs");
}

#[test]
fn a_patient_resource_and_a_registration_say_the_same() {
    let patient = json!({"resourceType": "Patient", "id": "p", "name": [{"family": "A", "given": ["B"]}], "gender": "male",
        "birthDate": "1970", "identifier": [{"system": "s", "value": "1"}],
        "telecom": [{"system": "phone", "value": "123456"}, {"system": "email", "value": "x"}]});
    let new = NewPatient {
        family: Some("A".into()),
        given: vec!["B".into()],
        birth_date: Some("1970".into()),
        gender: Some("male".into()),
        identifiers: vec![PersonIdentifier { system: Some("s".into()), value: "1".into() }],
        phone: Some("123456".into()),
        ..NewPatient::default()
    };
    assert_eq!(PersonTraits::of_patient(&patient), Some(PersonTraits::from(&new)));
    assert_eq!(PersonTraits::of_patient(&json!({"resourceType": "Flag"})), None);
}
