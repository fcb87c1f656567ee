// Hocuspocus: one Yjs document a chart, all over one WebSocket, SQLite behind the Database extension. Keeps no history.
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

import { Database } from "@hocuspocus/extension-database";
import { HocuspocusProvider, HocuspocusProviderWebsocket } from "@hocuspocus/provider";
import { Server } from "@hocuspocus/server";
import WebSocket from "ws";
import * as Y from "yjs";

import { Arrivals } from "../arrivals.js";
import { edited } from "../charts.js";

// Documents asked for at once.
const WINDOW = 256;

function shared(value) {
  if (Array.isArray(value)) return Y.Array.from(value.map(shared));
  if (value === null || typeof value !== "object") return value;
  return new Y.Map(Object.entries(value).map(([key, inner]) => [key, shared(inner)]));
}

function document(chart) {
  const doc = new Y.Doc();
  for (const step of chart.steps) {
    doc.transact(() => {
      for (const resource of step) doc.getMap(resource.resourceType).set(resource.id, shared(resource));
    });
  }
  return Buffer.from(Y.encodeStateAsUpdate(doc));
}

function open(dir) {
  const Sqlite = createRequire(import.meta.url)("better-sqlite3");
  const db = new Sqlite(join(dir, "hocuspocus.db"));
  db.pragma("journal_mode = WAL");
  db.exec("CREATE TABLE IF NOT EXISTS documents (name TEXT PRIMARY KEY, data BLOB NOT NULL)");
  return db;
}

export async function serve({ dir, port, charts }) {
  const db = open(dir);
  const get = db.prepare("SELECT data FROM documents WHERE name = ?").pluck();
  const put = db.prepare("INSERT INTO documents VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET data = excluded.data");
  db.transaction(() => charts.forEach((chart) => get.get(chart.id) ?? put.run(chart.id, document(chart))))();
  const database = new Database({
    fetch: async ({ documentName }) => get.get(documentName) ?? null,
    store: async ({ documentName, state }) => put.run(documentName, Buffer.from(state)),
  });
  const server = new Server({ port, address: "127.0.0.1", quiet: true, stopOnSignals: false, extensions: [database] });
  await server.listen();
  // Warm: the documents are in memory before anyone asks.
  for (const chart of charts) await server.hocuspocus.openDirectConnection(chart.id);
  const ids = join(dir, "ids.json");
  await writeFile(ids, JSON.stringify(charts.map((chart) => chart.id)));
  return { port: server.httpServer.address().port, ids };
}

export class Device {
  #arrivals = new Arrivals();
  #providers = [];
  #changed = new Set();

  constructor({ charts, ids }) {
    Object.assign(this, { charts, ids });
  }

  async connect(url) {
    this.socket ??= new HocuspocusProviderWebsocket({ url, WebSocketPolyfill: WebSocket, autoConnect: false });
    this.socket.setConfiguration({ url });
    this.#providers.forEach((provider) => (provider.synced = false));
    // Its promise waits for a document's first message: not awaited, since the documents come after it.
    void this.socket.connect();
  }

  async live() {
    await this.caughtUp();
  }

  async disconnect() {
    // Gone when the server has said so: over a slow link, changes come until then.
    const closed = this.#next(this.socket, "close");
    this.socket.disconnect();
    await closed;
  }

  async fetch(indexes) {
    let next = 0;
    const worker = async () => {
      while (next < indexes.length) await this.#find(indexes[next++]);
    };
    await Promise.all(Array.from({ length: WINDOW }, worker));
  }

  async #find(index) {
    const doc = new Y.Doc();
    // Without awareness: who looks at what is no part of a chart.
    const provider = new HocuspocusProvider({ name: this.ids[index], document: doc, websocketProvider: this.socket, awareness: null });
    const synced = new Promise((done) => provider.on("synced", done));
    provider.attach();
    await synced;
    this.#providers[index] = provider;
    doc.on("update", () => this.#arrivals.tell(index, this.#read(index)));
  }

  #quantity(index) {
    const observation = this.#providers[index].document.getMap("Observation").get(edited(this.charts[index]));
    return observation.get("valueQuantity");
  }

  #read(index) {
    return this.#quantity(index).get("value");
  }

  async holds() {
    this.#providers.forEach((_, index) => this.#read(index));
    // No history: one state a document.
    return { documents: this.#providers.length, changes: this.#providers.length };
  }

  edit(index, value) {
    this.#changed.add(index);
    this.#quantity(index).set("value", value);
  }

  // The server's SyncStatus for every change.
  async uploaded() {
    const pending = [...this.#changed].map((index) => this.#providers[index]);
    await Promise.all(pending.map((provider) => this.#saved(provider)));
    this.#changed.clear();
  }

  async #saved(provider) {
    while (!provider.synced || provider.hasUnsyncedChanges) {
      await this.#next(provider, "unsyncedChanges");
    }
  }

  #next(emitter, event) {
    return new Promise((done) => {
      const told = () => {
        emitter.off(event, told);
        done();
      };
      emitter.on(event, told);
    });
  }

  async caughtUp() {
    await Promise.all(this.#providers.filter(Boolean).map((provider) => this.#saved(provider)));
  }

  async arrived(count, value) {
    await Promise.all(Array.from({ length: count }, (_, index) => this.arrivedAt(index, value)));
  }

  arrivedAt(index, value) {
    return this.#arrivals.wait(index, value, this.#read(index));
  }

  value(index) {
    return this.#read(index);
  }
}
