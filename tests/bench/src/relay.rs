//! The relay: a process of its own that can be asked for its memory and killed the hard way.

use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sync_server::admin::{Admitted, Credentials, Secret};

use crate::failure::Failure;

/// How long a sign-in is used; it is in force for longer.
const SIGNED_IN: Duration = Duration::from_secs(10 * 60);

/// A relay as a child process. Killed when dropped.
pub struct Relay {
    child: Child,
    data: PathBuf,
    address: String,
    bearer: RefCell<Option<(Instant, String)>>,
}

impl Relay {
    /// Starts a relay on a free port of loopback.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start(data: &Path) -> Result<Self, Failure> {
        let (child, address) = spawn(data, "127.0.0.1:0")?;
        Ok(Self { child, data: data.to_owned(), address, bearer: RefCell::default() })
    }

    /// Kills it: no destructor, no flush.
    ///
    /// # Errors
    /// If it cannot be killed.
    pub fn kill(&mut self) -> Result<(), Failure> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again, on the same folder and port.
    ///
    /// # Errors
    /// If it does not start.
    pub fn restart(&mut self) -> Result<(), Failure> {
        (self.child, self.address) = spawn(&self.data, &self.address)?;
        self.bearer = RefCell::default();
        Ok(())
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Address for devices.
    pub fn url(&self) -> String {
        format!("ws://{}/sync", self.address)
    }

    /// Resident memory in bytes: the highest so far, and now.
    ///
    /// # Errors
    /// Where there is no `/proc`.
    pub fn memory(&self) -> Result<(f64, f64), Failure> {
        memory_of(self.child.id())
    }

    /// Adds something through the admin API.
    ///
    /// # Errors
    /// What the relay answered.
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        let request = ureq::post(self.admin_url(path)).header("authorization", self.bearer()?);
        Ok(request.send_json(body)?.body_mut().read_json()?)
    }

    /// Adds or replaces something through the admin API.
    ///
    /// # Errors
    /// What the relay answered.
    pub fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        let request = ureq::put(self.admin_url(path)).header("authorization", self.bearer()?);
        Ok(request.send_json(body)?.body_mut().read_json()?)
    }

    /// Removes what a path names through the admin API.
    ///
    /// # Errors
    /// What the relay answered.
    pub fn delete(&self, path: &str) -> Result<(), Failure> {
        ureq::delete(self.admin_url(path)).header("authorization", self.bearer()?).call()?;
        Ok(())
    }

    fn admin_url(&self, path: &str) -> String {
        format!("http://{}/admin/v1/{path}", self.address)
    }

    /// Signs in as the operator, again before the sign-in runs out.
    fn bearer(&self) -> Result<String, Failure> {
        if let Some((since, bearer)) = &*self.bearer.borrow()
            && since.elapsed() < SIGNED_IN
        {
            return Ok(bearer.clone());
        }
        let key = Secret::new(std::fs::read_to_string(self.data.join("admin.token"))?);
        let request = ureq::post(format!("http://{}/admin/sign-in", self.address));
        let admitted: Admitted = request.send_json(Credentials::Operator { key })?.body_mut().read_json()?;
        let bearer = format!("Bearer {}", admitted.token.reveal());
        self.bearer.replace(Some((Instant::now(), bearer.clone())));
        Ok(bearer)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // It may have been killed already; there is nobody left to tell.
        let _ = self.kill();
    }
}

/// Resident memory of a process in bytes: the highest so far, and now.
///
/// # Errors
/// Where there is no `/proc`.
pub fn memory_of(process: u32) -> Result<(f64, f64), Failure> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<f64>().ok().map(|kib| kib * 1024.0)
    };
    field("VmHWM:").zip(field("VmRSS:")).ok_or_else(|| Failure::new("the process's memory is not shown"))
}

fn spawn(data: &Path, listen: &str) -> Result<(Child, String), Failure> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["relay", "--log", "warn", "--listen", listen, "--data"])
        .arg(data)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = child.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines);
    let line = lines.find_map(|line| line.ok().filter(|line| line.contains("http://")));
    // The last of its lines is read too, so that it never writes into a closed pipe.
    lines.next();
    match line.as_deref().and_then(|line| line.split("http://").nth(1)) {
        Some(address) => Ok((child, address.trim().to_owned())),
        None => Err(Failure::new("the relay did not start")),
    }
}
