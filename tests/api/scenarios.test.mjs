// scenarios.test.mjs: runs every tests/api/*.json against a server of its own, on SQLite and on PostgreSQL, which must agree.
//
// A file is {"about": "...", "env": {...}, "files": {"functions/f.sql": "..."}, "sqlite_only": "why", "steps": [...]}; files in
// postgres/ are of PostgreSQL only, on the database that the SQL file named by "sql" makes.  A step is
//   {"name": "...", "as": "anon" | "service" | "nobody" | any user's name, "request": "POST /rest/v1/books?select=isbn",
//    "headers": {...}, "body": JSON or "text", "status": 201,
//    "json": whole body | "like": part of the body | "text": "..." | "count": rows, "answer": {"Header": "value" or null},
//    "sqlite_only": "why" or "postgres": {"why": "...", what differs there}}
// "as" signs that user up at first use (on PostgreSQL, where another service keeps the accounts, it makes a token);
// "nobody" sends no key.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import { difference } from "../lib/match.mjs";
import { freshDatabase, SKIP } from "../lib/postgres.mjs";
import { JWT_SECRET, makeToken } from "../lib/token.mjs";
import { makeApp, SERVICE_KEY, Server } from "../lib/server.mjs";

const here = dirname(fileURLToPath(import.meta.url));

async function credentials(server, as = "anon") {
  if (as === "nobody") return { key: null };
  if (as === "anon") return {};
  if (as === "service") return { key: SERVICE_KEY };
  return { token: server.isPostgres ? makeToken(as) : (await server.user(as)).access_token };
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

const scenarios = (folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => ({ name, ...JSON.parse(readFileSync(join(folder, name), "utf8")) }));

for (const scenario of scenarios(here))
  describe(`${scenario.name} on SQLite: ${scenario.about}`, () => {
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

// `sql` makes the tables, which are then served as they are; without it they are made of the schema files, as on SQLite.
function onPostgres(scenario, sql, app) {
  describe(`${scenario.name} on PostgreSQL: ${scenario.about}`, { skip: SKIP }, () => {
    let server;
    let dir;
    let database;
    before(async () => {
      dir = makeApp({ ...app, ...(sql ? { seed: null } : {}) });
      database = freshDatabase(sql ? { sql: readFileSync(join(here, sql), "utf8") } : {});
      server = await Server.start({
        dir,
        command: sql ? "serve" : "dev",
        env: { DATABASE_URL: database.url, SOCLE_JWT_SECRET: JWT_SECRET, ...scenario.env },
      });
      server.isPostgres = true;
    });
    after(async () => {
      await server?.stop();
      database?.drop();
      rmSync(dir, { recursive: true, force: true });
    });
    for (const step of scenario.steps)
      it(step.name, { skip: step.sqlite_only ?? false }, () => run(server, { ...step, ...step.postgres }));
  });
}

for (const scenario of scenarios(here)) if (!scenario.sqlite_only) onPostgres(scenario, null, { files: scenario.files });
for (const scenario of scenarios(join(here, "postgres"))) onPostgres(scenario, join("postgres", scenario.sql), { schemas: null });
