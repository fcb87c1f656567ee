// The charts: one line of JSON each, {"id": patient, "steps": [[resource, ...], ...]}, one step per change.
import { open } from "node:fs/promises";

export async function readCharts(file, count) {
  const charts = [];
  const handle = await open(file);
  for await (const line of handle.readLines()) {
    if (charts.length === count) break;
    charts.push(JSON.parse(line));
  }
  await handle.close();
  if (charts.length !== count) throw new Error(`${file} has ${charts.length} charts, ${count} were asked for`);
  return charts;
}

// The observation whose value the edits correct.
export function edited(chart) {
  return chart.steps.flat().find((resource) => resource.resourceType === "Observation").id;
}

export function resources(chart) {
  return new Set(chart.steps.flat().map((resource) => resource.id)).size;
}
