//! What the demo prints: steps, figures, and each claim with whether it held.

use std::path::Path;
use std::time::Instant;

use super::relay_process::RelayProcess;
use crate::failure::Failure;

/// Keeps count of claims.
pub struct Report {
    began: Instant,
    step_began: Instant,
    steps: usize,
    held: usize,
    broken: Vec<String>,
}

impl Report {
    /// Begins the report.
    pub fn begin() -> Self {
        let now = Instant::now();
        Self { began: now, step_began: now, steps: 0, held: 0, broken: Vec::new() }
    }

    /// Begins a step.
    pub fn step(&mut self, title: &str) {
        self.steps += 1;
        self.step_began = Instant::now();
        say!("\n{}. {title}", self.steps);
    }

    /// Tells a fact or figure, with the time since the step began.
    pub fn tell(&self, text: &str) {
        say!("   {:6.2} s  {text}", self.step_began.elapsed().as_secs_f64());
    }

    /// Makes a claim that was just checked.
    pub fn claim(&mut self, text: &str, holds: bool) {
        if holds {
            self.held += 1;
            say!("        ok  {text}");
        } else {
            self.broken.push(text.to_owned());
            say!("    FAILED  {text}");
        }
    }

    /// Says how to play on with what is left.
    pub fn keep(&self, folder: &Path, relay: &RelayProcess) {
        let folder = folder.display();
        let satchel = std::env::current_exe().map_or_else(|_| "satchel".into(), |exe| exe.display().to_string());
        say!("\nThe relay still runs (process {}). Try:", relay.process_id());
        say!("  export SATCHEL_PIN={}", super::stage::PIN);
        say!("  {satchel} device --profile {folder}/north patients");
        say!("  {satchel} device --profile {folder}/field watch");
        say!("  {satchel} admin --relay {} --token-file {folder}/relay/admin.token device list", relay.admin_url());
        say!("  kill {}", relay.process_id());
    }

    /// Sums up.
    ///
    /// # Errors
    /// [`Failure::Failed`] if a claim did not hold.
    pub fn finish(self) -> Result<(), Failure> {
        let seconds = self.began.elapsed().as_secs_f64();
        say!("\n{} claims held, {} failed, {seconds:.1} s in all", self.held, self.broken.len());
        if self.broken.is_empty() {
            return Ok(());
        }
        Err(Failure::Failed(format!("these claims failed:\n  {}", self.broken.join("\n  "))))
    }
}
