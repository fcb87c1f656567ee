//! A relay as a process, and `satchel` against it.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

pub const SATCHEL: &str = env!("CARGO_BIN_EXE_satchel");

pub struct Relay {
    child: Child,
    pub url: String,
    folder: tempfile::TempDir,
}

impl Relay {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(SATCHEL)
            .args(["relay", "--log", "trace", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder.path().join("relay"))
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(folder.path().join("relay.log")).unwrap())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let line = lines.find(|line| line.starts_with("admin API:")).unwrap();
        let url = line.rsplit(' ').next().unwrap().to_owned();
        // Read to the last line, so that the relay never writes into a closed pipe.
        assert!(lines.next().unwrap().starts_with("operator's key:"));
        Self { child, url, folder }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn run(&self, arguments: &[&str], more: &[&str], input: &str) -> (i32, String) {
        let mut child = Command::new(SATCHEL)
            .arg("admin")
            .args(arguments)
            .args(["--relay", &self.url])
            .args(more)
            .current_dir(self.folder())
            .env_remove("SATCHEL_ADMIN_TOKEN_FILE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        let text = [stdout, stderr].concat();
        (status.code().unwrap(), String::from_utf8(text).unwrap())
    }

    pub fn operator(&self, arguments: &[&str]) -> String {
        let (code, text) = self.run(arguments, &["--token-file", "relay/admin.token"], "");
        assert_eq!(code, 0, "{arguments:?}: {text}");
        text
    }

    /// A device that dr-`who` enrolled with a code, in the folder `profile`.
    pub fn enrolled(&self, who: &str, at: &str, profile: &str) {
        let made = self.operator(&["code", at, who, "--json"]);
        let made: serde_json::Value = serde_json::from_str(&made).unwrap();
        let devices = self.url.replace("http", "ws");
        self.device(profile, &["--unencrypted", "enroll", &devices, made["code"].as_str().unwrap()]);
    }

    /// A command of a device, which must succeed.
    pub fn device(&self, profile: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(SATCHEL);
        command.args(["device", "--profile", profile]).args(arguments).current_dir(self.folder());
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = String::from_utf8([stdout, stderr].concat()).unwrap();
        assert!(status.success(), "{arguments:?}: {text}");
        text
    }

    /// A device stays connected for a while.
    pub fn watch_for_a_second(&self, profile: &str) {
        let mut command = Command::new(SATCHEL);
        command.args(["device", "--profile", profile, "watch"]).current_dir(self.folder()).stdout(Stdio::null());
        let mut child = command.spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_secs(1));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Ends the relay; its folder stays.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// In the name of whoever is signed in.
    pub fn signed_in(&self, arguments: &[&str], input: &str) -> (i32, String) {
        self.run(arguments, &["--session", "state/session.json"], input)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
