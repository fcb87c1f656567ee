//! What the machine and the libraries can do at best, measured in the same run.

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use client_core::driver::system_time;
use clinical_record::RecordDocument;
use futures_util::{SinkExt, StreamExt};
use sync_protocol::identity::{PreparedKey, Purpose, SecretKey};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{accept_async, client_async};

use crate::clinic::Clinic;
use crate::failure::Failure;
use crate::stats::median;
use crate::table::{Row, Table, Unit};

const SAMPLES: usize = 500;

/// Measures the rows.
///
/// # Errors
/// Whatever goes wrong.
pub fn measure(clinic: &Clinic, folder: &Path, table: &mut Table) -> Result<(), Failure> {
    let mut push = |name: &str, unit, note: &str, once: &mut dyn FnMut() -> Result<f64, Failure>| {
        let samples: Result<Vec<f64>, Failure> = (0..clinic.rounds).map(|_| once()).collect();
        table.push(Row::new(format!("limit: {name}"), unit, samples?).note(note));
        Ok::<(), Failure>(())
    };
    push("WebSocket echo on loopback", Unit::Seconds, "round trip", &mut || echo(clinic))?;
    let note = "a stream of them; on busy cores mostly waiting for a core";
    push("fdatasync of 4 KB, back to back", Unit::Seconds, note, &mut || fdatasync(folder, Duration::ZERO))?;
    let note = "single ones, as in A to B";
    push("fdatasync of 4 KB, after a pause", Unit::Seconds, note, &mut || fdatasync(folder, crate::latency::PAUSE))?;
    push("SQLite commits, synchronous=FULL", Unit::PerSecond, "one row each", &mut || commits(folder))?;
    push("ed25519 verify", Unit::Seconds, "", &mut verify)?;
    push(
        "ed25519 verify, the key prepared",
        Unit::Seconds,
        "as of an author with many documents",
        &mut verify_prepared,
    )?;
    let chart = a_chart(clinic)?;
    let parts = || chart.iter().map(Vec::as_slice);
    push("Automerge load of a document, checked", Unit::Seconds, "10 changes", &mut || {
        each(|| RecordDocument::load(parts()).map(drop))
    })?;
    push("Automerge load of a document, accepted before", Unit::Seconds, "10 changes", &mut || {
        each(|| RecordDocument::load_accepted(parts()).map(drop))
    })?;
    push("Automerge apply of one change", Unit::Seconds, "to such a document", &mut || {
        let (last, before) = chart.split_last().ok_or_else(|| Failure::new("no changes"))?;
        let document = RecordDocument::load(before.iter().map(Vec::as_slice))?;
        each(|| document.clone().apply([last.as_slice()]))
    })?;
    push("a document's changes", Unit::Bytes, "not compressed", &mut || Ok(chart.concat().len() as f64))?;
    push("a document's changes, zstd alone", Unit::Bytes, "", &mut || packed(&chart.concat()))?;
    let all = some_charts(clinic)?;
    let note = "in bodies of 512 KB, as batches are";
    push("a document's changes, zstd among others", Unit::Bytes, note, &mut || {
        let bodies = all.concat();
        let sizes: Result<Vec<f64>, Failure> = bodies.chunks(512 * 1024).map(packed).collect();
        Ok(sizes?.iter().sum::<f64>() / all.len() as f64)
    })
}

fn packed(bytes: &[u8]) -> Result<f64, Failure> {
    Ok(zstd::bulk::compress(bytes, 3)?.len() as f64)
}

/// Median time of `work`.
fn each<E: std::error::Error>(mut work: impl FnMut() -> Result<(), E>) -> Result<f64, Failure> {
    let mut times = Vec::with_capacity(SAMPLES);
    for _ in 0..SAMPLES {
        let begun = Instant::now();
        work()?;
        times.push(begun.elapsed().as_secs_f64());
    }
    Ok(median(&times))
}

/// The first ten changes of the first document with as many.
fn a_chart(clinic: &Clinic) -> Result<Vec<Vec<u8>>, Failure> {
    let mut author = clinic.author.lock()?;
    for document in author.documents()? {
        let changes = author.raw_changes(&document.id, system_time())?;
        if changes.len() >= crate::clinic::CHANGES {
            return Ok(changes.into_iter().take(crate::clinic::CHANGES).map(|(_, payload)| payload).collect());
        }
    }
    Err(Failure::new("no document has ten changes"))
}

/// The first ten changes of many documents, each as one piece.
fn some_charts(clinic: &Clinic) -> Result<Vec<Vec<u8>>, Failure> {
    let mut author = clinic.author.lock()?;
    let mut charts = Vec::new();
    for document in author.documents()? {
        let changes = author.raw_changes(&document.id, system_time())?;
        if changes.len() >= crate::clinic::CHANGES {
            let first = changes.into_iter().take(crate::clinic::CHANGES).map(|(_, payload)| payload);
            charts.push(first.collect::<Vec<_>>().concat());
        }
    }
    Ok(charts)
}

fn echo(clinic: &Clinic) -> Result<f64, Failure> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let server = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let thread = std::thread::spawn(move || server.block_on(serve_echo(listener)));
    let times = clinic.runtime.block_on(async {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (mut socket, _) = client_async(format!("ws://{address}/"), stream).await?;
        let mut times = Vec::with_capacity(SAMPLES);
        for _ in 0..SAMPLES {
            let begun = Instant::now();
            socket.send(Message::binary(vec![7; 64])).await?;
            socket.next().await;
            times.push(begun.elapsed().as_secs_f64());
        }
        socket.close(None).await?;
        Ok::<_, Failure>(times)
    })?;
    thread.join().map_err(|_| Failure::new("the echo failed"))??;
    Ok(median(&times))
}

async fn serve_echo(listener: std::net::TcpListener) -> Result<(), Failure> {
    let (stream, _) = TcpListener::from_std(listener)?.accept().await?;
    stream.set_nodelay(true)?;
    let mut socket = accept_async(stream).await?;
    while let Some(Ok(message)) = socket.next().await {
        if message.is_binary() {
            socket.send(message).await?;
        }
    }
    Ok(())
}

fn fdatasync(folder: &Path, pause: Duration) -> Result<f64, Failure> {
    let mut file = tempfile::tempfile_in(folder)?;
    file.write_all(&vec![0; 1024 * 1024])?;
    file.sync_all()?;
    let mut times = Vec::with_capacity(SAMPLES);
    for number in 0..SAMPLES {
        std::thread::sleep(pause);
        let begun = Instant::now();
        file.seek(SeekFrom::Start(4096 * (number as u64 % 256)))?;
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
        times.push(begun.elapsed().as_secs_f64());
    }
    Ok(median(&times))
}

fn commits(folder: &Path) -> Result<f64, Failure> {
    let folder = tempfile::tempdir_in(folder)?;
    let db = rusqlite::Connection::open(folder.path().join("limit.db"))?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.execute_batch("CREATE TABLE row (number INTEGER PRIMARY KEY, payload BLOB NOT NULL) STRICT")?;
    let (begun, mut count) = (Instant::now(), 0);
    while begun.elapsed() < Duration::from_millis(500) {
        db.prepare_cached("INSERT INTO row (payload) VALUES (?1)")?.execute([[7u8; 200]])?;
        count += 1;
    }
    Ok(f64::from(count) / begun.elapsed().as_secs_f64())
}

fn verify_prepared() -> Result<f64, Failure> {
    let secret = SecretKey::from_seed([7; 32]);
    let fields: [&[u8]; 2] = [&[1; 16], &[2; 32]];
    let signature = secret.sign(Purpose::Change, &fields);
    let prepared = PreparedKey::new(secret.public()).ok_or_else(|| Failure::new("not a key"))?;
    each(|| prepared.verify(Purpose::Change, &fields, &signature))
}

fn verify() -> Result<f64, Failure> {
    let secret = SecretKey::from_seed([7; 32]);
    let fields: [&[u8]; 2] = [&[1; 16], &[2; 32]];
    let (public, signature) = (secret.public(), secret.sign(Purpose::Change, &fields));
    each(|| public.verify(Purpose::Change, &fields, &signature))
}
