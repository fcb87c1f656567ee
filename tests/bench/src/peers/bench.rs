//! One engine under measurement: its server, a counting proxy before it, and a client process.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::engine::{Engine, Programs};
use super::process::Process;
use crate::failure::Failure;
use crate::proxy::Proxy;

/// How long one step may take.
pub const PATIENCE: Duration = Duration::from_secs(300);
/// When nothing has come for so long, an engine that does not say so is done.
pub const QUIET: Duration = Duration::from_millis(500);

/// What is measured with.
pub struct Bench<'a> {
    pub engine: &'a Engine,
    pub charts: usize,
    pub rounds: usize,
    pub server: Process,
    pub address: String,
    pub proxy: Proxy,
    pub client: Process,
    programs: &'a Programs,
    file: &'a Path,
    folder: PathBuf,
    ids: String,
    value: f64,
    dirs: usize,
}

impl<'a> Bench<'a> {
    /// Starts the server with the charts of `file`, and a client.
    ///
    /// # Errors
    /// Why the engine cannot be measured at all.
    pub fn start(
        engine: &'a Engine,
        programs: &'a Programs,
        (file, charts): (&'a Path, usize),
        folder: PathBuf,
        rounds: usize,
    ) -> Result<Self, Failure> {
        std::fs::create_dir_all(folder.join("server"))?;
        let (server, ready) = serve(engine, programs, (file, charts), &folder, 0)?;
        let address = format!("127.0.0.1:{}", ready["port"]);
        let ids = ready["ids"].as_str().unwrap_or_default().to_owned();
        let proxy = Proxy::start(&address)?;
        let client = follow(engine, programs, (file, charts), &ids)?;
        let value = 1_000.0;
        Ok(Self { engine, charts, rounds, server, address, proxy, client, programs, file, folder, ids, value, dirs: 0 })
    }

    /// A client process that knows nothing yet.
    ///
    /// # Errors
    /// If it does not start.
    pub fn new_client(&mut self) -> Result<(), Failure> {
        self.client = follow(self.engine, self.programs, (self.file, self.charts), &self.ids)?;
        Ok(())
    }

    /// Kills the server, starts it again on the same folder and port, and a client that knows nothing yet.
    ///
    /// # Errors
    /// If it does not come back.
    pub fn kill_and_restart(&mut self) -> Result<(), Failure> {
        self.server.kill()?;
        self.client.kill()?;
        let port = self.address.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or_default();
        (self.server, _) = serve(self.engine, self.programs, (self.file, self.charts), &self.folder, port)?;
        self.new_client()
    }

    /// Has the client do a step.
    ///
    /// # Errors
    /// What it ran into.
    pub fn step(&mut self, step: &Value) -> Result<Value, Failure> {
        self.client.step(step)
    }

    /// A step of the client that takes time.
    ///
    /// # Errors
    /// What it ran into.
    pub fn timed(&mut self, step: &Value) -> Result<f64, Failure> {
        let answer = self.client.step(step)?;
        answer["seconds"].as_f64().ok_or_else(|| Failure::new("the engine has no word of its own for being up to date"))
    }

    /// A new device receives everything; how long it took.
    ///
    /// # Errors
    /// Whatever goes wrong, a device that does not hold everything included.
    pub fn first_sync(&mut self, device: &str, url: &str) -> Result<f64, Failure> {
        self.dirs += 1;
        let dir = self.folder.join(format!("device-{}", self.dirs));
        let answer = self.step(&json!({ "do": "first_sync", "device": device, "dir": dir, "url": url }))?;
        let (documents, changes) = (answer["documents"].as_u64(), answer["changes"].as_u64());
        let all = (Some(self.charts as u64), Some((self.charts * self.engine.changes) as u64));
        // Edits of earlier rounds are more changes.
        if documents != all.0 || changes < all.1 {
            return Err(Failure::new(format!("{documents:?} documents with {changes:?} changes came")));
        }
        answer["seconds"].as_f64().ok_or_else(|| Failure::new("no time was told"))
    }

    /// Ends a device's connection.
    ///
    /// # Errors
    /// What the client ran into.
    pub fn disconnect(&mut self, device: &str) -> Result<(), Failure> {
        self.step(&json!({ "do": "disconnect", "device": device })).map(drop)
    }

    /// Edits the first `count` charts of a device that is offline: the value that they have now.
    ///
    /// # Errors
    /// What the client ran into.
    pub fn edit(&mut self, device: &str, count: usize) -> Result<f64, Failure> {
        let value = self.next_values(1);
        self.step(&json!({ "do": "edit", "device": device, "count": count, "value": value }))?;
        Ok(value)
    }

    /// The first of `count` values that no chart has had.
    pub fn next_values(&mut self, count: usize) -> f64 {
        let value = self.value + 0.25;
        self.value += 1.0 + count as f64;
        value
    }

    /// Address without the proxy.
    pub fn direct(&self) -> String {
        self.engine.url(&self.address)
    }

    /// Address through the proxy that counts.
    pub fn counted(&self) -> String {
        self.engine.url(&self.proxy.address())
    }
}

fn serve(
    engine: &Engine,
    programs: &Programs,
    (file, charts): (&Path, usize),
    folder: &Path,
    port: u16,
) -> Result<(Process, Value), Failure> {
    let mut command = engine.command(programs).map_err(Failure::new)?;
    command.arg("server").arg("--dir").arg(folder.join("server")).arg("--charts").arg(file);
    command.args(["--count", &charts.to_string(), "--port", &port.to_string()]);
    Process::start(command, PATIENCE * 2)
}

fn follow(engine: &Engine, programs: &Programs, (file, charts): (&Path, usize), ids: &str) -> Result<Process, Failure> {
    let mut command = engine.command(programs).map_err(Failure::new)?;
    command.arg("client").arg("--charts").arg(file).args(["--count", &charts.to_string(), "--ids", ids]);
    Ok(Process::start(command, PATIENCE)?.0)
}
