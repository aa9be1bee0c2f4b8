// postgres.test.mjs: `socle serve` in front of a PostgreSQL database of somebody else's: it changes, it goes away.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { SKIP, freshDatabase, psql } from "../lib/postgres.mjs";
import { Server } from "../lib/server.mjs";

const SETUP = `CREATE TABLE notes (id int PRIMARY KEY, text text); INSERT INTO notes VALUES (1, 'first');`;

async function until(holds, what) {
  for (let i = 0; i < 200; i++, await sleep(25)) if (await holds()) return;
  assert.fail(what);
}

describe("a server in front of PostgreSQL", { skip: SKIP }, () => {
  let server;
  let database;
  let dir;
  before(async () => {
    database = freshDatabase({ sql: SETUP });
    dir = mkdtempSync(join(tmpdir(), "socle-pg-"));
    const env = { DATABASE_URL: database.url, SOCLE_DB_ANON_ROLE: "postgres", SOCLE_DB_POOL: "2" };
    server = await Server.start({ dir, command: "serve", env });
  });
  after(async () => {
    await server?.stop();
    database?.drop();
    rmSync(dir, { recursive: true, force: true });
  });
  const get = (path) => server.fetch(`/rest/v1/${path}`);

  it("needs no folder of schema files", async () => {
    assert.deepEqual(await (await get("notes")).json(), [{ id: 1, text: "first" }]);
  });

  it("reads the catalog again when it is told", async () => {
    assert.equal((await get("tags")).status, 404);
    psql(database.url, "CREATE TABLE tags (word text PRIMARY KEY); NOTIFY pgrst, 'reload schema'");
    await until(async () => (await get("tags")).status === 200, "NOTIFY was not heeded");
  });

  it("goes on when its connections are cut, and tells nobody where the database is", async () => {
    psql(database.url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");
    await until(async () => {
      const answer = await get("notes");
      const body = await answer.json();
      if (answer.status !== 200) assert.equal(body.details, null);
      return answer.status === 200;
    }, "the database was not found again");
  });

  it("takes statements that are not prepared", async () => {
    const env = { DATABASE_URL: database.url, SOCLE_DB_ANON_ROLE: "postgres", SOCLE_DB_PREPARED_STATEMENTS: "false", SOCLE_DB_CHANNEL: "" };
    const other = await Server.start({ dir, command: "serve", env });
    assert.equal((await other.fetch("/rest/v1/notes?id=eq.1")).status, 200);
    assert.equal((await other.fetch("/rest/v1/notes", { body: { id: 2, text: "second" } })).status, 201);
    await other.stop();
  });
});
