//! Latency: from an edit committed on one live device to the same edit applied on another.

use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use client_core::DeviceEvent;
use client_core::driver::{DriverOptions, SharedDevice, run};
use client_core::sync::SyncEvent;
use tokio::sync::oneshot;

use crate::clinic::Clinic;
use crate::failure::Failure;
use crate::measure::Measure;
use crate::stats::{percentile, sorted};
use crate::table::{Row, Table, Unit};

pub const EDITS: usize = 200;
/// Edits before those that count.
pub const WARM_UP: usize = 20;
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Between two edits: these are single ones, not a stream.
pub const PAUSE: Duration = Duration::from_millis(3);

/// Measures the rows.
///
/// # Errors
/// Whatever goes wrong.
pub fn measure(clinic: &mut Clinic, table: &mut Table) -> Result<(), Failure> {
    let (mut halves, mut tails, mut acks) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..clinic.rounds {
        let (applied, acked) = round(clinic)?;
        halves.push(percentile(&applied, 0.5));
        tails.push(percentile(&applied, 0.99));
        acks.push(percentile(&acked, 0.5));
    }
    let note = "committed on A to committed on B, both live; the relay's and B's commits are synced to disk on the way";
    let row = Row::new("A to B, p50", Unit::Seconds, halves).beside(Measure::AToBHalf);
    table.push(row.target(Some(0.5e-3)).note(note));
    table.push(Row::new("A to B, p99", Unit::Seconds, tails).beside(Measure::AToBTail));
    table.push(Row::new("A to the relay's ack at A, p50", Unit::Seconds, acks));
    Ok(())
}

/// Times of one round, in order of size: to B, and to the ack.
fn round(clinic: &Clinic) -> Result<(Vec<f64>, Vec<f64>), Failure> {
    clinic.sync(&clinic.author)?;
    let receiver = clinic.device()?;
    clinic.sync(&receiver)?;
    let committed = changes_of(&clinic.author)?;
    let applied = changes_of(&receiver)?;
    let author = Live::start(&clinic.author)?;
    let other = Live::start(&receiver)?;
    let (mut to_b, mut to_ack) = (Vec::new(), Vec::new());
    for number in 0..WARM_UP + EDITS {
        std::thread::sleep(PAUSE);
        clinic.edit_one()?;
        let begun = committed.recv_timeout(PATIENCE)?;
        let arrived = applied.recv_timeout(PATIENCE)?;
        let acked = author.sent.recv_timeout(PATIENCE)?;
        if number >= WARM_UP {
            to_b.push((arrived - begun).as_secs_f64());
            to_ack.push((acked - begun).as_secs_f64());
        }
    }
    author.stop();
    other.stop();
    Ok((sorted(to_b), sorted(to_ack)))
}

/// When each commit of a device that changed documents was done.
pub fn changes_of(device: &SharedDevice) -> Result<Receiver<Instant>, Failure> {
    let (tell, told) = channel();
    device.lock()?.observe(move |event| {
        if matches!(event, DeviceEvent::DocumentsChanged { .. }) {
            // Observers outlive the round that they were made for.
            let _ = tell.send(Instant::now());
        }
    });
    Ok(told)
}

/// A device that stays connected, on a thread of its own.
pub struct Live {
    sent: Receiver<Instant>,
    stop: oneshot::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Live {
    pub fn start(device: &SharedDevice) -> Result<Self, Failure> {
        let (stop, stopped) = oneshot::channel();
        let ((tell_sent, sent), (tell_live, live)) = (channel(), channel());
        let device = device.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::spawn(move || {
            let told = |event: &SyncEvent| match event {
                SyncEvent::Sent { .. } => drop(tell_sent.send(Instant::now())),
                SyncEvent::CaughtUp => drop(tell_live.send(())),
                _ => {}
            };
            let stopped = async { drop(stopped.await) };
            if let Err(error) = runtime.block_on(run(&device, &DriverOptions::default(), stopped, told)) {
                eprintln!("bench: a live device stopped: {error}");
            }
        });
        live.recv_timeout(PATIENCE)?;
        Ok(Self { sent, stop, thread })
    }

    pub fn stop(self) {
        // It may have stopped by itself and said why.
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}
