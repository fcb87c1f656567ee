//! Output that nobody reads to its end.

use std::io::Read;
use std::process::{Command, Stdio};

use crate::running::{Relay, SATCHEL};

#[test]
fn a_reader_that_goes_away_ends_a_command_quietly() {
    let relay = Relay::start();
    relay.operator(&["organization", "add", "north", "North"]);
    let mut child = Command::new(SATCHEL)
        .args(["admin", "audit", "export", "--relay", &relay.url, "--token-file", "relay/admin.token"])
        .current_dir(relay.folder())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!((child.wait().unwrap().code(), told.as_str()), (Some(141), ""));
}
