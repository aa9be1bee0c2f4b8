// cli.mjs: run the binary and look at what it said.
import { spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { SOCLE } from "./server.mjs";

export function socle(args, { input, env = {} } = {}) {
  const run = spawnSync(SOCLE, args, { input, encoding: "utf8", env: { PATH: process.env.PATH, ...env }, maxBuffer: 1 << 28 });
  return { code: run.status ?? run.signal, out: run.stdout, err: run.stderr };
}

export function scratch(files = {}) {
  const dir = mkdtempSync(join(tmpdir(), "socle-cli-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return dir;
}
