//! The steps of a client, the same as those of the other engines.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::future::join_all;
use samod::DocumentId;
use serde_json::{Value, json};

use crate::Failure;
use crate::chart::Chart;
use crate::device::Device;

/// The devices of one client process.
pub struct Session {
    charts: Arc<Vec<Chart>>,
    ids: Arc<Vec<DocumentId>>,
    devices: HashMap<String, Device>,
    receivers: Vec<Device>,
}

impl Session {
    /// No devices yet. `ids`: the server's file of document ids.
    pub fn new(charts: Vec<Chart>, ids: &Path) -> Result<Self, Failure> {
        let names: Vec<String> = serde_json::from_slice(&std::fs::read(ids)?)?;
        let ids = names.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
        Ok(Self { charts: Arc::new(charts), ids: Arc::new(ids), devices: HashMap::new(), receivers: Vec::new() })
    }

    /// Does one step.
    pub async fn step(&mut self, step: &Value) -> Result<Value, Failure> {
        match text(step, "do") {
            "first_sync" => self.first_sync(step).await,
            "connect" => done(self.device(step)?.connect(text(step, "url")).await),
            "disconnect" => {
                self.device(step)?.disconnect();
                Ok(json!({}))
            }
            "edit" => self.edit(step),
            "upload" => self.upload(step).await,
            "catch_up" => self.catch_up(step).await,
            "read" => self.read(step),
            "latency" => self.latency(step).await,
            "fan_open" => self.fan_open(step).await,
            "fan_edit" => self.fan_edit(step).await,
            "fan_close" => {
                self.receivers.drain(..).for_each(|mut receiver| receiver.disconnect());
                Ok(json!({}))
            }
            _ => Err("no such step".into()),
        }
    }

    fn device(&mut self, step: &Value) -> Result<&mut Device, Failure> {
        Ok(self.devices.get_mut(text(step, "device")).ok_or("no such device")?)
    }

    async fn first_sync(&mut self, step: &Value) -> Result<Value, Failure> {
        let dir = Path::new(text(step, "dir"));
        let mut device = Device::new(Some(dir), self.charts.clone(), self.ids.clone()).await;
        let begun = Instant::now();
        device.connect(text(step, "url")).await?;
        device.fetch(self.charts.len()).await?;
        let seconds = begun.elapsed().as_secs_f64();
        let (documents, changes) = device.holds();
        self.devices.insert(text(step, "device").to_owned(), device);
        Ok(json!({ "seconds": seconds, "documents": documents, "changes": changes }))
    }

    fn edit(&mut self, step: &Value) -> Result<Value, Failure> {
        let (device, value) = (self.device(step)?, number(step, "value"));
        done((0..count(step)).try_for_each(|at| device.edit(at, value)))
    }

    async fn upload(&mut self, step: &Value) -> Result<Value, Failure> {
        let device = self.device(step)?;
        let begun = Instant::now();
        device.connect(text(step, "url")).await?;
        device.uploaded().await?;
        Ok(json!({ "seconds": begun.elapsed().as_secs_f64() }))
    }

    async fn catch_up(&mut self, step: &Value) -> Result<Value, Failure> {
        let device = self.device(step)?;
        let arrivals: Vec<_> = (0..count(step)).map(|at| device.arrived(at, number(step, "value"))).collect();
        let begun = Instant::now();
        device.connect(text(step, "url")).await?;
        match arrivals.is_empty() {
            true => device.caught_up().await?,
            false => drop(join_all(arrivals).await),
        }
        Ok(json!({ "seconds": begun.elapsed().as_secs_f64() }))
    }

    fn read(&mut self, step: &Value) -> Result<Value, Failure> {
        let (device, value) = (self.device(step)?, Some(number(step, "value")));
        Ok(json!({ "present": (0..count(step)).filter(|at| device.value(*at) == value).count() }))
    }

    async fn latency(&mut self, step: &Value) -> Result<Value, Failure> {
        let pause = Duration::from_secs_f64(number(step, "pause_ms") / 1e3);
        let (edits, warm_up) = (number(step, "edits") as usize, number(step, "warm_up") as usize);
        let mut times = Vec::with_capacity(edits);
        for edit in 0..warm_up + edits {
            tokio::time::sleep(pause).await;
            let (at, value) = (edit % self.charts.len(), number(step, "value") + edit as f64);
            let reader = self.devices.get(text(step, "to")).ok_or("no such reader")?;
            // Waiting already when the edit is made, on another thread.
            let arrived = tokio::spawn(reader.arrived(at, value));
            self.devices.get_mut(text(step, "from")).ok_or("no such writer")?.edit(at, value)?;
            let begun = Instant::now();
            let end = arrived.await?;
            if edit >= warm_up {
                times.push((end - begun).as_secs_f64());
            }
        }
        Ok(json!({ "seconds": times }))
    }

    async fn fan_open(&mut self, step: &Value) -> Result<Value, Failure> {
        for _ in 0..count(step) {
            let mut receiver = Device::new(None, self.charts.clone(), self.ids.clone()).await;
            receiver.connect(text(step, "url")).await?;
            receiver.fetch(1).await?;
            self.receivers.push(receiver);
        }
        done(Ok(()))
    }

    async fn fan_edit(&mut self, step: &Value) -> Result<Value, Failure> {
        let value = number(step, "value");
        let arrivals: Vec<_> = self.receivers.iter().map(|one| tokio::spawn(one.arrived(0, value))).collect();
        self.device(step)?.edit(0, value)?;
        // The second is the clock that the benchmark has too.
        let (begun, unix) = (Instant::now(), SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64());
        let ends = join_all(arrivals).await.into_iter().collect::<Result<Vec<Instant>, _>>()?;
        let last = ends.into_iter().max().ok_or("no receivers")?;
        Ok(json!({ "seconds": (last - begun).as_secs_f64(), "begun_unix": unix }))
    }
}

fn done(result: Result<(), Failure>) -> Result<Value, Failure> {
    result.map(|()| json!({}))
}

fn text<'a>(step: &'a Value, field: &str) -> &'a str {
    step[field].as_str().unwrap_or_default()
}

fn number(step: &Value, field: &str) -> f64 {
    step[field].as_f64().unwrap_or_default()
}

fn count(step: &Value) -> usize {
    number(step, "count") as usize
}
