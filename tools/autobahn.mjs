// autobahn.mjs: runs the Autobahn testsuite's fuzzing client (`wstest`, named by WSTEST) against `socle ws echo` (named by SOCLE) and
// tells each case and the sum.  Arguments: patterns of cases as wstest has them ("1.*", "12.1.3"); without any, all.
//
// A case passes when both its behaviour and its end are OK.  NON-STRICT (allowed by the RFC, but not what the suite likes best) passes and
// is listed and counted.  INFORMATIONAL and UNIMPLEMENTED prove nothing: they count as skipped.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Echo } from "../tests/lib/websocket.mjs";

// The sections by what the server agrees to.  11 does not exist.
const RUNS = [
  { options: [], sections: ["1", "2", "3", "4", "5", "6", "7", "9", "10"] },
  { options: ["--deflate"], sections: ["12", "13"] },
];
const AGENT = "socle";
const KIND = { OK: "passed", "NON-STRICT": "passed", INFORMATIONAL: "skipped", UNIMPLEMENTED: "skipped" };

const sectionOf = (pattern) => pattern.split(".")[0];
const numbers = (id) => id.split(".").map(Number);
const byNumber = (a, b) => {
  const [x, y] = [numbers(a), numbers(b)];
  for (let i = 0; i < Math.max(x.length, y.length); i++) if (x[i] !== y[i]) return (x[i] ?? -1) - (y[i] ?? -1);
  return 0;
};

// Resolves with the last lines of what it said when it ended well or not: the report is what counts.
function wstest(spec) {
  return new Promise((done, failed) => {
    const child = spawn(process.env.WSTEST ?? "wstest", ["-m", "fuzzingclient", "-s", spec], { stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    const look = (chunk) => {
      said = (said + chunk).slice(-4000);
      const last = /Running test case ID (\S+)[^]*$/.exec(String(chunk));
      if (last && process.stderr.isTTY) process.stderr.write(`\r${last[1]}\x1b[K`);
    };
    child.stdout.on("data", look);
    child.stderr.on("data", look);
    child.on("error", failed);
    child.on("exit", (code) => done({ code, said }));
  });
}

// {id: {behavior, behaviorClose, duration, remoteCloseCode}} of the cases that match.
async function run({ options }, cases) {
  const dir = mkdtempSync(join(tmpdir(), "socle-autobahn-"));
  const echo = await Echo.start(...options);
  try {
    const spec = { outdir: dir, servers: [{ agent: AGENT, url: `ws://127.0.0.1:${echo.port}` }], cases, "exclude-cases": [], "exclude-agent-cases": {} };
    writeFileSync(join(dir, "spec.json"), JSON.stringify(spec));
    const { code, said } = await wstest(join(dir, "spec.json"));
    try {
      return JSON.parse(readFileSync(join(dir, "index.json"), "utf8"))[AGENT] ?? {};
    } catch {
      throw new Error(`wstest ended (${code}) without a report:\n${said}`);
    }
  } finally {
    await echo.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

function judge({ behavior, behaviorClose }) {
  const kinds = [behavior, behaviorClose].map((what) => KIND[what] ?? "failed");
  return kinds.includes("failed") ? "failed" : kinds[0];
}

const asked = process.argv.slice(2);
const count = { passed: 0, failed: 0, skipped: 0 };
let nonStrict = 0;
for (const one of RUNS) {
  const cases = asked.length ? asked.filter((pattern) => one.sections.includes(sectionOf(pattern))) : one.sections.map((n) => `${n}.*`);
  if (!cases.length) continue;
  const results = await run(one, cases);
  for (const id of Object.keys(results).sort(byNumber)) {
    const result = results[id], verdict = judge(result);
    count[verdict]++;
    if ([result.behavior, result.behaviorClose].includes("NON-STRICT")) nonStrict++;
    console.log(`${verdict.padEnd(8)}${id.padEnd(10)}${result.behavior}, closed ${result.behaviorClose} (${result.remoteCloseCode}), ${result.duration} ms`);
  }
}
if (nonStrict) console.log(`${nonStrict} of those passed are non-strict`);
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exit(count.failed || !(count.passed + count.skipped) ? 1 : 0);
