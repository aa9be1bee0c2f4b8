// scenarios.test.mjs: runs every tests/api/*.json against a server of its own.
//
// A file is {"about": "...", "env": {...}, "files": {"functions/f.sql": "..."}, "steps": [...]}; a step is
//   {"name": "...", "as": "anon" | "service" | "nobody" | any user's name, "request": "POST /rest/v1/books?select=isbn",
//    "headers": {...}, "body": JSON or "text", "status": 201,
//    "json": whole body | "like": part of the body | "text": "..." | "count": rows, "answer": {"Header": "value" or null}}
// "as" signs that user up at first use; "nobody" sends no key.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import { difference } from "../lib/match.mjs";
import { makeApp, SERVICE_KEY, Server } from "../lib/server.mjs";

const here = dirname(fileURLToPath(import.meta.url));

async function credentials(server, as = "anon") {
  if (as === "nobody") return { key: null };
  if (as === "anon") return {};
  if (as === "service") return { key: SERVICE_KEY };
  return { token: (await server.user(as)).access_token };
}

function checkHeaders(answer, expected = {}) {
  for (const [name, want] of Object.entries(expected)) {
    const got = answer.headers.get(name);
    if (want === null) assert.equal(got, null, `${name} should not be there`);
    else assert.equal(difference(got, want, true), null, `header ${name}`);
  }
}

async function run(server, step) {
  const [method, path] = step.request.split(/ (.*)/s);
  const answer = await server.fetch(path, { method, headers: step.headers, body: step.body, ...(await credentials(server, step.as)) });
  const text = await answer.text();
  assert.equal(answer.status, step.status, `status; body: ${text}`);
  checkHeaders(answer, step.answer);
  if ("text" in step) assert.equal(text, step.text);
  if ("json" in step) assert.equal(difference(JSON.parse(text), step.json, true), null);
  if ("like" in step) assert.equal(difference(JSON.parse(text), step.like, false), null);
  if ("count" in step) assert.equal(JSON.parse(text).length, step.count);
}

for (const file of readdirSync(here).filter((name) => name.endsWith(".json"))) {
  const scenario = JSON.parse(readFileSync(join(here, file), "utf8"));
  describe(`${file}: ${scenario.about}`, () => {
    let server;
    let dir;
    before(async () => {
      dir = makeApp({ files: scenario.files });
      server = await Server.start({ dir, env: scenario.env });
    });
    after(async () => {
      await server?.stop();
      rmSync(dir, { recursive: true, force: true });
    });
    for (const step of scenario.steps) it(step.name, () => run(server, step));
  });
}
