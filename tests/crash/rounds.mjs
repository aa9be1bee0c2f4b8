// rounds.mjs ROUNDS: write load, kill -9 at a random moment, restart; every acknowledged row must be there, no half of a batch may be,
// and the database must be intact.
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";

import { makeApp, SERVICE_KEY, Server } from "../lib/server.mjs";

const rounds = Number(process.argv[2] ?? 100);
const WRITERS = 16;
const BATCH = 3; // rows of one request: all of them, or none
const agent = new Agent({ keepAlive: true, maxSockets: WRITERS });

// Raw http: fetch would hide a cut connection behind retries of its pool.
function post(url, rows) {
  return new Promise((done) => {
    const body = JSON.stringify(rows);
    const headers = { apikey: SERVICE_KEY, "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) };
    const call = request(url + "/rest/v1/books", { method: "POST", agent, headers }, (answer) => {
      answer.resume();
      answer.on("end", () => done(answer.complete ? answer.statusCode : 0));
      answer.on("error", () => done(0));
    });
    call.on("error", () => done(0));
    call.end(body);
  });
}

let next = 0;
const acknowledged = new Set(), sent = new Set();

async function write(server, state) {
  while (!state.killed) {
    const first = next;
    next += BATCH;
    const rows = Array.from({ length: BATCH }, (_, i) => ({ isbn: String(1000000000 + first + i), title: `Row ${first + i}`, pages: 1 }));
    sent.add(first);
    const status = await post(server.url, rows);
    if (status === 201) acknowledged.add(first);
    else if (!state.killed) throw new Error(`an insert was answered ${status}:\n${server.log}`);
  }
}

async function stored(server) {
  const present = new Map();
  // By key and not by offset, so that the last round costs what its rows cost.
  for (let last = "1"; ; ) {
    const answer = await server.fetch(`/rest/v1/books?select=isbn&isbn=gt.${last}&isbn=lt.2&order=isbn&limit=1000`, { key: SERVICE_KEY });
    const rows = await answer.json();
    for (const { isbn } of rows) {
      const first = Math.floor((Number(isbn) - 1000000000) / BATCH) * BATCH;
      present.set(first, (present.get(first) ?? 0) + 1);
    }
    if (rows.length < 1000) return present;
    last = rows.at(-1).isbn;
  }
}

const dir = makeApp();
const fail = (message) => {
  console.error(message);
  process.exit(1);
};
for (let round = 1; round <= rounds; round++) {
  const server = await Server.start({ dir });
  const state = { killed: false };
  const writers = Array.from({ length: WRITERS }, () => write(server, state));
  await new Promise((done) => setTimeout(done, 20 + Math.random() * 300));
  state.killed = true;
  await server.kill();
  await Promise.all(writers);

  const again = await Server.start({ dir });
  const present = await stored(again);
  for (const first of acknowledged) if (present.get(first) !== BATCH) fail(`round ${round}: batch ${first} was acknowledged, ${present.get(first) ?? 0} of its rows are there`);
  for (const [first, count] of present) if (count !== BATCH || !sent.has(first)) fail(`round ${round}: ${count} rows of batch ${first} are there`);
  await again.kill();
  const intact = execFileSync("sqlite3", [join(dir, "data/socle.db"), "PRAGMA integrity_check; PRAGMA foreign_key_check;"], { encoding: "utf8" });
  if (intact.trim() !== "ok") fail(`round ${round}: ${intact}`);
  if (process.stderr.isTTY) process.stderr.write(`\rround ${round} of ${rounds}, ${acknowledged.size} batches acknowledged `);
}
agent.destroy();
rmSync(dir, { recursive: true, force: true });
console.log(`${rounds} rounds of kill -9: ${acknowledged.size * BATCH} acknowledged rows, none lost, no half batch, database intact`);
