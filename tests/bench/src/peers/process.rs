//! An engine's program as a child process that answers each line of JSON with one.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::Value;

use crate::failure::Failure;
use crate::relay::memory_of;

/// A running program. Killed when dropped.
pub struct Process {
    child: Child,
    input: Option<ChildStdin>,
    answers: Receiver<String>,
    patience: Duration,
}

impl Process {
    /// Starts it: the process, and its first line. `patience`: how long it may take for each answer.
    ///
    /// # Errors
    /// If it does not start, or says nothing in time.
    pub fn start(mut command: Command, patience: Duration) -> Result<(Self, Value), Failure> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let (tell, answers) = channel();
        let output = child.stdout.take().ok_or_else(|| Failure::new("no output"))?;
        std::thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            // Ends with the process or with the reader.
            lines.map_while(|line| tell.send(line).ok()).for_each(drop);
        });
        let input = child.stdin.take();
        let mut process = Self { child, input, answers, patience };
        let ready = process.answer("start")?;
        Ok((process, ready))
    }

    /// Has one step done.
    ///
    /// # Errors
    /// What the program answered, or that it did not in time.
    pub fn step(&mut self, step: &Value) -> Result<Value, Failure> {
        let input = self.input.as_mut().ok_or_else(|| Failure::new("no input"))?;
        writeln!(input, "{step}").map_err(|_| Failure::new("the engine's program ended"))?;
        input.flush()?;
        self.answer(step["do"].as_str().unwrap_or_default())
    }

    fn answer(&mut self, step: &str) -> Result<Value, Failure> {
        let line = match self.answers.recv_timeout(self.patience) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => {
                // A late answer would be taken for that to the next step.
                self.kill()?;
                return Err(Failure::new(format!("{step}: not done in {} s", self.patience.as_secs())));
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Failure::new(format!("{step}: the engine's program ended")));
            }
        };
        let answer: Value = serde_json::from_str(&line)?;
        match answer["error"].as_str() {
            Some(error) => Err(Failure::new(error)),
            None => Ok(answer),
        }
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

    /// Resident memory in bytes: the highest so far, and now.
    ///
    /// # Errors
    /// Where there is no `/proc`.
    pub fn memory(&self) -> Result<(f64, f64), Failure> {
        memory_of(self.child.id())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; there is nobody left to tell.
        let _ = self.kill();
    }
}
