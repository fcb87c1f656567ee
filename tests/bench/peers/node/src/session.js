// The steps of a client, the same for every engine. Times are of the monotonic clock, in seconds.
import { readFile } from "node:fs/promises";

const seconds = (begun) => Number(process.hrtime.bigint() - begun) / 1e9;
const now = () => process.hrtime.bigint();
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// Milliseconds that the system's clock, which the benchmark reads too, is ahead of performance.now(). The one is slewed and the
// other is not, so they drift apart by milliseconds; and Date.now() is exact only in the moment in which it steps.
function systemClockAhead() {
  const before = Date.now();
  let stepped = before;
  while (stepped === before) stepped = Date.now();
  return stepped - performance.now();
}

export class Session {
  constructor(engine, charts, idsFile) {
    Object.assign(this, { engine, charts, idsFile, devices: new Map(), receivers: [] });
  }

  async do(step) {
    this.ids ??= JSON.parse(await readFile(this.idsFile));
    const known = ["first_sync", "connect", "disconnect", "edit", "upload", "catch_up", "read", "latency", "fan_open", "fan_edit", "fan_close"];
    if (!known.includes(step.do)) throw new Error("no such step");
    return this[step.do](step);
  }

  device({ device }) {
    const found = this.devices.get(device);
    if (!found) throw new Error(`no device ${device}`);
    return found;
  }

  // A new device receives every chart. Counted from connecting to the last chart's presence in the device.
  async first_sync({ device, dir, url }) {
    const made = new this.engine.Device({ dir, charts: this.charts, ids: this.ids });
    this.devices.set(device, made);
    await made.open?.();
    const begun = now();
    await made.connect(url);
    await made.fetch(this.charts.map((_, index) => index));
    const time = seconds(begun);
    return { seconds: time, ...(await made.holds()) };
  }

  // `live`: changes then go both ways by themselves.
  async connect(step) {
    const device = this.device(step);
    await device.connect(step.url);
    if (step.live) await device.live?.();
    return {};
  }

  async disconnect(step) {
    await this.device(step).disconnect();
    return {};
  }

  // `count` charts from the first on get this value.
  async edit(step) {
    for (let at = 0; at < step.count; at++) await this.device(step).edit(at, step.value);
    return {};
  }

  // From connecting to the engine's own word that the server has every edit.
  async upload(step) {
    const device = this.device(step);
    const begun = now();
    await device.connect(step.url);
    await device.uploaded();
    return { seconds: seconds(begun) };
  }

  // From connecting to holding the value in the first `count` charts; with none, to the engine's word, if it has one.
  async catch_up(step) {
    const device = this.device(step);
    const begun = now();
    const arrived = device.arrived(step.count, step.value);
    await device.connect(step.url);
    const caughtUp = device.caughtUp?.();
    await (step.count > 0 ? arrived : caughtUp);
    return { seconds: step.count > 0 || device.caughtUp ? seconds(begun) : null };
  }

  async read(step) {
    let present = 0;
    for (let at = 0; at < step.count; at++) {
      if ((await this.device(step).value(at)) === step.value) present += 1;
    }
    return { present };
  }

  // Single edits, one after the other: from the edit made on one live device to its observation on the other.
  async latency({ from, to, edits, warm_up, pause_ms, value }) {
    const [writer, reader] = [this.device({ device: from }), this.device({ device: to })];
    const times = [];
    for (let number = 0; number < warm_up + edits; number++) {
      await pause(pause_ms);
      const at = number % this.charts.length;
      const arrived = reader.arrivedAt(at, value + number);
      await writer.edit(at, value + number);
      const begun = now();
      const end = await arrived;
      if (number >= warm_up) times.push(Number(end - begun) / 1e9);
    }
    return { seconds: times };
  }

  // `count` receivers, each with a connection of its own, that hold the first chart.
  async fan_open({ url, count }) {
    for (let number = 0; number < count; number++) {
      const receiver = new this.engine.Device({ dir: null, charts: this.charts, ids: this.ids, receiver: true });
      await receiver.open?.();
      await receiver.connect(url);
      await receiver.fetch([0]);
      this.receivers.push(receiver);
    }
    return {};
  }

  async fan_edit({ device, value }) {
    const arrivals = this.receivers.map((receiver) => receiver.arrivedAt(0, value));
    const ahead = systemClockAhead();
    await this.device({ device }).edit(0, value);
    const begun = now();
    const unix = (ahead + performance.now()) / 1e3;
    const ends = await Promise.all(arrivals);
    const last = ends.reduce((most, end) => (end > most ? end : most));
    return { seconds: Number(last - begun) / 1e9, begun_unix: unix };
  }

  async fan_close() {
    await Promise.all(this.receivers.map((receiver) => receiver.disconnect()));
    this.receivers = [];
    return {};
  }
}
