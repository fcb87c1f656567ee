//! Packing changes into runs shows on no device: what comes, in what order, and by whose signature stays what it was.

use super::*;

const SMALL: Packing = Packing { from: 1, keep: 1, changes: 3 };
const HISTORIES: u64 = 40;

/// dr-a and dr-b write to one chart in turns.
fn written(clinic: &mut Clinic, changes: usize) -> DocumentDescriptor {
    let chart = core("north", "p1");
    for n in 0..changes {
        clinic.write(n % 2, &chart, &format!("change {n}"));
    }
    chart
}

#[test]
fn a_new_device_is_sent_a_packed_document_whole_and_vouched_for() {
    let mut clinic = Clinic::of_two();
    let chart = written(&mut clinic, 20);
    assert!(clinic.compact(&SMALL) >= 6);
    let late = clinic.enrolled("dr-b", "north");
    clinic.sync(late);
    assert_eq!(clinic.devices[late].text(&chart).len(), 20);
    assert_eq!(clinic.devices[late].hashes(&chart), clinic.devices[0].hashes(&chart));
    assert!(clinic.devices[late].agrees());
}

#[test]
fn a_cursor_inside_a_run_is_sent_exactly_what_it_lacks() {
    for held in 1..12 {
        let mut clinic = Clinic::of_two();
        let chart = core("north", "p1");
        for n in 0..held {
            clinic.write(0, &chart, &format!("before {n}"));
        }
        clinic.cut(1);
        for n in 0..9 {
            clinic.write(0, &chart, &format!("after {n}"));
        }
        clinic.compact(&Packing { from: 1, keep: 1, changes: 100 });
        clinic.sync(1);
        let sent: usize = clinic.devices[1].deliveries.iter().map(|delivery| delivery.changes).sum();
        assert_eq!(sent, 9, "with a cursor after {held} of the run's changes");
        assert!(clinic.devices[1].agrees());
    }
}

#[test]
fn a_device_that_comes_back_late_builds_on_packed_changes() {
    let mut clinic = Clinic::of_two();
    let chart = written(&mut clinic, 6);
    clinic.cut(1);
    clinic.devices[1].edit(&chart, "written far from any network");
    for n in 0..8 {
        clinic.write(0, &chart, &format!("later {n}"));
    }
    clinic.compact(&SMALL);
    clinic.sync(1);
    assert_eq!(clinic.push(1), [Answer::Accepted]);
    assert_eq!(clinic.devices[0].text(&chart).len(), 15);
    // Sent again by a device that was set back: known, although it stands in a run by now.
    clinic.compact(&SMALL);
    let whole = clinic.devices[1].whole(&[chart.id()]);
    assert!(clinic.push_body(1, &whole).iter().all(|answer| *answer == Answer::AlreadyHad));
}

#[test]
fn a_sequence_number_that_stands_in_a_run_is_refused_to_another_change() {
    let mut clinic = Clinic::of_two();
    let chart = core("north", "p1");
    clinic.write(0, &chart, "one");
    let disk = clinic.devices[0].disk.clone();
    for n in 0..6 {
        clinic.write(0, &chart, &format!("then {n}"));
    }
    clinic.compact(&SMALL);
    clinic.cut(0);
    clinic.devices[0].disk = disk;
    clinic.devices[0].edit(&chart, "another second change");
    clinic.connect(0, Intent::Sync(clinic.devices[0].resume()));
    clinic.run();
    let body = clinic.devices[0].unsent();
    let answers = clinic.push_body(0, &body);
    assert!(matches!(answers[..], [Answer::Refused(_)]), "{answers:?}");
}

#[test]
fn a_relay_restored_from_before_packing_is_given_back_what_it_lost() {
    let mut clinic = Clinic::of_two();
    let chart = written(&mut clinic, 8);
    clinic.compact(&SMALL);
    let copy = clinic.backup();
    for n in 0..8 {
        clinic.write(0, &chart, &format!("lost {n}"));
    }
    clinic.compact(&SMALL);
    clinic.restore(&copy);
    let mut resume = clinic.devices[0].resume();
    resume.compare = true;
    clinic.connect(0, Intent::Sync(resume));
    clinic.run();
    let wanted = std::mem::take(&mut clinic.devices[0].wanted);
    let whole = clinic.devices[0].whole(&wanted);
    let answers = clinic.push_body(0, &whole);
    assert!(answers.iter().all(|answer| matches!(answer, Answer::Accepted | Answer::AlreadyHad)), "{answers:?}");
    clinic.compact(&SMALL);
    clinic.resync(0);
    assert!(clinic.devices[0].agrees());
    let late = clinic.enrolled("dr-b", "north");
    clinic.sync(late);
    assert_eq!(clinic.devices[late].hashes(&chart), clinic.devices[0].hashes(&chart));
}

#[test]
fn whatever_step_of_putting_a_run_fails_nothing_is_lost_and_it_is_put_later() {
    let faults = [
        "INSERT ON change_run",
        "INSERT ON run_origin",
        "INSERT ON run_position",
        "INSERT ON run_change",
        "INSERT ON run_actor",
        "DELETE ON change_log",
        "UPDATE OF packed_to ON document",
    ];
    for fault in faults {
        let mut clinic = Clinic::of_two();
        let chart = written(&mut clinic, 9);
        let beside = SqliteStore::open_beside(&clinic.database()).unwrap();
        let run = beside.pack(1, &SMALL).unwrap().unwrap();
        clinic.sql(&format!("CREATE TRIGGER broken BEFORE {fault} BEGIN SELECT RAISE (ABORT, 'disk I/O error'); END"));
        assert!(clinic.admin(|relay, _| relay.put_run(&run)).is_err(), "{fault}");
        clinic.write(0, &chart, "written meanwhile");
        // As after a crash: from what is on the disk alone.
        clinic.restart();
        clinic.sql("DROP TRIGGER broken");
        for packed in [false, true] {
            let late = clinic.enrolled("dr-b", "north");
            clinic.sync(late);
            assert_eq!(clinic.devices[late].text(&chart).len(), 10, "{fault}, packed: {packed}");
            assert!(clinic.devices[late].agrees(), "{fault}, packed: {packed}");
            if !packed {
                assert!(clinic.admin(|relay, _| relay.put_run(&run)).unwrap(), "{fault}");
            }
        }
    }
}

#[tokio::test]
async fn a_running_relay_packs_long_documents_by_itself() {
    let mut clinic = Clinic::of_two();
    let chart = core("north", "p1");
    for n in 0..300 {
        clinic.write(0, &chart, &format!("change {n}"));
    }
    clinic.cut_all();
    let database = clinic.database();
    let Clinic { folder: _folder, relay, metrics, .. } = clinic;
    let (service, thread) = crate::service::Service::start(relay);
    let packing = tokio::spawn(crate::compaction::keep(service.clone(), database.clone(), metrics.clone()));
    let packed = async {
        while metrics.changes_packed.get() == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), packed).await.unwrap();
    packing.abort();
    service.shut_down();
    thread.join().unwrap();
    let (loose, packed): (u64, u64) = rusqlite::Connection::open(database)
        .unwrap()
        .query_row("SELECT (SELECT count(*) FROM change_log), (SELECT count(*) FROM run_position)", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!((loose, packed), (64, 236));
    assert_eq!((metrics.runs.get(), metrics.packing_failures.get()), (1, 0));
}

#[test]
fn any_history_packed_at_any_moments_reaches_every_device_the_same() {
    for seed in 0..HISTORIES {
        let mut clinic = Clinic::of_two();
        clinic.rng = ChaCha8Rng::seed_from_u64(seed);
        let charts = [core("north", "p1"), core("north", "p2")];
        let mut pick = ChaCha8Rng::seed_from_u64(seed);
        let mut pick = move |among: u32| pick.next_u32() % among;
        for step in 0..80 {
            let device = pick(2) as usize;
            match pick(10) {
                0..=5 => {
                    clinic.devices[device].edit(&charts[pick(2) as usize], &format!("step {step}"));
                    if clinic.devices[device].connection.is_some() {
                        clinic.push(device);
                    }
                }
                6 => clinic.cut(device),
                7 => {
                    clinic.resync(device);
                    clinic.push(device);
                }
                _ => {
                    let packing = Packing { from: 1, keep: pick(3), changes: 1 + pick(5) as usize };
                    clinic.compact(&packing);
                }
            }
        }
        for device in [0, 1, 0] {
            clinic.resync(device);
            clinic.push(device);
        }
        clinic.compact(&Packing { from: 1, keep: 0, changes: 4 });
        for device in [0, 1] {
            clinic.resync(device);
        }
        let late = clinic.enrolled("dr-b", "north");
        clinic.sync(late);
        for chart in &charts {
            let expected = clinic.devices[0].hashes(chart);
            for device in [1, late] {
                assert_eq!(clinic.devices[device].hashes(chart), expected, "seed {seed}, device {device}");
                assert!(clinic.devices[device].agrees(), "seed {seed}, device {device}");
            }
            assert_eq!(clinic.devices[late].heads(chart), clinic.devices[0].heads(chart), "seed {seed}");
        }
    }
}
