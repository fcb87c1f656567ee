//! A device as a process that does nothing but edit, and says after each commit what it has saved.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use client_core::driver::system_time;
use client_core::{ChangeHash, ChartRef, OrganizationId, PatientId};

use super::Profile;
use crate::charts;

/// The editing process.
pub struct Editor {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Editor {
    /// Starts one on a profile. `binary`: `env!("CARGO_BIN_EXE_editor")`.
    pub fn start(binary: &str, profile: &Path, chart: &ChartRef) -> Self {
        Self::spawn(Command::new(binary).arg(profile).args([chart.organization.as_str(), chart.patient.as_str()]))
    }

    /// Starts one on an encrypted profile of a tablet.
    pub fn start_unlocked(binary: &str, tablet: &Path, chart: &ChartRef, who: &str, pin: &str) -> Self {
        let mut command = Command::new(binary);
        command.arg(tablet).args([chart.organization.as_str(), chart.patient.as_str(), who, pin]);
        Self::spawn(&mut command)
    }

    fn spawn(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// Waits for some edits to be saved and kills it at once; gives every edit that it said to have saved.
    ///
    /// It must have complained of nothing.
    pub fn kill_after(mut self, edits: usize) -> Vec<ChangeHash> {
        let mut saved = Vec::new();
        while saved.len() < edits {
            saved.push(self.next().expect("the editor goes on"));
        }
        self.child.kill().unwrap();
        // What it still managed to say counts, too.
        while let Some(change) = self.next() {
            saved.push(change);
        }
        let mut complaints = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut complaints).unwrap();
        assert_eq!(complaints, "");
        self.child.wait().unwrap();
        saved
    }

    fn next(&mut self) -> Option<ChangeHash> {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        // A line without its end was cut off by the kill: its edit may or may not be there.
        line.strip_suffix('\n').map(|hash| hash.parse().unwrap())
    }
}

/// What the editing process does. Arguments: profile, organization, patient; of an encrypted one its label and PIN, too.
pub fn edit_until_killed(arguments: &[String]) {
    let [profile, organization, patient, key @ ..] = arguments else { panic!("profile, organization, patient") };
    let chart = ChartRef {
        organization: OrganizationId::new(organization.as_str()).unwrap(),
        patient: PatientId::new(patient.as_str()).unwrap(),
    };
    let profile = match key {
        [who, pin] => Profile::unlock(Path::new(profile), who, pin).unwrap(),
        _ => Profile::open(Path::new(profile)),
    };
    let mut device = profile.device.lock().unwrap();
    let mut out = std::io::stdout().lock();
    for number in 0.. {
        let id = format!("a{}-{number}", std::process::id());
        let saved = device.put_resource(&chart, &charts::allergy(&chart, &id, "Penicillin-Editor"), system_time());
        writeln!(out, "{}", saved.unwrap().change.unwrap()).unwrap();
        out.flush().unwrap();
    }
}
