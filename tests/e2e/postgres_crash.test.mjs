// postgres_crash.test.mjs: a primary and a real standby of our own: reads go to the standby, writes to the primary; and what was
// acknowledged is there after the database or Socle was killed in the middle of writes.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { SKIP, psql } from "../lib/postgres.mjs";
import { ROOT, Server } from "../lib/server.mjs";

const SETUP = `CREATE TABLE notes (id int PRIMARY KEY);
  CREATE FUNCTION on_standby() RETURNS boolean STABLE LANGUAGE sql AS 'SELECT pg_is_in_recovery()';
  CREATE FUNCTION writes_on_standby() RETURNS boolean VOLATILE LANGUAGE sql AS 'SELECT pg_is_in_recovery()';`;

async function until(holds, what) {
  for (let i = 0; i < 400; i++, await sleep(25)) if (await holds()) return;
  assert.fail(what);
}

describe("a primary and its standby", { skip: SKIP }, () => {
  let dir, primary, standby, url, server;
  const postgres = (...args) => execFileSync(join(ROOT, "tests/lib/postgres.sh"), args, { encoding: "utf8" }).trim();
  const start = (env = {}) => Server.start({ dir: join(dir, "app"), command: "serve", env: { DATABASE_URL: url, SOCLE_DB_ANON_ROLE: "postgres", ...env } });
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), "socle-crash-"));
    chmodSync(dir, 0o711);
    execFileSync("mkdir", [join(dir, "app")]);
    primary = join(dir, "primary");
    standby = join(dir, "standby");
    url = postgres("start", primary, "fsync=on");
    psql(url, SETUP);
  });
  after(async () => {
    await server?.stop();
    for (const one of [standby, primary]) postgres("remove", one);
    rmSync(dir, { recursive: true, force: true });
  });

  // Sixteen clients write numbers until they are told to stop; gives those that were answered with 201.
  function write(from) {
    const acknowledged = [];
    let next = from, going = true;
    const one = async () => {
      while (going) {
        const id = next++;
        const answer = await server.fetch("/rest/v1/notes", { method: "POST", body: { id } }).catch(() => null);
        if (answer?.status === 201) acknowledged.push(id);
        else await sleep(5);
      }
    };
    const clients = Array.from({ length: 16 }, one);
    return { acknowledged, stop: async () => ((going = false), await Promise.all(clients)) };
  }
  const missing = (acknowledged) => {
    const there = new Set(psql(url, "SELECT id FROM notes").split("\n").map(Number));
    return acknowledged.filter((id) => !there.has(id));
  };

  it("keeps what was acknowledged when the database is killed, and goes on by itself", async () => {
    server = await start();
    const load = write(1);
    await until(() => load.acknowledged.length > 100, "nothing was written");
    postgres("stop", primary, "immediate");
    postgres("again", primary);
    const before = load.acknowledged.length;
    await until(() => load.acknowledged.length > before + 100, "the server did not come back to the database");
    await load.stop();
    assert.deepEqual(missing(load.acknowledged), []);
  });

  it("keeps what was acknowledged when Socle is killed", async () => {
    const load = write(1_000_000);
    await until(() => load.acknowledged.length > 100, "nothing was written");
    server.child.kill("SIGKILL");
    await server.exited;
    await load.stop();
    server = await start();
    assert.deepEqual(missing(load.acknowledged), []);
    await server.stop();
  });

  it("reads from the standby and writes to the primary", async () => {
    postgres("standby", standby, primary);
    server = await start({ SOCLE_DB_READ_URL: `postgresql://postgres@/postgres?host=${standby},${primary}&target_session_attrs=prefer-standby` });
    const ask = async (name, method = "GET") => (await server.fetch(`/rest/v1/rpc/${name}`, { method })).json();
    assert.equal(await ask("on_standby"), true);
    assert.equal(await ask("on_standby", "POST"), true);
    assert.equal(await ask("writes_on_standby", "POST"), false);
    assert.equal((await server.fetch("/rest/v1/notes", { method: "POST", body: { id: -1 } })).status, 201);
    await until(async () => (await (await server.fetch("/rest/v1/notes?id=eq.-1")).json()).length === 1, "the row did not reach the standby");
  });

  it("reads from the primary when the standby is gone", async () => {
    postgres("stop", standby, "immediate");
    await until(async () => {
      const answer = await server.fetch("/rest/v1/rpc/on_standby");
      return answer.status === 200 && (await answer.json()) === false;
    }, "reads did not come back");
  });
});
