// One engine in one role, driven by the benchmark: a line of JSON in, a line of JSON out.
//
//   node src/main.js ENGINE server --dir DIR --charts FILE --count N [--port P]
//   node src/main.js ENGINE client --charts FILE --count N --ids FILE
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

import { readCharts } from "./charts.js";
import { Session } from "./session.js";

const ENGINES = ["automerge-repo", "pouchdb", "hocuspocus"];

function answer(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

async function serve(engine, options) {
  const charts = await readCharts(options.charts, Number(options.count));
  answer(await engine.serve({ dir: options.dir, port: Number(options.port ?? 0), charts }));
  // The benchmark closes standard input, or kills this process, when it has done with it.
  for await (const _ of createInterface({ input: process.stdin }));
  process.exit(0);
}

async function follow(engine, options) {
  const charts = await readCharts(options.charts, Number(options.count));
  const session = new Session(engine, charts, options.ids);
  answer({ ready: true });
  for await (const line of createInterface({ input: process.stdin })) {
    const step = JSON.parse(line);
    try {
      answer(await session.do(step));
    } catch (error) {
      answer({ error: `${step.do}: ${error.message ?? error}` });
    }
  }
  process.exit(0);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: Object.fromEntries(["dir", "charts", "count", "ids", "port"].map((name) => [name, { type: "string" }])),
});
const [name, role] = positionals;
if (!ENGINES.includes(name) || !["server", "client"].includes(role)) {
  console.error(`usage: main.js ${ENGINES.join("|")} server|client ...`);
  process.exit(2);
}
// Standard output is the benchmark's alone.
console.log = console.info = console.error;
const engine = await import(`./engines/${name}.js`);
await (role === "server" ? serve(engine, values) : follow(engine, values));
