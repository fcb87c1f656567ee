//! The rows, one function each: the same steps for every engine. The devices of a client: `author` writes, `counted`
//! goes through the proxy always, `timed` never.

use serde_json::json;

use super::bench::{Bench, QUIET};
use crate::failure::Failure;
use crate::measure::Measure;
use crate::proxy::{FIELD, Proxy};
use crate::stats::{median, percentile, sorted};
use crate::{fan_out, latency};

/// Samples of one row or more.
pub type Samples = Vec<(Measure, Vec<f64>)>;

const CHANGED: usize = 100;
const EDITS: usize = 1_000;

/// New devices receive every chart; also the server's memory with all of them held by a device.
pub fn first_sync(bench: &mut Bench<'_>) -> Result<Samples, Failure> {
    let (mut times, mut bytes, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    let (direct, counted) = (bench.direct(), bench.counted());
    for round in 0..bench.rounds {
        if round > 0 {
            bench.new_client()?;
        }
        // The first one also warms the client's process up.
        bench.first_sync("counted", &counted)?;
        bytes.push(bench.proxy.settled(QUIET)?.down as f64);
        bench.disconnect("counted")?;
        times.push(bench.first_sync("timed", &direct)?);
        memory.push(bench.server.memory()?.1);
        bench.disconnect("timed")?;
    }
    bench.first_sync("author", &direct)?;
    bench.disconnect("author")?;
    bench.proxy.settled(QUIET)?;
    Ok(vec![(Measure::FirstSync, times), (Measure::FirstSyncBytes, bytes), (Measure::Memory, memory)])
}

/// Nothing has changed meanwhile.
pub fn unchanged(bench: &mut Bench<'_>) -> Result<Samples, Failure> {
    let (mut bytes, url) = (Vec::new(), bench.counted());
    for _ in 0..bench.rounds {
        bench.step(&json!({ "do": "catch_up", "device": "counted", "url": url, "count": 0 }))?;
        bytes.push(settle(bench, "counted")?);
    }
    Ok(vec![(Measure::UnchangedBytes, bytes)])
}

/// A hundred charts have changed meanwhile.
pub fn changed(bench: &mut Bench<'_>) -> Result<Samples, Failure> {
    let (mut times, mut bytes) = (Vec::new(), Vec::new());
    let (direct, counted, count) = (bench.direct(), bench.counted(), CHANGED.min(bench.charts));
    for _ in 0..bench.rounds {
        let value = publish(bench, count)?;
        bench.step(&step_catch_up(("counted", &counted), count, value))?;
        bytes.push(settle(bench, "counted")?);
        times.push(catch_up(bench, ("timed", &direct), count, value)?);
    }
    Ok(vec![(Measure::ChangedBytes, bytes), (Measure::ChangedTime, times)])
}

/// Edits made offline reach the server.
pub fn upload(bench: &mut Bench<'_>) -> Result<Samples, Failure> {
    let (mut times, mut bytes) = (Vec::new(), Vec::new());
    let (direct, counted, edits) = (bench.direct(), bench.counted(), EDITS.min(bench.charts));
    for _ in 0..bench.rounds {
        let value = bench.edit("author", edits)?;
        times.push(bench.timed(&json!({ "do": "upload", "device": "author", "url": direct }))?);
        bench.disconnect("author")?;
        // Nobody edits what they have not caught up with: these rows are not about conflicts.
        catch_up(bench, ("counted", &counted), edits, value)?;
        bench.proxy.settled(QUIET)?;
        let value = bench.edit("counted", edits)?;
        bench.step(&json!({ "do": "upload", "device": "counted", "url": counted }))?;
        bytes.push(settle(bench, "counted")?);
        catch_up(bench, ("author", &direct), edits, value)?;
        catch_up(bench, ("timed", &direct), edits, value)?;
    }
    Ok(vec![(Measure::Upload, times), (Measure::UploadBytes, bytes)])
}

/// Single edits, from one live device to another.
pub fn a_to_b(bench: &mut Bench<'_>) -> Result<Samples, Failure> {
    let (mut halves, mut tails) = (Vec::new(), Vec::new());
    live(bench, &["author", "timed"])?;
    for _ in 0..bench.rounds {
        let value = bench.next_values(latency::EDITS + latency::WARM_UP);
        let pause = latency::PAUSE.as_secs_f64() * 1e3;
        let answer = bench.step(&json!({
            "do": "latency", "from": "author", "to": "timed", "edits": latency::EDITS, "warm_up": latency::WARM_UP,
            "pause_ms": pause, "value": value,
        }))?;
        let times: Vec<f64> = serde_json::from_value(answer["seconds"].clone())?;
        let times = sorted(times);
        halves.push(percentile(&times, 0.5));
        tails.push(percentile(&times, 0.99));
    }
    bench.disconnect("timed")?;
    bench.disconnect("author")?;
    Ok(vec![(Measure::AToBHalf, halves), (Measure::AToBTail, tails)])
}

/// Samples of fan-out.
pub struct FanOut {
    /// At the socket, or why that cannot be told.
    pub wire: Result<Vec<f64>, Failure>,
    pub applied: Vec<f64>,
}

/// One edit to many live receivers: until the last has bytes at its socket, if that can be told, and until the last has
/// applied it. For a server with one chart, as Satchel's relay has in this row.
pub fn fan_out(bench: &mut Bench<'_>) -> Result<FanOut, Failure> {
    let (mut wire, mut applied) = (Ok(Vec::new()), Vec::new());
    let direct = bench.direct();
    bench.first_sync("author", &direct)?;
    bench.disconnect("author")?;
    let proxy = Proxy::start(&bench.address)?;
    let url = bench.engine.url(&proxy.address());
    bench.step(&json!({ "do": "fan_open", "url": url, "count": fan_out::RECEIVERS }))?;
    live(bench, &["author"])?;
    for _ in 0..bench.rounds {
        let (mut at_socket, mut at_device) = (Ok(Vec::new()), Vec::new());
        for number in 0..fan_out::WARM_UP + fan_out::EDITS {
            proxy.settled(fan_out::QUIET)?;
            proxy.mark()?;
            let value = bench.next_values(1);
            let answer = bench.step(&json!({ "do": "fan_edit", "device": "author", "value": value }))?;
            if number >= fan_out::WARM_UP {
                at_device.extend(answer["seconds"].as_f64());
                let begun = answer["begun_unix"].as_f64().unwrap_or(0.0);
                at_socket = collect(at_socket, fan_out::last(&proxy, fan_out::RECEIVERS, begun));
            }
        }
        wire = collect(wire, at_socket.map(|times| median(&times)));
        applied.push(median(&at_device));
    }
    bench.step(&json!({ "do": "fan_close" }))?;
    bench.disconnect("author")?;
    Ok(FanOut { wire, applied })
}

/// One more figure, unless there is a reason why there are none.
fn collect(figures: Result<Vec<f64>, Failure>, figure: Result<f64, Failure>) -> Result<Vec<f64>, Failure> {
    let mut figures = figures?;
    figures.push(figure?);
    Ok(figures)
}

/// The link of a field clinic: nothing has changed.
pub fn slow_unchanged(bench: &mut Bench<'_>) -> Result<Samples, Failure> {
    if !bench.engine.says_done {
        // Cut off halfway, a sync may leave the device stuck: not even tried.
        return Err(Failure::new("the engine has no word of its own for being up to date"));
    }
    let proxy = Proxy::slow(&bench.address, FIELD)?;
    let url = bench.engine.url(&proxy.address());
    Ok(vec![(Measure::SlowUnchanged, vec![catch_up(bench, ("timed", &url), 0, 0.0)?])])
}

/// The link of a field clinic: a hundred charts have changed.
pub fn slow_changed(bench: &mut Bench<'_>) -> Result<Samples, Failure> {
    let proxy = Proxy::slow(&bench.address, FIELD)?;
    let url = bench.engine.url(&proxy.address());
    let count = CHANGED.min(bench.charts);
    let value = publish(bench, count)?;
    Ok(vec![(Measure::SlowChanged, vec![catch_up(bench, ("timed", &url), count, value)?])])
}

/// The server is killed at the ack, started again, and asked for every edit.
pub fn kill(bench: &mut Bench<'_>) -> Result<Samples, Failure> {
    let (mut lost, edits, direct) = (Vec::new(), EDITS.min(bench.charts), bench.direct());
    // Whatever became of the client before.
    bench.new_client()?;
    bench.first_sync("author", &direct)?;
    bench.disconnect("author")?;
    for _ in 0..bench.rounds {
        let value = bench.edit("author", edits)?;
        bench.step(&json!({ "do": "upload", "device": "author", "url": direct }))?;
        bench.kill_and_restart()?;
        bench.first_sync("author", &direct)?;
        bench.disconnect("author")?;
        let read = bench.step(&json!({ "do": "read", "device": "author", "count": edits, "value": value }))?;
        lost.push(edits as f64 - read["present"].as_f64().unwrap_or(0.0));
    }
    Ok(vec![(Measure::Lost, lost)])
}

/// The author edits `count` charts and uploads them: the value that they have now.
fn publish(bench: &mut Bench<'_>, count: usize) -> Result<f64, Failure> {
    let (direct, value) = (bench.direct(), bench.edit("author", count)?);
    bench.step(&json!({ "do": "upload", "device": "author", "url": direct }))?;
    bench.disconnect("author")?;
    Ok(value)
}

/// A device connects, receives, and leaves; how long the first two took.
fn catch_up(bench: &mut Bench<'_>, device: (&str, &str), count: usize, value: f64) -> Result<f64, Failure> {
    let time = bench.timed(&step_catch_up(device, count, value));
    bench.disconnect(device.0)?;
    time
}

fn step_catch_up((device, url): (&str, &str), count: usize, value: f64) -> serde_json::Value {
    json!({ "do": "catch_up", "device": device, "url": url, "count": count, "value": value })
}

/// Bytes both ways of a device that has done what it connected for.
fn settle(bench: &mut Bench<'_>, device: &str) -> Result<f64, Failure> {
    let before = bench.proxy.settled(QUIET)?.total();
    bench.disconnect(device)?;
    Ok(before + bench.proxy.settled(QUIET)?.total())
}

/// Connects devices that stay, and gives them time to catch up.
fn live(bench: &mut Bench<'_>, devices: &[&str]) -> Result<(), Failure> {
    let url = bench.direct();
    for device in devices {
        bench.step(&json!({ "do": "connect", "device": device, "url": url, "live": true }))?;
    }
    std::thread::sleep(QUIET * 4);
    Ok(())
}
