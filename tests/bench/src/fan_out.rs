//! Fan-out: one edit on its way to many live devices, until the last has it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use client_core::driver::SharedDevice;

use crate::clinic::Clinic;
use crate::failure::Failure;
use crate::filling::secret;
use crate::idle::Holder;
use crate::latency::{Live, PATIENCE, changes_of};
use crate::measure::Measure;
use crate::proxy::Proxy;
use crate::stats::median;
use crate::table::{Row, Table, Unit};

/// Receivers, each with a connection of its own.
pub const RECEIVERS: usize = 200;
/// Bytes that a receiver is sent for one edit, about.
const MESSAGE: usize = 290;
/// Edits of a round.
pub const EDITS: usize = 20;
/// Edits before those that count.
pub const WARM_UP: usize = 3;
/// Nothing moves for so long before an edit.
pub const QUIET: Duration = Duration::from_millis(40);

/// Measures the rows, with a relay and devices of their own that hold one chart. `folder`: for them.
///
/// # Errors
/// Whatever goes wrong.
pub fn measure(folder: &Path, rounds: usize, table: &mut Table) -> Result<(), Failure> {
    let name = |what: &str| format!("fan-out of one edit to {RECEIVERS} receivers, until the last {what}, p50");
    let note = "from the commit at A to the first byte down the last connection; A's upload and the relay's synced commit are on the way; \
                Satchel's receivers take and acknowledge it and store nothing, as real ones share the machine's cores";
    let wire = to_readers(&folder.join("readers"), RECEIVERS, rounds)?;
    let row = Row::new(name("has bytes at its socket"), Unit::Seconds, wire);
    table.push(row.beside(Measure::FanOutWire).note(note));
    let name_of_limit = format!("limit: {MESSAGE} bytes written to {RECEIVERS} sockets, until the last has them");
    let note = "one loop, no WebSocket, nothing looked up, recorded or synced; through the same proxy";
    table.push(Row::new(name_of_limit, Unit::Seconds, written(RECEIVERS, rounds)?).note(note));
    let rounds = to_receivers(&folder.join("devices"), RECEIVERS, rounds)?;
    let wire = rounds.iter().map(|round| round.0).collect();
    let name_of_devices = name("has bytes at its socket while the others apply it");
    table.push(Row::new(name_of_devices, Unit::Seconds, wire).note("as above, with real devices, all on this machine"));
    let note = "the receivers share the machine's cores; Satchel's each commit to their own synced database, the others' only hold it in memory";
    let row = Row::new(name("has applied it"), Unit::Seconds, rounds.iter().map(|round| round.1).collect());
    table.push(row.beside(Measure::FanOut).note(note));
    Ok(())
}

/// Medians of each round until the last of connections that only read has bytes at its socket.
///
/// # Errors
/// Whatever goes wrong.
fn to_readers(folder: &Path, readers: usize, rounds: usize) -> Result<Vec<f64>, Failure> {
    std::fs::create_dir_all(folder)?;
    let clinic = Clinic::start(folder, 1, 1)?;
    (0..readers).try_for_each(|number| clinic.enroll_raw(secret(number)))?;
    let holder = Holder::start(&clinic.proxy.address(), readers)??;
    let committed = changes_of(&clinic.author)?;
    clinic.author.lock()?.set_relay_url(&clinic.relay.url())?;
    let author = Live::start(&clinic.author)?;
    let mut medians = Vec::new();
    for _ in 0..rounds {
        let mut at_socket = Vec::new();
        for number in 0..WARM_UP + EDITS {
            clinic.proxy.settled(QUIET)?;
            clinic.proxy.mark()?;
            clinic.edit_one()?;
            let begun = committed.recv_timeout(PATIENCE)?;
            clinic.proxy.settled(QUIET)?;
            if number >= WARM_UP {
                at_socket.push(last(&clinic.proxy, readers, unix(begun)?)?);
            }
        }
        medians.push(median(&at_socket));
    }
    author.stop();
    holder.stop();
    Ok(medians)
}

/// Medians of each round until the last of bare sockets has the bytes that a loop writes to one after the other.
fn written(readers: usize, rounds: usize) -> Result<Vec<f64>, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let proxy = Proxy::start(&listener.local_addr()?.to_string())?;
    let (mut near, mut far) = (Vec::new(), Vec::new());
    for _ in 0..readers {
        near.push(TcpStream::connect(proxy.address())?);
        far.push(listener.accept()?.0);
    }
    far.iter().try_for_each(|socket| socket.set_nodelay(true))?;
    let (message, mut read) = ([b'-'; MESSAGE], [0; MESSAGE]);
    let mut medians = Vec::new();
    for _ in 0..rounds {
        let mut times = Vec::new();
        for _ in 0..EDITS {
            proxy.settled(QUIET)?;
            proxy.mark()?;
            let begun = Instant::now();
            far.iter_mut().try_for_each(|socket| socket.write_all(&message))?;
            near.iter_mut().try_for_each(|socket| socket.read_exact(&mut read))?;
            times.push(last(&proxy, readers, unix(begun)?)?);
        }
        medians.push(median(&times));
    }
    Ok(medians)
}

/// Medians of each round: until the last receiver has bytes at its socket, and until the last has applied them.
///
/// # Errors
/// Whatever goes wrong.
pub fn to_receivers(folder: &Path, receivers: usize, rounds: usize) -> Result<Vec<(f64, f64)>, Failure> {
    std::fs::create_dir_all(folder)?;
    let clinic = Clinic::start(folder, 1, 1)?;
    let devices: Vec<SharedDevice> = (0..receivers).map(|_| clinic.device()).collect::<Result<_, _>>()?;
    devices.iter().try_for_each(|device| clinic.sync(device).map(drop))?;
    let applied: Vec<_> = devices.iter().map(changes_of).collect::<Result<_, _>>()?;
    devices.iter().try_for_each(|device| Ok::<_, Failure>(device.lock()?.set_relay_url(&clinic.proxy.url())?))?;
    let committed = changes_of(&clinic.author)?;
    clinic.author.lock()?.set_relay_url(&clinic.relay.url())?;
    let live: Vec<Live> = devices.iter().chain([&clinic.author]).map(Live::start).collect::<Result<_, _>>()?;
    let mut medians = Vec::new();
    for _ in 0..rounds {
        let (mut at_socket, mut at_device) = (Vec::new(), Vec::new());
        for number in 0..WARM_UP + EDITS {
            clinic.proxy.settled(QUIET)?;
            clinic.proxy.mark()?;
            clinic.edit_one()?;
            let begun = committed.recv_timeout(PATIENCE)?;
            let arrived: Vec<Instant> =
                applied.iter().map(|one| one.recv_timeout(PATIENCE)).collect::<Result<_, _>>()?;
            let last_applied = arrived.into_iter().max().unwrap_or(begun);
            if number >= WARM_UP {
                at_device.push((last_applied - begun).as_secs_f64());
                at_socket.push(last(&clinic.proxy, receivers, unix(begun)?)?);
            }
        }
        medians.push((median(&at_socket), median(&at_device)));
    }
    live.into_iter().for_each(Live::stop);
    Ok(medians)
}

/// Seconds from `begun`, in seconds since 1970, until every one of the receivers had a byte.
///
/// # Errors
/// If not all had one, or others had too.
pub fn last(proxy: &Proxy, receivers: usize, begun: f64) -> Result<f64, Failure> {
    let arrivals = proxy.arrivals()?;
    if arrivals.len() != receivers {
        return Err(Failure::new(format!("{} of {receivers} connections had bytes", arrivals.len())));
    }
    Ok(arrivals.into_iter().fold(f64::NEG_INFINITY, f64::max) - begun)
}

/// The same moment on the clock that other processes have too.
fn unix(moment: Instant) -> Result<f64, Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
    Ok(now - moment.elapsed().as_secs_f64())
}
