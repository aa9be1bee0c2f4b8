// lint_includes.mjs: a folder of src/ includes only what its arrow names, and what those include in turn (ARCHITECTURE.md).
import { readdirSync, readFileSync } from "node:fs";

const ARROWS = {
  core: [],
  json: ["core"],
  schema: ["json"],
  crypto: ["core"],
  jose: ["crypto", "json"],
  net: ["core"],
  http: ["net"],
  ws: ["http", "crypto"],
  db: ["core", "json"],
  model: ["schema", "db"],
  rest: ["model", "db", "json"],
  auth: ["jose", "model", "db"],
  realtime: ["ws", "jose", "db", "model"],
  app: ["http", "ws", "rest", "auth", "realtime"],
  cli: ["app"],
};

function reach(folder, seen = new Set([folder])) {
  for (const next of ARROWS[folder]) if (!seen.has(next)) reach(next, seen.add(next));
  return seen;
}

let bad = 0;
for (const folder of Object.keys(ARROWS)) {
  const allowed = reach(folder);
  let files = [];
  try {
    files = readdirSync(`src/${folder}`, { recursive: true }).filter((name) => /\.[ch]$/.test(name));
  } catch {
    continue; // a module that is not there yet
  }
  for (const file of files) {
    const lines = readFileSync(`src/${folder}/${file}`, "utf8").split("\n");
    lines.forEach((line, index) => {
      const match = /^\s*#\s*include\s+"([a-z0-9_]+)\//.exec(line);
      if (!match || allowed.has(match[1])) return;
      console.error(`src/${folder}/${file}:${index + 1}: ${folder} must not include ${match[1]}/`);
      bad++;
    });
  }
}
process.exit(bad ? 1 : 0);
