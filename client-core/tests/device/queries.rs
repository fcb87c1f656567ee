//! Queries for apps: what they give, in which order, and that live ones tell of changes.

use std::sync::{Arc, Mutex};

use client_core::clinical::{Concept, Dosage, NewAllergy, NewEncounter, NewFlag, NewMedication, NewNote, NewTask};
use client_core::{
    ChartRef, ChartSection, Device, NewPatient, Occasion, Page, PatientQuery, Query, Rows, Span, Trend, UnixMillis,
    VitalReading,
};

use crate::relay::Relay;
use crate::world::{Node, START, assert_converged};

const ALL: Page = Page { limit: 1_000, offset: 0 };

fn node() -> (Node, ChartRef) {
    let mut node = Node::new(&mut Relay::new(), 1, "north", "dr-a");
    let chart = register(&mut node.device, "Okonkwo", "female", "1984-05-02");
    (node, chart)
}

fn register(device: &mut Device, family: &str, gender: &str, born: &str) -> ChartRef {
    let new = NewPatient {
        family: Some(family.into()),
        gender: Some(gender.into()),
        birth_date: Some(born.into()),
        ..NewPatient::default()
    };
    device.register_patient(&new, START).unwrap()
}

fn weight(device: &mut Device, chart: &ChartRef, value: &str, unit: &str, taken: &str) {
    let reading = VitalReading { loinc: "29463-7".into(), value: value.parse().unwrap(), unit: Some(unit.into()) };
    device.record_vitals(&Occasion::new(chart, START), &[reading], Some(taken)).unwrap();
}

fn medication(device: &mut Device, chart: &ChartRef, name: &str) -> String {
    let dosage = Dosage { text: "1 a day".into(), ..Dosage::default() };
    let new = NewMedication { medication: Concept::words(name), dosage, ..NewMedication::default() };
    device.start_medication(&Occasion::new(chart, START), &new).unwrap().resources.remove(0).id
}

fn task(device: &mut Device, chart: &ChartRef, what: &str, due: Option<&str>) -> String {
    let new = NewTask { description: what.into(), due: due.map(str::to_owned), ..NewTask::default() };
    device.add_task(&Occasion::new(chart, START), &new).unwrap().resources.remove(0).id
}

fn day(date: &str) -> UnixMillis {
    UnixMillis(clinical_record::facts::first_millis(date).unwrap())
}

#[test]
fn the_latest_vital_signs_come_with_their_trend_whatever_unit_they_were_taken_in() {
    let (mut node, chart) = node();
    let device = &mut node.device;
    weight(device, &chart, "62.0", "kg", "2024-03-01");
    weight(device, &chart, "140", "[lb_av]", "2024-02-01");
    weight(device, &chart, "60000", "g", "2024-01-01");
    let latest = device.latest_vitals(&chart, START).unwrap();
    assert_eq!((latest.len(), latest[0].shown.as_str(), latest[0].trend), (1, "62.0 kg", Some(Trend::Falling)));
    assert!((latest[0].previous.unwrap() - 63.5).abs() < 0.1);
    let series = device.series(&chart, "29463-7", START).unwrap();
    let kilograms: Vec<_> = series.iter().map(|point| (point.value * 10.0).round() / 10.0).collect();
    assert_eq!(kilograms, [60.0, 63.5, 62.0], "oldest first, in one unit");
    assert!(series.iter().all(|point| point.unit == "kg"));
}

#[test]
fn medicines_now_are_those_that_run_and_say_when_they_are_in_conflict() {
    let (mut node, chart) = node();
    let kept = medication(&mut node.device, &chart, "Warfarin");
    let stopped = medication(&mut node.device, &chart, "Ibuprofen");
    node.device.stop_medication(&Occasion::new(&chart, START), &stopped, "bleeding").unwrap();
    let now = node.device.medications_now(&chart, START).unwrap();
    assert_eq!(now.len(), 1);
    assert_eq!(now[0].resource, format!("MedicationRequest/{kept}"));
    assert_eq!(
        (now[0].medication.as_str(), now[0].dosage.as_deref(), now[0].in_conflict),
        ("Warfarin", Some("1 a day"), false)
    );
}

#[test]
fn a_medicine_whose_dose_is_in_conflict_says_so_and_the_inbox_of_all_charts_lists_it() {
    let mut relay = Relay::new();
    let mut a = Node::new(&mut relay, 1, "north", "dr-a");
    let mut b = Node::new(&mut relay, 2, "north", "dr-b");
    let chart = a.chart("Silva");
    let calm = a.chart("Souza");
    let key = client_core::ResourceKey::new("MedicationRequest", medication(&mut a.device, &chart, "Warfarin"));
    a.sync(&mut relay);
    b.sync(&mut relay);
    let path = "dosageInstruction[0].text".parse().unwrap();
    for (node, dose) in [(&mut a, "2 a day"), (&mut b, "3 a day")] {
        node.device.set_element(&chart, &key, &path, dose.into(), START).unwrap();
    }
    for _ in 0..2 {
        a.sync(&mut relay);
        b.sync(&mut relay);
    }
    assert_converged(&a, &b);
    for node in [&mut a, &mut b] {
        assert!(node.device.medications_now(&chart, START).unwrap()[0].in_conflict);
        let inboxes = node.device.all_conflicts(START).unwrap();
        assert_eq!(inboxes.len(), 1);
        assert_eq!((inboxes[0].chart.as_ref(), inboxes[0].conflicts.len()), (Some(&chart), 1));
        assert_eq!(inboxes[0].conflicts, node.device.conflicts(&chart, START).unwrap());
        assert_eq!(node.device.conflicts(&calm, START).unwrap(), []);
    }
    a.device.settle_conflict(&chart, &key, &path, Some(&"2 a day".into()), "asked", START).unwrap();
    assert_eq!(a.device.all_conflicts(START).unwrap(), [], "what is settled waits no more");
    a.sync(&mut relay);
    b.sync(&mut relay);
    assert_eq!(b.device.all_conflicts(START).unwrap(), []);
}

#[test]
fn tasks_of_everybody_are_listed_by_when_they_are_due() {
    let (mut node, chart) = node();
    let other = register(&mut node.device, "Lindqvist", "male", "1950");
    let device = &mut node.device;
    task(device, &chart, "Some day", None);
    task(device, &other, "Second", Some("1970-01-04"));
    task(device, &chart, "First", Some("1970-01-03T10:00:00+02:00"));
    let done = task(device, &chart, "Done", Some("1970-01-01"));
    let step = client_core::clinical::TaskStep::Complete;
    device.move_task(&Occasion::new(&chart, START), &done, step, None).unwrap();
    let names = |rows: Vec<client_core::TaskRow>| rows.into_iter().map(|row| row.task).collect::<Vec<_>>();
    let noon = day("1970-01-03T12:00:00Z");
    assert_eq!(names(device.due_tasks(None, None, ALL, noon).unwrap()), ["First", "Second", "Some day"]);
    let due = device.due_tasks(None, Some(day("1970-01-04")), ALL, noon);
    assert!(matches!(due, Ok(rows) if rows.len() == 1 && rows[0].overdue && rows[0].name == "Okonkwo"));
    assert_eq!(names(device.due_tasks(Some(&other), None, ALL, noon).unwrap()), ["Second"]);
}

#[test]
fn notes_are_found_by_the_beginnings_of_their_words_without_accents() {
    let (mut node, chart) = node();
    let other = register(&mut node.device, "Lindqvist", "male", "1950");
    let device = &mut node.device;
    for (chart, text) in [(&chart, "Douleur à l'épaule gauche."), (&other, "Shoulder stable; épaulette.")] {
        let new = NewNote { text: text.into(), ..NewNote::default() };
        device.write_note(&Occasion::new(chart, START), &new).unwrap();
    }
    let found = |device: &mut Device, text: &str, chart: Option<&ChartRef>| {
        device.search_notes(text, chart, ALL, START).unwrap().into_iter().map(|row| row.snippet).collect::<Vec<_>>()
    };
    assert_eq!(found(device, "EPAUL", None).len(), 2);
    assert_eq!(found(device, "epaul gau", None), ["Douleur à l'épaule gauche."]);
    assert_eq!(found(device, "epaul", Some(&other)), ["Shoulder stable; épaulette."]);
    for nothing in ["", "\"", "knee", "AND"] {
        assert_eq!(found(device, nothing, None), [] as [String; 0], "{nothing}");
    }
}

#[test]
fn a_note_that_is_edited_or_taken_back_is_found_by_what_it_says_now() {
    let (mut node, chart) = node();
    let note = node.device.add_note(&chart, "Knee pain", None, START).unwrap().resource;
    node.device.splice_note(&chart, &note, 0, 4, "Elbow", START).unwrap();
    let count = |node: &mut Node, text: &str| node.device.search_notes(text, None, ALL, START).unwrap().len();
    assert_eq!((count(&mut node, "knee"), count(&mut node, "elbow")), (0, 1));
    node.device.mark_entered_in_error(&chart, &note, "wrong patient", START).unwrap();
    assert_eq!(count(&mut node, "elbow"), 0);
}

#[test]
fn sections_and_the_timeline_leave_out_what_was_entered_in_error_and_come_in_pages() {
    use ChartSection::{Allergies, Encounters, Flags, Other, VitalSigns};
    let (mut node, chart) = node();
    let (device, at) = (&mut node.device, Occasion::new(&chart, START));
    let allergy = NewAllergy { substance: Concept::words("Latex"), ..NewAllergy::default() };
    let wrong = device.record_allergy(&at, &allergy).unwrap().resources.remove(0);
    device.record_allergy(&at, &NewAllergy { substance: Concept::words("Penicillin"), ..allergy }).unwrap();
    device.mark_entered_in_error(&chart, &wrong, "wrong patient", START).unwrap();
    device.raise_flag(&at, &NewFlag { warning: Concept::words("Falls"), category: None }).unwrap();
    device.open_encounter(&at, &NewEncounter::default()).unwrap();
    weight(device, &chart, "60", "kg", "2024-03-01");
    weight(device, &chart, "61", "kg", "2024-04-01");
    let rows = device.section(&chart, Allergies, ALL, START).unwrap();
    assert_eq!((rows.len(), rows[0].summary.as_str()), (1, "Penicillin"));
    let sections: Vec<_> = device.sections(&chart, START).unwrap().iter().map(|one| one.section).collect();
    assert_eq!(sections, [Flags, Allergies, VitalSigns, Encounters, Other]);
    let dates = |device: &mut Device, span: Span, page: Page| {
        let rows = device.timeline(&chart, span, page, START).unwrap();
        rows.into_iter().filter_map(|row| row.date).map(|date| date[..10].to_owned()).collect::<Vec<_>>()
    };
    let spring = Span { from: Some(day("2024-01-01")), until: Some(day("2024-04-01")) };
    assert_eq!(dates(device, spring, ALL), ["2024-03-01"]);
    assert_eq!(dates(device, Span::default(), Page { limit: 1, offset: 1 }), ["2024-03-01"]);
    assert_eq!(device.timeline(&chart, Span::default(), ALL, START).unwrap().len(), 5);
}

#[test]
fn the_patient_list_is_narrowed_down_by_sex_and_birth_and_comes_in_pages() {
    let (mut node, _) = node();
    let device = &mut node.device;
    register(device, "Abebe", "male", "1950");
    register(device, "Zhao", "female", "2001-07");
    let names = |device: &mut Device, query: PatientQuery, page: Page| {
        let rows = device.list_patients(&query, page, START).unwrap();
        rows.into_iter().map(|row| row.name).collect::<Vec<_>>()
    };
    let everybody = PatientQuery::default;
    assert_eq!(names(device, everybody(), ALL), ["Abebe", "Okonkwo", "Zhao"]);
    assert_eq!(names(device, everybody(), Page { limit: 1, offset: 1 }), ["Okonkwo"]);
    assert_eq!(names(device, PatientQuery { gender: Some("female".into()), ..everybody() }, ALL), ["Okonkwo", "Zhao"]);
    let grown = PatientQuery { born_from: Some("1960".into()), born_before: Some("2001".into()), ..everybody() };
    assert_eq!(names(device, grown, ALL), ["Okonkwo"]);
}

#[test]
fn a_live_query_is_told_when_its_answer_changes_and_only_then() {
    let mut relay = Relay::new();
    let mut a = Node::new(&mut relay, 1, "north", "dr-a");
    let mut b = Node::new(&mut relay, 2, "north", "dr-b");
    let chart = a.chart("Silva");
    a.sync(&mut relay);
    b.sync(&mut relay);
    let heard: Arc<Mutex<Vec<usize>>> = Arc::default();
    let telling = heard.clone();
    let query = Query::MedicationsNow(chart.clone());
    let told = move |rows: &Rows| telling.lock().unwrap().push(rows.0.len());
    let (id, first) = b.device.watch(query, START, told).unwrap();
    assert_eq!(first.0.len(), 0);
    medication(&mut b.device, &chart, "Warfarin");
    assert_eq!(*heard.lock().unwrap(), [1], "after an edit here");
    task(&mut b.device, &chart, "Call back", None);
    assert_eq!(*heard.lock().unwrap(), [1], "an edit of something else changes no answer");
    medication(&mut a.device, &chart, "Amoxicillin");
    a.sync(&mut relay);
    b.sync(&mut relay);
    assert_eq!(*heard.lock().unwrap(), [1, 2], "after a sync");
    b.device.unwatch(id);
    medication(&mut b.device, &chart, "Metformin");
    assert_eq!(heard.lock().unwrap().len(), 2);
}

#[test]
fn a_query_is_written_as_csv_and_the_trail_says_so() {
    let (mut node, chart) = node();
    medication(&mut node.device, &chart, "Warfarin, \"5 mg\"");
    let csv = node.device.export_csv(&Query::MedicationsNow(chart.clone()), START).unwrap();
    let mut lines = csv.lines();
    assert!(lines.next().unwrap().starts_with("organization,patient,resource,medication,dosage,since"));
    assert!(lines.next().unwrap().contains("\"Warfarin, \"\"5 mg\"\"\",1 a day,"));
    let trail = node.device.trail(0, 100).unwrap();
    assert_eq!(trail.last().unwrap().entry.action, "export");
    assert!(trail.iter().any(|record| record.entry.action == "read"));
}
