// realtime.mjs: how fast one message reaches a thousand WebSockets and ten thousand, and what an idle one costs, beside a Node
// server with `ws` and a bare epoll loop that do nothing but send as many bytes on.  The load is bench/realtime_load.c.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { HERE, NODE, ROOT, SOCLE, bookstore, freePort, pause, run } from "./lib.mjs";

const KEY = "sb_secret_bench_0123456789abcdefghij";
const LOAD = join(ROOT, "build-bench/bench/realtime_load");
const listeners = Number(process.argv[2] ?? 1000);
const load = async (mode, port, options) => {
  const args = [mode, "--port", port, "--key", KEY, ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])];
  const { stdout, stderr } = await promisify(execFile)(LOAD, args.map(String));
  return (stderr + stdout).trim();
};
const memory = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]);

async function withSocle(fn) {
  const { dir } = bookstore();
  const port = await freePort();
  const log = [];
  const server = run(SOCLE, ["dev", dir], {
    env: {
      PORT: String(port),
      SOCLE_ANON_KEY: "sb_publishable_bench_0123456789abcdef",
      SOCLE_SERVICE_KEY: KEY,
      SOCLE_CONNECTIONS_MAX: "20000",
      SOCLE_REALTIME_CONNECTIONS_MAX: "20000",
      SOCLE_REALTIME_EVENTS_PER_SECOND: "1000000",
      SOCLE_REALTIME_SILENCE_MS: "600000",
    },
    log,
    ready: () => /listening on/.test(log.join("")),
  });
  await server.started;
  await fn(port, server.pid);
  await server.stop();
}

async function withNode(fn) {
  const port = await freePort();
  const log = [];
  const server = run(NODE, [join(HERE, "peers/ws_fanout.mjs"), String(port)], { log, ready: () => /ready/.test(log.join("")) });
  await server.started;
  await fn(port, server.pid);
  await server.stop();
}

async function withBare(fn) {
  const port = await freePort();
  const log = [];
  const server = run(join(ROOT, "build-bench/bench/fanout_bench_server"), [String(port)], { log, ready: () => /ready/.test(log.join("")) });
  await server.started;
  await fn(port, server.pid);
  await server.stop();
}

// ---- what is measured ----

const rows = [];
const FIGURES = /in ([\d.]+) s: (\d+) a second[^]*?: (\d+) deliveries\/s, p50 ([\d.]+) ms, p99 ([\d.]+) ms, (\d+) MB/;
const fanOut = (name, mode, bytes) => async (port) => {
  for (const [count, window] of [[listeners, 1], [listeners, 16], [10 * listeners, 16]]) {
    const messages = window * Math.max(3, Math.ceil(200000 / count / window));
    console.error(`  ${name}: ${count} listeners, bursts of ${window}`);
    const text = await load(mode, port, { listeners: count, messages, window, ...(bytes && { bytes }) });
    const figures = FIGURES.exec(text);
    if (!figures) throw new Error(text);
    const [, , joins, rate, p50, p99, megabytes] = figures.map(Number);
    rows.push({ name, bytes: Math.round((megabytes * 1e6) / rate), count, window, rate, p50, p99, joins });
  }
};
let idleKiB;
const idle = async (port, pid) => {
  const count = 10000;
  const before = memory(pid);
  const held = load("idle", port, { listeners: count, seconds: 6 });
  await pause(5000);
  idleKiB = (memory(pid) - before) / count;
  await held;
};

const LONG = 620; // bytes, which a change of the bookstore takes
await withSocle(fanOut("socle, a row is inserted", "changes"));
await withSocle(fanOut("socle, broadcast", "broadcast"));
await withSocle(idle);
await withNode(fanOut("node ws, as long as a change", "plain", LONG));
await withNode(fanOut("node ws, as short as a broadcast", "plain", 80));
await withBare(fanOut("bare epoll, as long as a change", "plain", LONG));
await withBare(fanOut("bare epoll, as short as a broadcast", "plain", 80));

const column = (value, width) => String(value).padStart(width);
console.log(`${"who, what".padEnd(38)}bytes  listeners  burst  deliveries/s   p50 ms   p99 ms   joins/s`);
for (const r of rows) {
  console.log(r.name.padEnd(36) + column(r.bytes, 7) + column(r.count, 11) + column(r.window, 7) + column(r.rate, 14) +
    column(r.p50.toFixed(1), 9) + column(r.p99.toFixed(1), 9) + column(r.joins, 10));
}
console.log(`\nsocle, 10,000 joined and idle: ${idleKiB.toFixed(2)} KiB each`);
