//! What each step does. mobile/scenarios/README.md says what it means.

use mobile::core::clinical::Concept;
use mobile::core::clinical::{Dosage, NewAllergy, NewMedication, NewNote, NewPatient};
use mobile::core::sync::Network;
use mobile::core::{ChartSection, ConnectionState, VitalReading};
use mobile::{PatientSearch, Question, Registered, SatchelDevice, SatchelError, SyncBudget, SyncListener, SyncNews};
use serde_json::{Value, json};
use system_tests::process::RelayProcess;

use crate::SATCHEL;
use crate::step::Step;
use crate::world::{ALL, Named, Scenario, Shown, Watcher, eventually, only};

pub type Given = Result<Option<Named>, SatchelError>;

struct Deaf;

impl SyncListener for Deaf {
    fn on_news(&self, _: SyncNews) {}
}

impl Scenario {
    pub fn perform(&mut self, step: &Step<'_>) -> Given {
        let verb = step.text("do");
        match verb {
            "relay" | "stop_relay" | "start_relay" | "officer" | "admin" => Ok(self.of_relay(verb, step)),
            "open" | "enrol" | "enrol_with_text" | "lock" | "reopen" => self.of_device(verb, step),
            "register" | "register_many" => self.registering(verb, step),
            "sync" | "sync_in_rounds" | "start_session" | "stop_session" | "network" => self.syncing(verb, step),
            "watch" | "close_watch" | "expect_watch" => self.watching(verb, step),
            "export" => self.exporting(step),
            "create_profile" | "unlock" | "change_pin" | "remove_profile" | "restart_tablet" | "let_time_pass"
            | "expect_tablet" | "expect_unreadable" => self.of_tablet(verb, step).map(|()| None),
            "refer" | "expect_referrals" | "break_glass" | "expect_emergencies" | "await_sealed"
            | "expect_own_work" | "send_held_again" | "expect_drafts" | "apply_draft" | "discard_draft" => {
                self.of_access(verb, step)
            }
            verb if verb.starts_with("expect_") || verb.starts_with("await_") => {
                self.expecting(verb, step).map(|()| None)
            }
            "allergy" | "medication" | "change_dose" | "vitals" | "note" | "sign_note" | "splice_note" | "set"
            | "retract" | "merge" | "unmerge" | "settle_first" | "import" => self.editing(verb, step),
            verb => panic!("no step is called {verb}"),
        }
    }

    fn of_relay(&mut self, verb: &str, step: &Step<'_>) -> Option<Named> {
        match verb {
            "relay" => {
                self.relay = Some(RelayProcess::start(SATCHEL, &self.folder.path().join("relay"), &[]));
                for (name, people) in step.object("practices") {
                    for who in people.as_array().unwrap() {
                        self.practice(&name, who.as_str().unwrap(), who == &people[0]);
                    }
                }
            }
            "stop_relay" => self.relay.as_mut().unwrap().kill(),
            "start_relay" => {
                self.relay.as_mut().unwrap().start_again();
                // This relay comes back at another port.
                let url = self.relay().url().to_owned();
                self.devices.values().for_each(|device| device.set_relay_url(url.clone()).unwrap());
            }
            "officer" => self.officer(step.text("organization"), step.text("practitioner")),
            _ => {
                let arguments: Vec<String> = step.texts("arguments").iter().map(|one| self.text(one)).collect();
                let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                let told = self.admin(&arguments, step.find_text("by"));
                return step.find_text("member").map(|member| Named::Text(member_of(&told, member)));
            }
        }
        None
    }

    fn practice(&self, organization: &str, who: &str, is_first: bool) {
        let run = |arguments: &[&str]| drop(self.admin(arguments, None));
        if is_first {
            run(&["organization", "add", organization, organization]);
        }
        run(&["practitioner", "add", who, who]);
        run(&["role", "put", who, organization, "physician"]);
    }

    fn of_device(&mut self, verb: &str, step: &Step<'_>) -> Given {
        let name = step.text("device");
        match verb {
            "open" => drop(self.opened(name)?),
            "enrol" => {
                let asked = ["code", step.text("organization"), step.text("practitioner")];
                let code = self.admin(&asked, None)["code"].as_str().unwrap().to_owned();
                let (device, url) = (self.opened(name)?, self.relay().url().to_owned());
                self.runtime.block_on(async {
                    match step.find_text("by") {
                        Some("qr") => {
                            device.enroll_with_qr(format!("satchel:enroll?relay={url}&code={code}"), name.into()).await
                        }
                        _ => device.enroll(url, code, name.into()).await,
                    }
                })?;
            }
            "enrol_with_text" => {
                let text = self.text(step.text("text"));
                self.runtime.block_on(self.device(step).enroll_with_qr(text, name.into()))?;
            }
            "lock" => {
                self.runtime.block_on(self.device(step).lock())?;
                assert!(self.device(step).is_locked());
            }
            _ => {
                let device = self.devices.remove(name).unwrap();
                self.runtime.block_on(device.lock())?;
                drop(device);
                self.opened(name)?;
            }
        }
        Ok(None)
    }

    fn registering(&mut self, verb: &str, step: &Step<'_>) -> Given {
        let device = self.device(step);
        if verb == "register_many" {
            for number in 0..step.number("count") {
                let family = Some(format!("{} {number}", step.text("family")));
                device.register_anyway(NewPatient { family, given: vec!["Ana".into()], ..NewPatient::default() })?;
            }
            return Ok(None);
        }
        let given = Step(step.member("patient"));
        let text = |name: &str| given.find_text(name).map(str::to_owned);
        let new = NewPatient {
            family: text("family"),
            given: given.texts("given"),
            birth_date: text("birthDate"),
            gender: text("gender"),
            ..NewPatient::default()
        };
        if step.flag("anyway") {
            return Ok(Some(Named::Chart(device.register_anyway(new)?)));
        }
        match device.register(new)? {
            Registered::Begun { chart } => Ok(Some(Named::Chart(chart))),
            Registered::Known { alike } => {
                assert_eq!(alike.len() as u64, step.number("known"));
                Ok(None)
            }
        }
    }

    fn editing(&mut self, verb: &str, step: &Step<'_>) -> Given {
        let device = self.device(step);
        let text = |name: &str| step.text(name).to_owned();
        let done = match verb {
            "allergy" => {
                let substance = Concept::words(text("substance"));
                device.record_allergy(self.at(step)?, NewAllergy { substance, ..NewAllergy::default() })?
            }
            "medication" => {
                let dosage = Dosage { text: text("dosage"), ..Dosage::default() };
                let medication = Concept::words(text("medication"));
                device.start_medication(
                    self.at(step)?,
                    NewMedication { medication, dosage, ..NewMedication::default() },
                )?
            }
            "change_dose" => {
                let dosage = Dosage { text: text("dosage"), ..Dosage::default() };
                device.change_dose(self.at(step)?, self.key(step).id, dosage, text("reason"))?
            }
            "vitals" => {
                let readings = step.list("readings").iter().map(|one| reading(&Step(one))).collect::<Result<_, _>>()?;
                let done = device.record_vitals(self.at(step)?, readings, None)?;
                assert_eq!(done.warnings.len() as u64, step.find_number("warnings").unwrap_or(0));
                done
            }
            "note" => device.write_note(self.at(step)?, NewNote { text: text("text"), ..NewNote::default() })?,
            "sign_note" => device.sign_note(self.at(step)?, self.key(step).id)?,
            "merge" | "unmerge" => {
                let (surviving, replaced) = (self.chart(step, "surviving")?, self.chart(step, "replaced")?);
                match verb {
                    "merge" => device.merge_patients(surviving, replaced, text("reason"))?,
                    _ => device.unmerge_patients(surviving, replaced, text("reason"))?,
                }
            }
            _ => return self.editing_one(verb, step, &device),
        };
        Ok(done.resources.first().map(|key| Named::Text(key.to_string())))
    }

    fn editing_one(&mut self, verb: &str, step: &Step<'_>, device: &SatchelDevice) -> Given {
        let text = |name: &str| step.text(name).to_owned();
        match verb {
            "splice_note" => {
                let [position, delete] = ["position", "delete"].map(|name| step.number(name) as u32);
                device.splice_note(self.chart(step, "chart")?, self.key(step), position, delete, text("insert"))?;
            }
            "set" => {
                let (path, value) = (step.text("path").parse().unwrap(), step.member("value").clone());
                device.set_element(self.chart(step, "chart")?, self.key(step), path, value)?;
            }
            "retract" => {
                device.mark_entered_in_error(self.chart(step, "chart")?, self.key(step), text("reason"))?;
            }
            "settle_first" => {
                let chart = self.chart(step, "chart")?;
                let conflict = device.conflicts(chart.clone())?.remove(0);
                let value = conflict.values[step.number("value") as usize].value.clone();
                device.settle_conflict(chart, conflict.resource, conflict.path, Some(value), text("reason"))?;
            }
            "import" => {
                let done = device.import_bundle(self.text(step.text("bundle")).into_bytes(), false)?;
                let expected = step.object("expect");
                let found = json!({"created": done.created, "changed": done.changed});
                assert_eq!(only(&expected, &found), expected);
            }
            verb => panic!("no step is called {verb}"),
        }
        Ok(None)
    }

    fn syncing(&mut self, verb: &str, step: &Step<'_>) -> Given {
        let name = step.text("device").to_owned();
        let budget = SyncBudget { bytes: step.find_number("bytes"), time_ms: step.find_number("timeMs") };
        match verb {
            "sync" => {
                let done = self.runtime.block_on(self.device(step).sync(Some(budget)))?;
                let found = json!({
                    "received": done.received, "sent": done.sent, "notAccepted": done.not_accepted,
                    "withdrawn": done.withdrawn, "cutShort": done.cut_short,
                });
                let expected = step.object("expect");
                assert_eq!(only(&expected, &found), expected);
            }
            "sync_in_rounds" => {
                let mut rounds = 1;
                while self.runtime.block_on(self.device(step).sync(Some(budget)))?.cut_short {
                    rounds += 1;
                    assert!(rounds < 100, "the rounds come to no end");
                }
                assert!(rounds > step.number("moreThan"), "{rounds} rounds");
            }
            "start_session" => {
                let device = self.device(step);
                let session = self.runtime.block_on(device.start_sync(Box::new(Deaf), Some(network(step))))?;
                self.sessions.insert(name, session);
            }
            "stop_session" => {
                let session = self.sessions.remove(&name).unwrap();
                self.runtime.block_on(session.stop());
                assert!(!session.is_running());
            }
            _ => self.sessions[&name].set_network(network(step)),
        }
        Ok(None)
    }

    fn watching(&mut self, verb: &str, step: &Step<'_>) -> Given {
        match verb {
            "watch" => {
                let shown = Shown::default();
                let (chart, section) = (self.chart(step, "chart")?, section(step));
                let question = Question::Section { chart, section, page: ALL };
                let query = self.device(step).watch(question, Box::new(Watcher(shown.clone())))?;
                return Ok(Some(Named::Watch(shown, query)));
            }
            "close_watch" => self.watched(step).1.end(),
            _ => {
                let wanted = (Some(step.texts("summaries")), step.flag("ended"));
                let shown = self.watched(step).0;
                eventually(&wanted, || shown.lock().unwrap().clone());
            }
        }
        Ok(None)
    }

    fn exporting(&mut self, step: &Step<'_>) -> Given {
        let (device, chart) = (self.device(step), self.chart(step, "chart")?);
        let text = match step.text("form") {
            "bundle" => device.export_chart(chart)?.to_string(),
            "summary" => device.export_summary(chart)?.to_string(),
            "ndjson" => device.export_ndjson(chart)?,
            "provenance" => device.export_provenance(chart, None)?.to_string(),
            "pdf" => String::from_utf8_lossy(&device.print_pdf(chart)?).into_owned(),
            form => panic!("no form is called {form}"),
        };
        assert!(text.contains(step.text("has")));
        Ok(Some(Named::Text(text)))
    }

    fn expecting(&mut self, verb: &str, step: &Step<'_>) -> Result<(), SatchelError> {
        let expected = step.object("expect");
        match verb {
            "expect_identity" => {
                let identity = self.device(step).identity()?;
                assert_eq!(identity.practitioner.as_str(), step.text("practitioner"));
                assert_eq!(identity.organization.as_str(), step.text("organization"));
            }
            "expect_status" => assert_eq!(only(&expected, &status(&self.device(step))?), expected),
            "await_status" => {
                let device = self.device(step);
                eventually(&expected, || only(&expected, &status(&device).unwrap()));
            }
            "expect_patients" => {
                let search = PatientSearch { text: Some(step.text("text").into()), ..PatientSearch::default() };
                assert_eq!(self.device(step).list_patients(search, ALL)?.len() as u64, step.number("count"));
            }
            "expect_notes" => {
                let found = self.device(step).search_notes(step.text("text").into(), None, ALL)?;
                assert_eq!(found.len() as u64, step.number("count"));
            }
            "expect_diagnostics" => {
                let found = self.device(step).diagnostics()?;
                assert_eq!(only(&expected, &found), expected);
                let words: Vec<String> = step.texts("without").iter().map(|words| self.text(words)).collect();
                assert!(words.iter().all(|words| !found.to_string().contains(words)), "patient content");
            }
            "expect_same" => {
                let chart = self.chart(step, "chart")?;
                let exported: Result<Vec<Value>, _> =
                    step.texts("devices").iter().map(|name| self.devices[name].export_chart(chart.clone())).collect();
                let exported = exported?;
                assert!(exported.iter().all(|one| *one == exported[0]), "the devices show different charts");
            }
            _ => self.expecting_of_chart(verb, step)?,
        }
        Ok(())
    }

    fn expecting_of_chart(&self, verb: &str, step: &Step<'_>) -> Result<(), SatchelError> {
        let (device, chart) = (self.device(step), self.chart(step, "chart")?);
        let summaries = || {
            let rows = device.section(chart.clone(), section(step), ALL)?;
            Ok::<_, SatchelError>(sorted(rows.into_iter().map(|row| row.summary)))
        };
        match verb {
            "expect_section" => assert_eq!(summaries()?, step.texts("summaries")),
            "await_section" => eventually(&step.texts("summaries"), || summaries().unwrap()),
            "expect_person" => assert_eq!(device.person(chart)?.charts.len() as u64, step.number("charts")),
            "expect_element" => {
                let found = device.resource(chart, self.key(step))?;
                assert_eq!(found.pointer(step.text("pointer")), Some(step.member("value")));
            }
            "expect_vital" => {
                let found = device.latest_vitals(chart)?.into_iter().find(|row| row.code == step.text("loinc"));
                assert_eq!(found.unwrap().shown, step.text("shown"));
            }
            "expect_medications" => {
                let rows = device.medications_now(chart)?;
                assert!(rows.iter().all(|row| row.in_conflict == step.flag("inConflict")));
                assert_eq!(sorted(rows.into_iter().map(|row| row.medication)), step.texts("medications"));
            }
            "expect_conflicts" => {
                assert_eq!(device.conflicts(chart.clone())?.len() as u64, step.number("count"));
                let inbox = device.inbox()?.into_iter().filter(|one| one.chart.as_ref() == Some(&chart));
                assert_eq!(inbox.filter(|one| !one.conflicts.is_empty()).count() as u64, step.number("count").min(1));
            }
            "expect_history" => {
                let entries = device.history(chart, Some(self.key(step)))?;
                let who = step.text("practitioner");
                assert!(entries.iter().all(|one| one.signed && one.practitioner.as_ref().unwrap().as_str() == who));
                let reasons: Vec<String> = entries.into_iter().filter_map(|entry| entry.message).collect();
                assert_eq!(reasons, step.texts("reasons"));
            }
            verb => panic!("no step is called {verb}"),
        }
        Ok(())
    }
}

/// The member of an answer that `path` names, `0.id`, as text.
fn member_of(told: &Value, path: &str) -> String {
    let found = told.pointer(&format!("/{}", path.replace('.', "/"))).unwrap_or_else(|| panic!("no {path} in {told}"));
    found.as_str().map_or_else(|| found.to_string(), str::to_owned)
}

fn reading(given: &Step<'_>) -> Result<VitalReading, SatchelError> {
    let bad = |_| SatchelError::Invalid { detail: "not a number".into() };
    let (loinc, value) = (given.text("loinc").to_owned(), given.text("value").parse().map_err(bad)?);
    Ok(VitalReading { loinc, value, unit: given.find_text("unit").map(str::to_owned) })
}

fn sorted(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut texts: Vec<String> = texts.collect();
    texts.sort();
    texts
}

fn section(step: &Step<'_>) -> ChartSection {
    serde_json::from_value(step.member("section").clone()).unwrap()
}

fn network(step: &Step<'_>) -> Network {
    match step.text("network") {
        "offline" => Network::Offline,
        "metered" => Network::Metered,
        "online" => Network::Online,
        other => panic!("no network is called {other}"),
    }
}

fn status(device: &SatchelDevice) -> Result<Value, SatchelError> {
    let status = device.status()?;
    let connection = match status.connection {
        ConnectionState::Offline => "offline",
        ConnectionState::Connecting => "connecting",
        ConnectionState::CatchingUp => "catching-up",
        ConnectionState::Live => "live",
        ConnectionState::Refused => "refused",
    };
    Ok(json!({
        "connection": connection, "upToDate": status.up_to_date, "unsent": status.unsent, "held": status.held,
        "receiptsOwed": status.receipts_owed, "patients": status.patients,
    }))
}
