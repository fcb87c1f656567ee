//! Steps on tablets that several people share: profiles under PINs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mobile::core::profile::ProfileSettings;
use mobile::{ProfileShown, SatchelError, SatchelTablet};
use serde_json::{Map, Value, json};

use crate::step::Step;
use crate::world::{Scenario, only};

/// What stands for the platform's secret; another one backwards.
fn secret(is_other: bool) -> Option<Vec<u8>> {
    let bytes = 1..=32u8;
    Some(if is_other { bytes.rev().collect() } else { bytes.collect() })
}

impl Scenario {
    fn tablet_folder(&self, tablet: &str) -> PathBuf {
        self.folder.path().join(format!("tablet-{tablet}"))
    }

    fn tablet(&mut self, tablet: &str) -> Result<Arc<SatchelTablet>, SatchelError> {
        if let Some(opened) = self.tablets.get(tablet) {
            return Ok(opened.clone());
        }
        let opened = SatchelTablet::open(self.tablet_folder(tablet).to_string_lossy().into_owned(), None)?;
        self.tablets.insert(tablet.to_owned(), opened.clone());
        Ok(opened)
    }

    pub fn of_tablet(&mut self, verb: &str, step: &Step<'_>) -> Result<(), SatchelError> {
        match verb {
            "create_profile" => self.create_profile(step),
            "unlock" => self.unlock(step),
            "restart_tablet" => self.restart_tablet(step.text("tablet")),
            "expect_tablet" => self.expect_tablet(step),
            "expect_unreadable" => {
                let words: Vec<String> = step.texts("words").iter().map(|words| self.text(words)).collect();
                assert!(look_for(&self.tablet_folder(step.text("tablet")), &words) > 0, "nothing is there to be read");
                Ok(())
            }
            _ => self.of_profile(verb, step),
        }
    }

    fn create_profile(&mut self, step: &Step<'_>) -> Result<(), SatchelError> {
        let (tablet, device) = (step.text("tablet").to_owned(), step.text("device").to_owned());
        let wipe_after_wrong_pins = step.find_number("wipeAfter").map(|number| number as u32);
        let settings = ProfileSettings { wipe_after_wrong_pins, ..ProfileSettings::default() };
        let (label, pin) = (step.text("label").to_owned(), step.text("pin").to_owned());
        let opened = self.tablet(&tablet)?;
        let made = self.runtime.block_on(opened.create(label, pin, secret(false), settings))?;
        self.profiles.insert(device.clone(), (tablet, made.profile_id().unwrap()));
        self.devices.insert(device, made);
        Ok(())
    }

    fn unlock(&mut self, step: &Step<'_>) -> Result<(), SatchelError> {
        let (device, pin) = (step.text("device").to_owned(), step.text("pin").to_owned());
        let secret = secret(step.flag("otherSecret"));
        if let Some(device) = self.devices.get(&device) {
            return self.runtime.block_on(device.unlock(pin, secret));
        }
        let (tablet, profile) = self.profiles[&device].clone();
        let tablet = self.tablet(&tablet)?;
        let unlocked = self.runtime.block_on(tablet.unlock(profile, pin, secret))?;
        self.devices.insert(device, unlocked);
        Ok(())
    }

    fn of_profile(&mut self, verb: &str, step: &Step<'_>) -> Result<(), SatchelError> {
        let (tablet, profile) = self.profiles[step.text("device")].clone();
        let (folder, tablet) = (self.tablet_folder(&tablet).join(&profile), self.tablet(&tablet)?);
        let text = |name: &str| step.text(name).to_owned();
        match verb {
            "change_pin" => self.runtime.block_on(tablet.change_pin(profile, text("pin"), text("new"), secret(false))),
            "remove_profile" if step.find_text("pin").is_some() => {
                self.runtime.block_on(tablet.remove(profile, text("pin"), secret(false)))
            }
            "remove_profile" => tablet.remove_wiped(profile),
            "let_time_pass" => {
                let file = folder.join("profile.attempts");
                let mut attempts: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
                attempts["at"] = (attempts["at"].as_u64().unwrap() - step.number("ms")).into();
                std::fs::write(file, attempts.to_string()).unwrap();
                Ok(())
            }
            verb => panic!("no step is called {verb}"),
        }
    }

    fn restart_tablet(&mut self, tablet: &str) -> Result<(), SatchelError> {
        for (device, (of, _)) in &self.profiles {
            if of == tablet
                && let Some(device) = self.devices.remove(device)
            {
                self.runtime.block_on(device.lock())?;
            }
        }
        self.tablets.remove(tablet).unwrap();
        Ok(())
    }

    fn expect_tablet(&mut self, step: &Step<'_>) -> Result<(), SatchelError> {
        let shown = self.tablet(step.text("tablet"))?.profiles()?;
        let expected = step.object("profiles");
        let found: Map<String, Value> = shown.iter().map(|one| (one.label.clone(), told(one))).collect();
        assert_eq!(sorted_keys(&found), sorted_keys(&expected), "which profiles there are");
        for (label, expected) in &expected {
            let expected = expected.as_object().unwrap();
            assert_eq!(only(expected, &found[label]), *expected, "of {label}");
        }
        let text = format!("{shown:?}");
        let words: Vec<String> = step.texts("without").iter().map(|words| self.text(words)).collect();
        assert!(words.iter().all(|words| !text.contains(words)), "patient content in what a tablet shows");
        Ok(())
    }
}

fn sorted_keys(map: &Map<String, Value>) -> Vec<&String> {
    let mut keys: Vec<&String> = map.keys().collect();
    keys.sort();
    keys
}

fn told(shown: &ProfileShown) -> Value {
    let unsent = shown.unsent;
    json!({
        "enrolled": shown.enrolled, "wiped": shown.wiped, "wrongPins": shown.wrong_pins,
        "lockedOut": shown.locked_out_until.is_some(),
        "changes": unsent.map(|unsent| unsent.changes), "drafts": unsent.map(|unsent| unsent.drafts),
        "held": unsent.map(|unsent| unsent.held),
    })
}

/// Fails if one of the words stands in a file below `folder`. Gives how many files there are.
fn look_for(folder: &Path, words: &[String]) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += look_for(&path, words);
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        for word in words {
            let found = bytes.windows(word.len()).any(|window| window == word.as_bytes());
            assert!(!found, "{word} in {}", path.display());
        }
        files += 1;
    }
    files
}
