//! `satchel relay` as a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::Admin;
use crate::canaries;

/// A running relay. Its log is searched for patient content when it ends.
pub struct RelayProcess {
    binary: PathBuf,
    folder: PathBuf,
    arguments: Vec<String>,
    child: Child,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
    address: String,
    admin: String,
}

impl RelayProcess {
    /// Starts a relay on a folder and waits until it listens, on a port that the system chooses.
    ///
    /// `binary`: the command, `env!("CARGO_BIN_EXE_satchel-process")`. `arguments`: further ones.
    pub fn start(binary: &str, folder: &Path, arguments: &[&str]) -> Self {
        let (binary, folder) = (PathBuf::from(binary), folder.to_owned());
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let log = Arc::default();
        let (child, reader, [address, admin]) = spawn(&binary, &folder, &arguments, &log);
        Self { binary, folder, arguments, child, log, reader: Some(reader), address, admin }
    }

    /// Ends it as a crash would, at once.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        let log = self.log.lock().unwrap();
        assert_eq!(canaries::found_in(&log), None, "patient content in the relay's log:\n{log}");
    }

    /// Starts it again on the same folder, at another port.
    pub fn start_again(&mut self) {
        let (child, reader, [address, admin]) = spawn(&self.binary, &self.folder, &self.arguments, &self.log);
        (self.child, self.reader, self.address, self.admin) = (child, Some(reader), address, admin);
    }

    /// Address for devices.
    pub fn url(&self) -> &str {
        &self.address
    }

    /// Host and port.
    pub fn host(&self) -> &str {
        self.admin.split_once("://").unwrap().1
    }

    /// Its admin API.
    pub fn admin(&self) -> Admin {
        Admin::new(&self.admin, &self.folder.join("admin.token"))
    }

    /// Its database.
    pub fn file(&self) -> PathBuf {
        self.folder.join("relay.db")
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for RelayProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the relay's log:\n{}", self.log());
        } else if let Some(canary) = canaries::found_in(&self.log()) {
            panic!("{canary:?} in the relay's log:\n{}", self.log());
        }
    }
}

fn spawn(
    binary: &Path,
    folder: &Path,
    arguments: &[String],
    log: &Arc<Mutex<String>>,
) -> (Child, JoinHandle<()>, [String; 2]) {
    let mut child = Command::new(binary)
        .args(["relay", "--listen", "127.0.0.1:0", "--log", "debug", "--data"])
        .arg(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stderr, log) = (child.stderr.take().unwrap(), log.clone());
    let reader = std::thread::spawn(move || {
        let mut part = [0; 4096];
        while let Ok(length @ 1..) = stderr.read(&mut part) {
            log.lock().unwrap().push_str(&String::from_utf8_lossy(&part[..length]));
        }
    });
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut value = |name: &str| {
        let line = lines.next().unwrap_or_else(|| panic!("the relay ended before it said its {name}")).unwrap();
        assert!(line.starts_with(name), "{line}");
        line.rsplit(' ').next().unwrap().to_owned()
    };
    let addresses = [value("relay for devices:"), value("admin API:")];
    (child, reader, addresses)
}
