// PouchDB: express-pouchdb over LevelDB, one JSON document a chart. Ten revisions were written; replication carries the last.
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";

import express from "express";
import expressPouchDB from "express-pouchdb";
import PouchDB from "pouchdb";

import { Arrivals } from "../arrivals.js";
import { edited } from "../charts.js";

const DATABASE = "charts";
// Fewer round trips than the default of 100.
const BATCHES = { batch_size: 1000, batches_limit: 10 };

async function seed(db, charts) {
  const documents = charts.map((chart) => ({ _id: chart.id }));
  const longest = Math.max(...charts.map((chart) => chart.steps.length));
  for (let at = 0; at < longest; at++) {
    charts.forEach((chart, index) => {
      for (const resource of chart.steps[at] ?? []) {
        documents[index][resource.resourceType] ??= {};
        documents[index][resource.resourceType][resource.id] = resource;
      }
    });
    const results = await db.bulkDocs(documents);
    results.forEach((result, index) => (documents[index]._rev = result.rev));
  }
}

export async function serve({ dir, port, charts }) {
  await mkdir(join(dir, "db"), { recursive: true });
  const Stored = PouchDB.defaults({ prefix: `${join(dir, "db")}/` });
  const app = express();
  app.use("/", expressPouchDB(Stored, { mode: "minimumForPouchDB", inMemoryConfig: true }));
  const db = new Stored(DATABASE);
  const { doc_count: held } = await db.info();
  if (held === 0) await seed(db, charts);
  const ids = join(dir, "ids.json");
  await writeFile(ids, JSON.stringify(charts.map((chart) => chart.id)));
  const server = createServer(app).listen(port, "127.0.0.1");
  await once(server, "listening");
  return { port: server.address().port, ids };
}

function ended(replication) {
  return new Promise((done, failed) => replication.on("complete", done).on("error", failed));
}

export class Device {
  #arrivals = new Arrivals();
  #local = new Map();
  #live = [];

  constructor({ dir, charts, receiver }) {
    Object.assign(this, { charts, dir, receiver });
    this.positions = new Map(charts.map((chart, index) => [chart.id, index]));
  }

  async open() {
    if (this.receiver) return;
    await mkdir(this.dir, { recursive: true });
    this.db = new PouchDB(join(this.dir, "db"));
    this.#observe(this.db);
  }

  #observe(db) {
    const feed = db.changes({ live: true, since: "now", include_docs: true });
    feed.on("change", ({ doc }) => this.#tell(doc));
    return feed;
  }

  #tell(doc) {
    const index = this.positions.get(doc._id);
    const value = this.#valueOf(doc, index);
    this.#local.set(index, value);
    this.#arrivals.tell(index, value);
  }

  #valueOf(doc, index) {
    return doc.Observation[edited(this.charts[index])].valueQuantity.value;
  }

  // Live replication both ways only where a step is about live devices; else one replication a connection.
  async connect(url) {
    this.url = `${url}/${DATABASE}`;
    this.remote = new PouchDB(this.url, { skip_setup: true });
    if (this.receiver) this.#live = [this.#observe(this.remote)];
  }

  async live() {
    const options = { live: true, retry: false, ...BATCHES };
    this.#live = [this.db.replicate.to(this.remote, options), this.db.replicate.from(this.remote, options)];
    await Promise.all(this.#live.map((replication) => once(replication, "paused")));
  }

  async disconnect() {
    this.#live.forEach((replication) => replication.cancel());
    this.#live = [];
  }

  async fetch() {
    if (this.receiver) return;
    await ended(this.db.replicate.from(this.remote, BATCHES));
  }

  async holds() {
    const { rows } = await this.db.allDocs({ include_docs: true });
    // Only the last revision of each document comes.
    return { documents: rows.length, changes: rows.length };
  }

  async edit(index, value) {
    const doc = await this.db.get(this.charts[index].id);
    doc.Observation[edited(this.charts[index])].valueQuantity.value = value;
    await this.db.put(doc);
  }

  async uploaded() {
    await ended(this.db.replicate.to(this.remote, BATCHES));
  }

  async caughtUp() {
    await this.fetch();
  }

  async value(index) {
    return this.#valueOf(await this.db.get(this.charts[index].id), index);
  }

  async arrived(count, value) {
    await Promise.all(Array.from({ length: count }, (_, index) => this.arrivedAt(index, value)));
  }

  arrivedAt(index, value) {
    return this.#arrivals.wait(index, value, this.#local.get(index));
  }
}
