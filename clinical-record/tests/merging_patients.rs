//! Two registrations of one person become one view, and two again, whatever was entered meanwhile on either side.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use clinical_record::clinical::{ClinicalEdit, Entry};
use clinical_record::person::{PersonGroup, merge_patients, merged_view, person_groups, unmerge_patients};
use clinical_record::{RecordDocument, ResourceKey, validate};
use serde_json::{Value, json};

fn patient(id: &str, family: &str) -> Value {
    json!({"resourceType": "Patient", "id": id, "active": true, "name": [{"family": family}],
        "identifier": [{"system": "urn:mrn", "value": format!("mrn-{id}")}]})
}

fn entry(id: &str) -> Entry<'_> {
    Entry { patient: id, encounter: None, author: "clerk", now: "2024-05-06T07:08:09Z", id: "-" }
}

/// The patient-index documents of two registrations.
#[derive(Clone)]
struct Index {
    documents: [RecordDocument; 2],
}

const IDS: [&str; 2] = ["a", "b"];

impl Index {
    fn new() -> Self {
        Self {
            documents: IDS.map(|id| {
                let mut document = RecordDocument::new();
                document.edit(b"clerk", 0, |edit| edit.put_resource(&patient(id, id))).unwrap();
                document
            }),
        }
    }

    fn patients(&self) -> [Value; 2] {
        [0, 1].map(|at| self.documents[at].resource(&ResourceKey::new("Patient", IDS[at])).unwrap())
    }

    fn groups(&self) -> Vec<PersonGroup> {
        person_groups(&self.patients())
    }

    fn put(&mut self, actor: &[u8], edit: &ClinicalEdit) {
        for (key, resource) in &edit.resources {
            assert_eq!(validate(resource), []);
            let at = IDS.iter().position(|id| key.patient.as_deref() == Some(id)).unwrap();
            self.documents[at].edit(actor, 1, |editor| edit.put_into(key, editor)).unwrap();
        }
    }

    fn merge(&mut self, actor: &[u8], survivor: usize) {
        let patients = self.patients();
        let edit = merge_patients(&entry(IDS[survivor]), &patients[survivor], &patients[1 - survivor], "one person");
        self.put(actor, &edit.unwrap());
    }

    fn unmerge(&mut self, actor: &[u8], survivor: usize) {
        let patients = self.patients();
        let edit =
            unmerge_patients(&entry(IDS[survivor]), &patients[survivor], &patients[1 - survivor], "two after all");
        self.put(actor, &edit.unwrap());
    }

    fn change(&mut self, actor: &[u8], at: usize, change: impl FnOnce(&mut Value)) {
        let mut patient = self.patients()[at].clone();
        change(&mut patient);
        self.documents[at].edit(actor, 2, |edit| edit.put_resource(&patient)).unwrap();
    }

    fn exchange(&mut self, other: &mut Self) {
        for (mine, yours) in self.documents.iter_mut().zip(&mut other.documents) {
            let (from_me, from_you) = (mine.changes_since(&[]).unwrap(), yours.changes_since(&[]).unwrap());
            mine.apply(from_you.iter().map(|change| change.bytes.as_slice())).unwrap();
            yours.apply(from_me.iter().map(|change| change.bytes.as_slice())).unwrap();
            assert_eq!(mine.heads(), yours.heads());
        }
        assert_eq!(self.groups(), other.groups());
    }
}

fn alone(id: &str) -> PersonGroup {
    PersonGroup { survivor: id.into(), replaced: vec![], disputed: false }
}

#[test]
fn a_merge_makes_one_person_and_unmerging_restores_both_as_they_were() {
    let mut index = Index::new();
    let before = index.patients();
    index.merge(b"clerk", 0);
    assert_eq!(index.groups(), [PersonGroup { survivor: "a".into(), replaced: vec!["b".into()], disputed: false }]);
    assert_eq!(index.patients()[1]["active"], false);
    index.unmerge(b"clerk", 0);
    assert_eq!(index.patients(), before);
    assert_eq!(index.groups(), [alone("a"), alone("b")]);
    let reasons: Vec<_> = index.documents[1].history(None).into_iter().filter_map(|entry| entry.message).collect();
    assert_eq!(reasons, ["one person", "two after all"]);
}

#[test]
fn unmerging_keeps_what_was_entered_on_either_side_meanwhile_also_offline() {
    let mut here = Index::new();
    let mut offline = here.clone();
    here.merge(b"clerk", 0);
    here.change(b"clerk", 0, |patient| patient["gender"] = "female".into());
    // A device that has not heard writes to the replaced one.
    offline.change(b"nurse", 1, |patient| patient["birthDate"] = "1984-03-12".into());
    here.exchange(&mut offline);
    assert_eq!(here.groups()[0].replaced, ["b"]);
    here.unmerge(b"clerk", 0);
    let [a, b] = here.patients();
    assert_eq!((&a["gender"], &b["birthDate"], &b["active"]), (&json!("female"), &json!("1984-03-12"), &json!(true)));
    assert!(a.get("link").is_none() && b.get("link").is_none());
    assert!(here.documents.iter().all(|document| document.conflicts().is_empty()));
}

#[test]
fn a_merge_both_ways_at_once_is_one_person_everywhere_and_disputed() {
    let mut one = Index::new();
    let mut other = one.clone();
    one.merge(b"one", 0);
    other.merge(b"other", 1);
    one.exchange(&mut other);
    assert_eq!(one.groups(), [PersonGroup { survivor: "a".into(), replaced: vec!["b".into()], disputed: true }]);
    one.unmerge(b"one", 1);
    one.exchange(&mut other);
    assert_eq!(other.groups(), [PersonGroup { survivor: "a".into(), replaced: vec!["b".into()], disputed: false }]);
}

#[test]
fn the_same_merge_made_twice_apart_is_one_merge_and_is_undone_as_one() {
    let mut one = Index::new();
    let mut other = one.clone();
    one.merge(b"one", 0);
    other.merge(b"other", 0);
    one.exchange(&mut other);
    assert_eq!(one.groups(), [PersonGroup { survivor: "a".into(), replaced: vec!["b".into()], disputed: false }]);
    other.unmerge(b"other", 0);
    one.exchange(&mut other);
    assert_eq!(one.groups(), [alone("a"), alone("b")]);
    assert_eq!(one.patients()[1], patient("b", "b"));
}

#[test]
fn chains_are_followed_and_a_patient_replaced_by_two_stands_for_itself() {
    let link = |to: &[&str]| -> Value {
        to.iter().map(|id| json!({"other": {"reference": format!("Patient/{id}")}, "type": "replaced-by"})).collect()
    };
    let mut chain = ["a", "b", "c"].map(|id| patient(id, id));
    chain[0]["link"] = link(&["b"]);
    chain[1]["link"] = link(&["c"]);
    let all = PersonGroup { survivor: "c".into(), replaced: vec!["a".into(), "b".into()], disputed: false };
    assert_eq!(person_groups(&chain), [all]);
    chain[0]["link"] = link(&["b", "c"]);
    chain[1].as_object_mut().unwrap().remove("link");
    let disputed = PersonGroup { disputed: true, ..alone("a") };
    assert_eq!(person_groups(&chain), [disputed, alone("b"), alone("c")]);
    let elsewhere = json!({"resourceType": "Patient", "id": "d", "link": link(&["not-here"])});
    assert_eq!(person_groups([&elsewhere])[0].survivor, "not-here");
}

#[test]
fn the_view_shows_both_charts_under_the_survivor_and_edits_go_back_where_they_belong() {
    let mut index = Index::new();
    index.merge(b"clerk", 0);
    let [a, b] = index.patients();
    let allergy = |id: &str, patient: &str| json!({"resourceType": "AllergyIntolerance", "id": id, "patient": {"reference": patient}});
    let charts = [
        ("a".to_owned(), a),
        ("a".to_owned(), allergy("x", "Patient/a")),
        ("b".to_owned(), b),
        ("b".to_owned(), allergy("y", "Patient/b")),
        ("b".to_owned(), allergy("z", "urn:uuid:b")),
    ];
    let group = &index.groups()[0];
    let view = merged_view(group, charts.clone());
    assert_eq!(view.len(), 4);
    let shown = &view[0].resource;
    assert_eq!(
        (shown["id"].as_str(), shown["name"].as_array().unwrap().len(), shown["identifier"].as_array().unwrap().len()),
        (Some("a"), 2, 2)
    );
    assert_eq!(shown["link"][0]["other"]["reference"], "Patient/b", "links keep their names");
    let referred: Vec<_> = view[1..].iter().map(|one| one.resource["patient"]["reference"].as_str().unwrap()).collect();
    assert_eq!(referred, ["Patient/a", "Patient/a", "urn:uuid:a"]);
    for (viewed, (chart, stored)) in view[1..].iter().zip([&charts[1], &charts[3], &charts[4]]) {
        assert_eq!(viewed.chart, *chart);
        let mut edited = viewed.resource.clone();
        edited["criticality"] = "high".into();
        let mut expected = stored.clone();
        expected["criticality"] = "high".into();
        assert_eq!(viewed.in_own_chart(group, &edited), expected);
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_its_element() {
    let (a, b) = (patient("a", "A"), patient("b", "B"));
    let path = |edit: Result<ClinicalEdit, clinical_record::clinical::ClinicalError>| edit.err().unwrap().path;
    assert_eq!(path(merge_patients(&entry("a"), &a, &a, "why")), "Patient.link[0].other");
    assert_eq!(path(merge_patients(&entry("a"), &a, &b, " ")), "Patient.link");
    assert_eq!(path(merge_patients(&entry("a"), &a, &json!({"resourceType": "Flag", "id": "f"}), "why")), "Patient");
    assert_eq!(path(unmerge_patients(&entry("a"), &a, &b, "why")), "Patient.link");
    let mut index = Index::new();
    index.merge(b"clerk", 0);
    let [a, b] = index.patients();
    assert_eq!(path(merge_patients(&entry("b"), &b, &a, "why")), "Patient.link");
    assert_eq!(path(merge_patients(&entry("a"), &patient("c", "C"), &b, "why")), "Patient.link");
}
