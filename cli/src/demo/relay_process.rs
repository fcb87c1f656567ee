//! The demo's relay: a process of its own, killed and started again in the middle.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::failure::Failure;

/// A relay as a child process. Killed when dropped, unless left running.
pub struct RelayProcess {
    child: Option<Child>,
    data: PathBuf,
    listen: String,
}

impl RelayProcess {
    /// Starts a relay on a free port.
    ///
    /// # Errors
    /// [`Failure::Failed`] if it does not start.
    pub fn start(data: &Path) -> Result<Self, Failure> {
        let mut relay = Self { child: None, data: data.to_owned(), listen: "127.0.0.1:0".into() };
        relay.spawn()?;
        Ok(relay)
    }

    fn spawn(&mut self) -> Result<(), Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["relay", "--log", "warn", "--listen", &self.listen, "--data"])
            .arg(&self.data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take();
        self.child = Some(child);
        let mut lines = output.map(BufReader::new).into_iter().flat_map(BufRead::lines);
        let line = lines.find_map(|line| line.ok().filter(|line| line.contains("http://")));
        let address = line.as_deref().and_then(|line| line.split("http://").nth(1));
        self.listen = address.ok_or_else(|| Failure::Failed("the relay did not start".into()))?.trim().to_owned();
        // The last of its lines is read too, so that it never writes into a closed pipe.
        lines.next();
        Ok(())
    }

    /// Kills the relay the hard way and starts it again on the same folder and port.
    ///
    /// # Errors
    /// [`Failure::Failed`] if it does not start again.
    pub fn kill_and_restart(&mut self) -> Result<(), Failure> {
        self.kill();
        self.spawn()
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // SIGKILL: no destructor, no flush.
            let killed = child.kill().and_then(|()| child.wait());
            if let Err(error) = killed {
                eprintln!("satchel: the relay could not be ended: {error}");
            }
        }
    }

    /// Lets the process live on.
    pub fn leave_running(mut self) {
        self.child = None;
    }

    /// Its process id.
    pub fn process_id(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Address for devices.
    pub fn device_url(&self) -> String {
        format!("ws://{}/sync", self.listen)
    }

    /// Address of the admin API.
    pub fn admin_url(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// File with the operator's key.
    pub fn token_file(&self) -> PathBuf {
        self.data.join("admin.token")
    }

    /// Size of its database on disk, in bytes.
    pub fn database_bytes(&self) -> u64 {
        ["relay.db", "relay.db-wal"]
            .iter()
            .filter_map(|name| std::fs::metadata(self.data.join(name)).ok())
            .map(|m| m.len())
            .sum()
    }
}

impl Drop for RelayProcess {
    fn drop(&mut self) {
        self.kill();
    }
}
