// growth.mjs [SECONDS]: the time of a request must not grow with what is beside it: rows (100 to 10^6), tables (1 to 500).
//
// One app after the other, the same requests: a row by its key, 25 rows by an indexed column, a text search, an insert.  The
// figure is the fastest tenth of single requests in turn: the path itself, not the load generator nor the neighbours.
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { answers, freePort, run, scratch, SOCLE } from "./lib.mjs";

const seconds = Number(process.argv[2] ?? 1);
const ANON = "sb_publishable_bench_0123456789abcdef", SERVICE = "sb_secret_bench_0123456789abcdefghij";
const ROWS = [100, 10_000, 1_000_000], TABLES = [1, 50, 500];

const schema = {
  type: "object",
  properties: { id: { type: "integer" }, title: { type: "string", "x-search": true }, shelf: { type: "integer" } },
  required: ["id", "title"], "x-primary-key": ["id"], "x-indexes": [["shelf"]],
  "x-policies": { select: "true", insert: "true" },
};

async function app(rows, tables) {
  const dir = scratch(), port = await freePort(), url = `http://127.0.0.1:${port}`;
  const env = { PORT: String(port), SOCLE_ANON_KEY: ANON, SOCLE_SERVICE_KEY: SERVICE, SOCLE_LOG: "warn", SOCLE_BODY_MAX: String(64 << 20) };
  mkdirSync(join(dir, "schemas"));
  for (let t = 0; t < tables; t++) writeFileSync(join(dir, `schemas/t${t}.json`), JSON.stringify(schema));
  execFileSync(SOCLE, ["migrate", "apply", dir], { env, stdio: "ignore" });
  const server = run(SOCLE, ["serve", dir], { env, ready: answers(`${url}/health/live`) });
  await server.started;
  const headers = { apikey: SERVICE, "Content-Type": "application/json" };
  for (let from = 0; from < rows; from += 50_000) {
    const body = Array.from({ length: Math.min(50_000, rows - from) }, (_, i) => ({ id: from + i, title: `word${from + i} book`, shelf: Math.floor((from + i) / 25) }));
    const answer = await fetch(`${url}/rest/v1/t0`, { method: "POST", headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(await answer.text());
  }
  return { dir, url, server };
}

// Microseconds of the fastest tenth of requests, one after the other for so many seconds.
async function time(make) {
  const times = [], until = performance.now() + seconds * 1000;
  while (performance.now() < until) {
    const from = performance.now();
    const answer = await make(times.length);
    const text = await answer.text();
    if (!answer.ok || text === "[]") throw new Error(`${answer.status} ${text}`);
    times.push(performance.now() - from);
  }
  return Math.round(1000 * times.sort((a, b) => a - b)[Math.floor(times.length / 10)]);
}

async function measure(rows, tables) {
  const { dir, url, server } = await app(rows, tables);
  const get = (path) => fetch(`${url}/rest/v1/${path}`, { headers: { apikey: ANON } });
  const any = (n, of) => (n * 7919) % of;
  let next = rows;
  const out = {
    rows, tables,
    "one by key": await time((n) => get(`t0?id=eq.${any(n, rows)}`)),
    "25 by index": await time((n) => get(`t0?shelf=eq.${any(n, rows / 25)}&order=id`)),
    "text search": await time((n) => get(`t0?title=fts.word${any(n, rows)}`)),
    insert: await time(() => fetch(`${url}/rest/v1/t0`, {
      method: "POST", headers: { apikey: ANON, "Content-Type": "application/json", Prefer: "return=representation" },
      body: JSON.stringify({ id: next, title: `word${next++}`, shelf: 0 }) })),
  };
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
  return out;
}

const table = [];
for (const rows of ROWS) table.push(await measure(rows, 1));
for (const tables of TABLES.slice(1)) table.push(await measure(100, tables));
console.log("microseconds per request, fastest tenth of requests in turn");
console.table(table);
