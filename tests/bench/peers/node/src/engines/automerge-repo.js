// automerge-repo: WebSocket adapters, files of the nodefs adapter, one Automerge document a chart with its whole history.
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import * as A from "@automerge/automerge";
import { Repo } from "@automerge/automerge-repo";
import { WebSocketClientAdapter, WebSocketServerAdapter } from "@automerge/automerge-repo-network-websocket";
import { NodeFSStorageAdapter } from "@automerge/automerge-repo-storage-nodefs";
import { WebSocketServer } from "ws";

import { Arrivals } from "../arrivals.js";
import { edited } from "../charts.js";

// Documents asked for at once. More is not faster.
const WINDOW = 128;
// The default of 5 s cuts off whoever needs longer than that to get a pong through a slow link.
const KEEP_ALIVE_MS = 120_000;
// More than a slow link's round trip and the 100 ms for which changes of one document are held back.
const QUIET_MS = 1_000;

// Scalars, not collaborative text: what a code or a unit is, and the smaller encoding.
function scalars(value) {
  if (typeof value === "string") return new A.ImmutableString(value);
  if (Array.isArray(value)) return value.map(scalars);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, scalars(inner)]));
}

function document(chart) {
  let doc = A.init();
  for (const step of chart.steps) {
    doc = A.change(doc, (draft) => {
      for (const resource of step) {
        draft[resource.resourceType] ??= {};
        draft[resource.resourceType][resource.id] = scalars(resource);
      }
    });
  }
  return A.save(doc);
}

export async function serve({ dir, port, charts }) {
  const wss = new WebSocketServer({ port, host: "127.0.0.1" });
  await once(wss, "listening");
  const storage = new NodeFSStorageAdapter(join(dir, "repo"));
  const repo = new Repo({ network: [new WebSocketServerAdapter(wss, KEEP_ALIVE_MS)], storage, sharePolicy: async () => false, peerId: "server" });
  const file = join(dir, "ids.json");
  const known = await readFile(file).then(JSON.parse, () => null);
  if (known) {
    // Warm: the documents are in memory before anyone asks.
    for (let at = 0; at < known.length; at += WINDOW) {
      await Promise.allSettled(known.slice(at, at + WINDOW).map((url) => repo.find(url)));
    }
  } else {
    const handles = charts.map((chart) => repo.import(document(chart)));
    await repo.flush();
    await writeFile(file, JSON.stringify(handles.map((handle) => handle.url)));
  }
  return { port: wss.address().port, ids: file };
}

export class Device {
  #arrivals = new Arrivals();
  #handles = [];
  #changed = new Set();

  constructor({ dir, charts, ids, receiver }) {
    Object.assign(this, { charts, ids });
    const storage = dir && !receiver ? new NodeFSStorageAdapter(dir) : undefined;
    // Nothing is announced unasked: only what has been asked for is synchronised.
    this.repo = new Repo({ storage, sharePolicy: async () => true });
  }

  async connect(url) {
    this.adapter = new WebSocketClientAdapter(url);
    const connected = once(this.repo.networkSubsystem, "peer");
    this.repo.networkSubsystem.addNetworkAdapter(this.adapter);
    [{ peerId: this.server }] = await connected;
  }

  // Not in the middle of an exchange: a server that announces nothing would wait for its rest in the next connection.
  async disconnect() {
    let last = Date.now();
    const moved = () => (last = Date.now());
    this.repo.networkSubsystem.on("message", moved);
    while (Date.now() - last < QUIET_MS) await new Promise((done) => setTimeout(done, 50));
    this.repo.networkSubsystem.off("message", moved);
    this.repo.networkSubsystem.removeNetworkAdapter(this.adapter);
  }

  async fetch(indexes) {
    let next = 0;
    const worker = async () => {
      while (next < indexes.length) await this.#find(indexes[next++]);
    };
    await Promise.all(Array.from({ length: WINDOW }, worker));
  }

  async #find(index) {
    const handle = await this.repo.find(this.ids[index]);
    this.#handles[index] = handle;
    handle.on("change", () => this.#arrivals.tell(index, this.#read(index)));
  }

  #read(index) {
    return this.#handles[index].doc().Observation[edited(this.charts[index])].valueQuantity.value;
  }

  async holds() {
    const changes = this.#handles.reduce((sum, handle) => sum + A.getAllChanges(handle.doc()).length, 0);
    return { documents: this.#handles.length, changes };
  }

  edit(index, value) {
    this.#changed.add(index);
    this.#handles[index].change((draft) => {
      draft.Observation[edited(this.charts[index])].valueQuantity.value = value;
    });
  }

  // The server's heads, as it told them after it had applied the change.
  async uploaded() {
    const storageId = this.repo.peerMetadataByPeerId[this.server].storageId;
    const acked = (handle) => String(handle.getSyncInfo(storageId)?.lastHeads) === String(handle.heads());
    await Promise.all([...this.#changed].map((index) => this.#when(index, acked)));
    this.#changed.clear();
  }

  async #when(index, holds) {
    const handle = this.#handles[index];
    while (!holds(handle)) await once(handle, "remote-heads");
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
