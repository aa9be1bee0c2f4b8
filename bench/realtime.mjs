// realtime.mjs: how fast one message reaches a thousand WebSockets, and what an idle one costs, beside a Node server with `ws`
// that does nothing but send the same bytes on.  The load is bench/realtime_load.c.
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

const fanOut = (mode) => async (port) => {
  for (const window of [1, 16]) console.log(`  ${await load(mode, port, { listeners, messages: 16 * Math.ceil(500000 / listeners / 16), window })}`);
};
const idle = async (port, pid) => {
  const before = memory(pid);
  const load10k = load("idle", port, { listeners: 10000, seconds: 6 });
  await pause(5000);
  console.log(`  10,000 joined and idle: ${((memory(pid) - before) / 10000).toFixed(2)} KiB each`);
  await load10k;
};

console.log("Socle, broadcast");
await withSocle(fanOut("broadcast"));
console.log("Socle, a row is inserted");
await withSocle(fanOut("changes"));
console.log("Socle, idle");
await withSocle(idle);
console.log("Node with ws, sending bytes on");
await withNode(fanOut("plain"));
await withNode(idle);
