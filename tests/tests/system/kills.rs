//! SIGKILL at any moment, of the relay and of a device, loses nothing that was acknowledged or saved.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use client_core::{ChangeHash, ChartRef};
use rusqlite::Connection;
use system_tests::charts::allergy;
use system_tests::process::{Editor, Profile, RelayProcess};
use system_tests::{Dice, folder, seeds};

use crate::SATCHEL;

/// How often each process is killed.
const ROUNDS: u64 = 6;

/// Every change in the relay's file.
fn logged(relay: &RelayProcess) -> BTreeSet<ChangeHash> {
    let db = Connection::open(relay.file()).unwrap();
    let mut statement = db.prepare("SELECT hash FROM change_log").unwrap();
    let rows = statement.query_map([], |row| Ok(ChangeHash(row.get(0)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

/// Edits as fast as it can until `over`.
fn edit_under_load(profile: &Profile, chart: &ChartRef, round: u64, over: &AtomicBool) {
    for number in 0.. {
        if over.load(Ordering::Relaxed) {
            return;
        }
        profile.put(chart, &allergy(chart, &format!("a{round}-{number}"), "Penicillin-Load"));
    }
}

/// Two devices live and under load until the relay is killed at a random moment.
fn kill_under_load(relay: &mut RelayProcess, devices: &[(Profile, ChartRef)], round: u64, dice: &mut Dice) {
    let over = AtomicBool::new(false);
    let moment = Duration::from_millis(50 + dice.below(250));
    std::thread::scope(|scope| {
        for (profile, chart) in devices {
            scope.spawn(|| edit_under_load(profile, chart, round, &over));
        }
        let live: Vec<_> = devices.iter().map(|(profile, _)| profile.go_live()).collect();
        std::thread::sleep(moment);
        relay.kill();
        over.store(true, Ordering::Relaxed);
        drop(live);
    });
}

#[test]
fn what_a_device_was_told_is_accepted_survives_the_kill_of_the_relay() {
    let (data, homes) = (folder::on_disk(), [folder::on_disk(), folder::on_disk(), folder::on_disk()]);
    let mut relay = RelayProcess::start(SATCHEL, data.path(), &[]);
    relay.admin().practice("north", "dr-a");
    let devices: Vec<_> = homes[..2]
        .iter()
        .enumerate()
        .map(|(number, home)| {
            let profile = Profile::enrolled(home.path(), &relay, "north", "dr-a");
            let chart = profile.register(&format!("patient-{number}"));
            (profile, chart)
        })
        .collect();
    let mut dice = Dice::new(seeds::one());
    for round in 0..ROUNDS {
        kill_under_load(&mut relay, &devices, round, &mut dice);
        let logged = logged(&relay);
        for (profile, chart) in &devices {
            let told = profile.changes(chart, true);
            let lost: Vec<_> = told.difference(&logged).collect();
            assert!(lost.is_empty(), "round {round}: {} of {} acknowledged are lost", lost.len(), told.len());
        }
        relay.start_again();
        devices.iter().for_each(|(profile, _)| profile.set_relay(&relay));
    }
    let told: usize = devices.iter().map(|(profile, chart)| profile.changes(chart, true).len()).sum();
    assert!(told > 0, "something was acknowledged before the kills");
    let fresh = Profile::enrolled(homes[2].path(), &relay, "north", "dr-a");
    devices.iter().for_each(|(profile, _)| _ = profile.sync().unwrap());
    fresh.sync().unwrap();
    for (profile, chart) in &devices {
        assert_eq!(profile.changes(chart, false), BTreeSet::new(), "the rest is sent after the restart");
        assert_eq!(profile.changes(chart, true), fresh.changes(chart, true), "all of it reaches a new device");
    }
}

#[test]
fn an_edit_that_was_saved_survives_the_kill_of_the_device() {
    let (data, home, other) = (folder::on_disk(), folder::on_disk(), folder::on_disk());
    let relay = RelayProcess::start(SATCHEL, data.path(), &[]);
    relay.admin().practice("north", "dr-a");
    let profile = Profile::enrolled(home.path(), &relay, "north", "dr-a");
    let chart = profile.register("patient-0");
    profile.sync().unwrap();
    drop(profile);
    let mut dice = Dice::new(seeds::one());
    let mut saved = BTreeSet::new();
    for _ in 0..ROUNDS {
        let editor = Editor::start(env!("CARGO_BIN_EXE_editor"), home.path(), &chart);
        saved.extend(editor.kill_after(1 + dice.below(30) as usize));
        let reopened = Profile::open(home.path());
        let unsent = reopened.changes(&chart, false);
        let lost: Vec<_> = saved.difference(&unsent).collect();
        assert!(lost.is_empty(), "{} of {} saved edits are lost or not in the outbox", lost.len(), saved.len());
    }
    let reopened = Profile::open(home.path());
    reopened.sync().unwrap();
    assert!(saved.is_subset(&reopened.changes(&chart, true)), "every saved edit is sent");
    let second = Profile::enrolled(other.path(), &relay, "north", "dr-a");
    second.sync().unwrap();
    assert_eq!(second.changes(&chart, true), reopened.changes(&chart, true));
}

#[test]
fn a_device_killed_while_it_syncs_goes_on_without_a_loss() {
    let (data, home) = (folder::on_disk(), folder::on_disk());
    let relay = RelayProcess::start(SATCHEL, data.path(), &[]);
    relay.admin().practice("north", "dr-a");
    let profile = Profile::enrolled(home.path(), &relay, "north", "dr-a");
    let chart = profile.register("patient-0");
    // The editing process is killed while this one sends what it writes: two processes on one profile.
    let live = profile.go_live();
    let editor = Editor::start(env!("CARGO_BIN_EXE_editor"), home.path(), &chart);
    let saved: BTreeSet<_> = editor.kill_after(40).into_iter().collect();
    drop(live);
    profile.sync().unwrap();
    assert!(saved.is_subset(&logged(&relay)), "every saved edit is on the relay");
}
