//! What people are told when something is wrong outside of Satchel: what it is and where; and their data stays whole.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use clinical_record::sample;
use rcgen::generate_simple_self_signed;
use system_tests::charts::allergy;
use system_tests::process::{Profile, RelayProcess, SmallDisk, run, run_unprivileged};
use system_tests::world::DAY_MS;
use system_tests::{World, folder, seeds};

use crate::SATCHEL;

const FAILED: i32 = 1;
const REFUSED: i32 = 3;
const UNREACHABLE: i32 = 4;
const BAD_INPUT: i32 = 5;

/// Runs `satchel device` on a profile that needs no PIN.
fn device(profile: &Path, arguments: &[&str]) -> system_tests::process::Ran {
    let mut all = vec!["device", "--unencrypted", "--profile", profile.to_str().unwrap()];
    all.extend(arguments);
    run(SATCHEL, &all)
}

/// An address of this machine at which nobody listens.
fn nobody() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn a_port_in_use_is_named() {
    let data = folder::on_disk();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let relay = run(SATCHEL, &["relay", "--listen", &address.to_string(), "--data", data.path().to_str().unwrap()]);
    relay.assert_failed(FAILED, &[&format!("port {}", address.port()), "in use", "--listen"]);
    assert!(!data.path().join("relay.db").exists(), "the database is not touched");
}

#[test]
fn a_folder_in_use_is_named() {
    let data = folder::on_disk();
    let _running = RelayProcess::start(SATCHEL, data.path(), &[]);
    let second = run(SATCHEL, &["relay", "--listen", "127.0.0.1:0", "--data", data.path().to_str().unwrap()]);
    second.assert_failed(FAILED, &["another relay is running", data.path().to_str().unwrap()]);
}

#[test]
fn a_relay_outlives_whoever_started_it_and_does_not_listen_to_it() {
    let data = folder::on_disk();
    let mut relay = Command::new(SATCHEL)
        .args(["relay", "--listen", "127.0.0.1:0", "--data", data.path().to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(relay.stdout.take());
    let log = BufReader::new(relay.stderr.take().unwrap()).lines().map_while(Result::ok);
    let address = log.filter(|line| line.contains("listening")).find_map(|line| {
        let (_, rest) = line.split_once("127.0.0.1:")?;
        rest.split(|c: char| !c.is_ascii_digit()).next().map(|port| format!("127.0.0.1:{port}"))
    });
    // The announcement comes after that log line: several requests leave time for it.
    let address = address.expect("the log says where it listens");
    for _ in 0..20 {
        ureq::get(format!("http://{address}/healthz")).call().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    relay.kill().unwrap();
    relay.wait().unwrap();
}

#[test]
fn an_address_that_is_none_is_explained() {
    let home = folder::on_disk();
    let wrong = device(home.path(), &["enroll", "relay dot example", "CODE"]);
    assert!(wrong.code == UNREACHABLE || wrong.code == BAD_INPUT, "{wrong:?}");
    assert!(wrong.err.contains("ws://") && wrong.err.contains("wss://"), "{wrong:?}");
}

#[test]
fn an_address_at_which_nobody_listens_is_named() {
    let (home, address) = (folder::on_disk(), nobody());
    let refused = device(home.path(), &["enroll", &format!("ws://{address}"), "CODE"]);
    refused.assert_failed(UNREACHABLE, &["nothing answers at", &address]);
}

#[test]
fn an_address_that_is_not_a_relays_is_named() {
    let home = folder::on_disk();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    // Nobody waits for it: a device that does not connect is to fail the test, not to hold it up.
    std::thread::spawn(move || {
        let (mut socket, _) = server.accept().unwrap();
        let _ = socket.read(&mut [0; 4096]);
        let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello");
    });
    let refused = device(home.path(), &["enroll", &format!("ws://{address}"), "CODE"]);
    refused.assert_failed(UNREACHABLE, &["is not a Satchel relay", &address]);
}

#[test]
fn a_plain_address_of_another_machine_is_refused_before_anything_is_sent() {
    let home = folder::on_disk();
    let refused = device(home.path(), &["enroll", "ws://192.0.2.1:7443", "CODE"]);
    refused.assert_failed(BAD_INPUT, &["not encrypted", "wss://"]);
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused_and_named() {
    let (data, home) = (folder::on_disk(), folder::on_disk());
    let made = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let [certificate, key] = ["chain.pem", "key.pem"].map(|name| data.path().join(name));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let [certificate, key] = [&certificate, &key].map(|path| path.to_str().unwrap());
    let tls = ["--tls-certificate", certificate, "--tls-key", key];
    let relay = RelayProcess::start(SATCHEL, data.path(), &tls);
    assert!(relay.url().starts_with("wss://"));
    let refused = device(home.path(), &["enroll", relay.url(), "CODE"]);
    refused.assert_failed(UNREACHABLE, &["certificate of", relay.host(), "no trusted authority"]);
    // The same relay is reached once its authority is trusted: then only the code is wrong.
    let reached = device(home.path(), &["--ca", certificate, "enroll", relay.url(), "CODE"]);
    reached.assert_failed(REFUSED, &["enrolment code"]);
}

#[test]
fn a_wrong_certificate_file_is_named() {
    let data = folder::on_disk();
    let file = data.path().join("not-a-certificate.pem");
    std::fs::write(&file, "nothing of the kind").unwrap();
    let file = file.to_str().unwrap();
    let listen = ["relay", "--listen", "127.0.0.1:0", "--data", data.path().to_str().unwrap()];
    let refused = run(SATCHEL, &[&listen[..], &["--tls-certificate", file, "--tls-key", file]].concat());
    refused.assert_failed(FAILED, &["TLS certificate", file]);
}

/// A profile made in a world, whose clock is in the past: its lease is over today.
fn profile_of_the_past(offset_ms: i64) -> (World, system_tests::Node, client_core::ChartRef) {
    let mut world = World::new(seeds::one());
    let [node] = world.practice("north", 1)[..] else { unreachable!() };
    let chart = world.register(node, "Okonkwo-Past");
    world.set_clock(node, offset_ms);
    world.settle();
    world.cut(node);
    world.settle();
    world.go_offline(node);
    world.note(node, &chart, "unsent when the lease ran out");
    (world, node, chart)
}

#[test]
fn an_expired_lease_locks_the_charts_and_keeps_unsent_work() {
    let (world, node, chart) = profile_of_the_past(0);
    let home = folder::on_disk();
    folder::copy(world.folder_of(node), home.path());
    for arguments in [vec!["patients"], vec!["chart", chart.patient.as_str()], vec!["search", "Okonkwo"]] {
        device(home.path(), &arguments).assert_failed(REFUSED, &["offline access ended", "Unsent work is kept"]);
    }
    let status = device(home.path(), &["status"]).ok();
    assert!(status.contains("LEASE") && status.contains("unsent        1 changes"), "{status}");
}

#[test]
fn a_clock_two_days_off_is_shown() {
    for (offset, word) in [(2 * DAY_MS, "ahead of"), (-2 * DAY_MS, "behind")] {
        let (world, node, _) = profile_of_the_past(offset);
        let home = folder::on_disk();
        folder::copy(world.folder_of(node), home.path());
        let status = device(home.path(), &["status"]).ok();
        let line = status.lines().find(|line| line.starts_with("CLOCK")).unwrap_or_else(|| panic!("{status}"));
        assert!(line.contains(word) && line.contains("28"), "{line}");
    }
}

#[test]
fn a_database_that_may_not_be_written_is_explained_and_stays_as_it_is() {
    let (data, home) = (folder::on_disk(), folder::on_disk());
    let relay = RelayProcess::start(SATCHEL, data.path(), &[]);
    relay.admin().practice("north", "dr-a");
    let profile = home.path().join("profile");
    Profile::enrolled(&profile, &relay, "north", "dr-a").register("patient-0");
    open_to_all(home.path());
    let before = std::fs::read(profile.join("device.db")).unwrap();
    let arguments = ["device", "--profile", profile.to_str().unwrap(), "register", "--family", "Nobody"];
    let refused = run_unprivileged(SATCHEL, &arguments, &profile);
    refused.assert_failed(FAILED, &["cannot be written", profile.to_str().unwrap()]);
    assert_eq!(std::fs::read(profile.join("device.db")).unwrap(), before);
}

fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn on_a_full_disk_a_device_says_so_and_keeps_what_it_had() {
    let Some(disk) = SmallDisk::mount(1_500) else {
        return crate::say("full disk of a device: NOT RUN, this user may not mount a small disk");
    };
    let (data, files) = (folder::on_disk(), folder::on_disk());
    let relay = RelayProcess::start(SATCHEL, data.path(), &[]);
    relay.admin().practice("north", "dr-a");
    let profile = disk.path().join("profile");
    let code = relay.admin().code("north", "dr-a");
    device(&profile, &["enroll", relay.url(), &code]).ok();
    let mut imported = 0;
    let failure = loop {
        let file = files.path().join(format!("{imported}.json"));
        std::fs::write(&file, sample::bundle(imported).to_string()).unwrap();
        let ran = device(&profile, &["import", file.to_str().unwrap()]);
        if ran.code != 0 {
            break ran;
        }
        imported += 1;
    };
    assert!(imported > 0, "the first bundle fits");
    assert!(failure.err.contains("disk is full"), "{failure:?}");
    disk.grow(32_000);
    let listed = device(&profile, &["--json", "patients"]).ok();
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed.as_array().unwrap().len() as u64, imported, "what was imported is there, the rest is not");
    let file = files.path().join(format!("{imported}.json"));
    device(&profile, &["import", file.to_str().unwrap()]).ok();
    device(&profile, &["sync"]).ok();
}

#[test]
fn on_a_full_disk_a_relay_acknowledges_nothing_and_goes_on_once_there_is_room() {
    let Some(disk) = SmallDisk::mount(1_500) else {
        return crate::say("full disk of a relay: NOT RUN, this user may not mount a small disk");
    };
    let home = folder::on_disk();
    let relay = RelayProcess::start(SATCHEL, &disk.path().join("relay"), &[]);
    relay.admin().practice("north", "dr-a");
    let profile = Profile::enrolled(home.path(), &relay, "north", "dr-a");
    let chart = profile.register("patient-0");
    let failure = (0..200).find_map(|number| {
        // As large as a change may be, nearly: long texts.
        let text = format!("{number}-").repeat(20_000);
        profile.put(&chart, &allergy(&chart, &format!("a{number}"), &text));
        profile.sync().err()
    });
    let failure = failure.expect("a small disk is full at some time").to_string();
    assert!(failure.contains("could not store") || failure.contains("Unavailable"), "{failure}");
    assert!(!profile.changes(&chart, false).is_empty(), "what was not stored is not acknowledged");
    disk.grow(64_000);
    profile.sync().unwrap();
    assert!(profile.changes(&chart, false).is_empty());
}
