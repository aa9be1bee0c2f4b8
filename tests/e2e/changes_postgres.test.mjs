// changes_postgres.test.mjs: changes of a PostgreSQL database with supabase-js: two servers in front of a database as Supabase
// lays it out (roles, auth.uid(), a publication).
import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import { createClient } from "@supabase/supabase-js";
import WebSocket from "ws";

import { resumable } from "../../examples/resume.mjs";
import { disconnect } from "../lib/disconnect.mjs";
import { SKIP, freshDatabase, psql } from "../lib/postgres.mjs";
import { ANON_KEY, SERVICE_KEY, Server, makeApp } from "../lib/server.mjs";

const SETUP = `
SET client_min_messages = error; -- wal_level need not be logical
SELECT pg_advisory_xact_lock(4711);
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'anon') THEN CREATE ROLE anon; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'authenticated') THEN CREATE ROLE authenticated; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'service_role') THEN CREATE ROLE service_role BYPASSRLS; END IF;
END $$;
CREATE SCHEMA auth;
GRANT USAGE ON SCHEMA auth TO PUBLIC;
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
  SELECT (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;
CREATE TABLE notes (id int PRIMARY KEY, owner uuid, text text, secret text, at timestamptz DEFAULT now());
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notes FOR SELECT TO authenticated USING (owner = auth.uid());
CREATE TABLE posts (id int PRIMARY KEY, text text, secret text);
CREATE TABLE unpublished (id int PRIMARY KEY);
GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;
GRANT SELECT (id, owner, text) ON notes TO authenticated;
GRANT SELECT (id, text) ON posts TO anon, authenticated;
GRANT ALL ON notes, posts, unpublished TO service_role;
CREATE PUBLICATION supabase_realtime FOR TABLE notes, posts;`;

const SECRET = randomBytes(32).toString("hex");
const ADA = "11111111-1111-4111-8111-111111111111";
const BOB = "22222222-2222-4222-8222-222222222222";

function token(sub) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const body = `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub, role: "authenticated", aud: "authenticated", exp: Math.floor(Date.now() / 1000) + 600 })}`;
  return `${body}.${createHmac("sha256", SECRET).update(body).digest("base64url")}`;
}

// A queue with a promise for its next item.
class Inbox {
  items = [];
  put = (item) => (this.items.push(item), this.wake?.());
  async next(limit = 10000) {
    const late = setTimeout(() => ((this.isLate = true), this.wake?.()), limit);
    while (this.items.length === 0 && !this.isLate) await new Promise((wake) => (this.wake = wake));
    clearTimeout(late);
    if (this.isLate) throw new Error("nothing came in time");
    return this.items.shift();
  }
  async take(n) {
    const events = [];
    while (events.length < n) {
      const { eventType, new: now, old } = await this.next();
      events.push(`${eventType} ${now.id ?? old.id}`);
    }
    return events;
  }
}

describe("changes of a PostgreSQL database", { skip: SKIP }, () => {
  let database, dir, one, two, service;
  const clients = [];
  const start = (port) =>
    Server.start({ dir, command: "serve", port, env: { DATABASE_URL: database.url, SOCLE_JWT_SECRET: SECRET, SOCLE_REALTIME_TABLES: "publication", SOCLE_DB_POOL: "2", SOCLE_THREADS: "2" } });
  const client = (server, { key = ANON_KEY, user, realtime = {} } = {}) => {
    const made = createClient(server.url, key, {
      auth: { persistSession: false, autoRefreshToken: false },
      ...(user && { accessToken: async () => token(user) }),
      realtime: { transport: WebSocket, timeout: 3000, ...realtime },
    });
    clients.push(made);
    return made;
  };
  const listen = async (c, filter, name = `c${Math.random()}`) => {
    const inbox = new Inbox();
    await c.realtime.setAuth();
    const channel = c.channel(name).on("postgres_changes", { schema: "public", ...filter }, inbox.put);
    await new Promise((ready, failed) =>
      channel
        .on("system", {}, (m) => m.extension === "postgres_changes" && (m.status === "ok" ? ready() : failed(new Error(m.message))))
        .subscribe((status, error) => status === "CHANNEL_ERROR" && failed(error)),
    );
    return inbox;
  };
  const ok = ({ data, error }) => (assert.equal(error, null), data);

  before(async () => {
    database = freshDatabase({ sql: SETUP });
    dir = mkdtempSync(join(tmpdir(), "socle-pg-"));
    [one, two] = [await start(), await start()];
    service = createClient(one.url, SERVICE_KEY, { auth: { persistSession: false, autoRefreshToken: false }, realtime: { transport: WebSocket } });
  });
  after(async () => {
    for (const c of clients) await disconnect(c);
    await one?.stop();
    await two?.stop();
    database?.drop();
    rmSync(dir, { recursive: true, force: true });
  });

  it("tells what was written over HTTP and with SQL, at every server", async () => {
    const inboxes = await Promise.all([one, two].map((server) => listen(client(server), { event: "*", table: "posts" })));
    ok(await service.from("posts").insert({ id: 1, text: "ä€😀", secret: "s" }));
    psql(database.url, "UPDATE posts SET text = 'new' WHERE id = 1; DELETE FROM posts WHERE id = 1");
    for (const inbox of inboxes) {
      const inserted = await inbox.next();
      assert.deepEqual([inserted.eventType, inserted.schema, inserted.table, inserted.errors], ["INSERT", "public", "posts", null]);
      assert.deepEqual([inserted.new, inserted.old], [{ id: 1, text: "ä€😀" }, {}], "what may not be read is not told");
      assert.match(inserted.commit_timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/);
      const updated = await inbox.next();
      assert.deepEqual([updated.eventType, updated.new, updated.old.id], ["UPDATE", { id: 1, text: "new" }, 1]);
      const deleted = await inbox.next();
      assert.deepEqual([deleted.eventType, deleted.new, deleted.old.id], ["DELETE", {}, 1]);
    }
  });

  it("tells only what row level security shows, deletes too", async () => {
    const [hers, his, stranger, all] = await Promise.all([
      listen(client(one, { user: ADA }), { event: "*", table: "notes" }), listen(client(two, { user: BOB }), { event: "*", table: "notes" }),
      listen(client(two), { event: "*", table: "notes" }), listen(client(one, { key: SERVICE_KEY }), { event: "*", table: "notes" }),
    ]);
    ok(await service.from("notes").insert([{ id: 1, owner: ADA, text: "a" }, { id: 2, owner: BOB, text: "b" }]));
    ok(await service.from("notes").update({ owner: BOB }).eq("id", 1)); // leaves her view, enters his
    ok(await service.from("notes").delete().eq("id", 2));
    ok(await service.from("notes").insert({ id: 3, owner: ADA }));
    psql(database.url, "TRUNCATE notes");
    assert.deepEqual((await all.take(7)).slice(0, 5), ["INSERT 1", "INSERT 2", "UPDATE 1", "DELETE 2", "INSERT 3"]);
    assert.deepEqual(await hers.take(4), ["INSERT 1", "DELETE 1", "INSERT 3", "DELETE 3"]);
    assert.deepEqual(await his.take(4), ["INSERT 2", "UPDATE 1", "DELETE 2", "DELETE 1"]);
    assert.deepEqual([hers.items, his.items, stranger.items, all.items], [[], [], [], []]);
  });

  it("says so when a table is not published", async () => {
    await assert.rejects(listen(client(one), { event: "*", table: "unpublished" }), /Unable to subscribe to changes/);
  });

  it("goes on at another server after kill -9, in order, without a gap or a duplicate", async () => {
    const { realtime, last } = resumable();
    const dying = await start();
    const before = client(dying, { realtime });
    const first = await listen(before, { event: "INSERT", table: "posts" }, "resume");
    const insert = (ids) => psql(database.url, `INSERT INTO posts SELECT generate_series(${ids[0]}, ${ids[1]})`);
    insert([1000, 1009]);
    const seen = await first.take(10);
    const writes = [];
    for (let id = 1010; id < 1060; id += 10) writes.push([id, id + 9]);
    for (const ids of writes.slice(0, 2)) insert(ids);
    await dying.kill();
    disconnect(before);
    for (const ids of writes.slice(2)) insert(ids);
    while (first.items.length > 0) seen.push(...(await first.take(1)));
    const then = client(two, { realtime: resumable({ last: new Map(last) }).realtime });
    const second = await listen(then, { event: "INSERT", table: "posts" }, "resume");
    seen.push(...(await second.take(60 - seen.length)));
    assert.deepEqual(seen, Array.from({ length: 60 }, (_, i) => `INSERT ${1000 + i}`));
  });

  it("goes on when its connections to the database are cut", async () => {
    const inbox = await listen(client(two), { event: "INSERT", table: "posts" });
    psql(database.url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");
    psql(database.url, "INSERT INTO posts SELECT generate_series(2000, 2004)");
    assert.deepEqual(await inbox.take(5), [2000, 2001, 2002, 2003, 2004].map((id) => `INSERT ${id}`));
  });

  it("tells the tables of schema files without a setting, but not those without x-realtime", async () => {
    const own = freshDatabase();
    const table = (more) => ({ type: "object", properties: { id: { type: "integer" }, owner: { type: "string", format: "uuid" } }, required: ["id"], "x-primary-key": ["id"], "x-policies": { select: "owner = auth.uid()" }, ...more });
    const app = makeApp({ schemas: null, seed: {}, files: { "schemas/tasks.json": table(), "schemas/quiet.json": table({ "x-realtime": false }) } });
    const server = await Server.start({ dir: app, env: { DATABASE_URL: own.url, SOCLE_JWT_SECRET: SECRET, SOCLE_DB_POOL: "2" } });
    const [hers, his] = await Promise.all([ADA, BOB].map((user) => listen(client(server, { user }), { event: "*", table: "tasks" })));
    await assert.rejects(listen(client(server, { user: ADA }), { event: "*", table: "quiet" }), /Unable to subscribe/);
    psql(own.url, `INSERT INTO tasks VALUES (1, '${ADA}'); UPDATE tasks SET owner = '${BOB}'; DELETE FROM tasks`);
    assert.deepEqual([await hers.take(2), await his.take(2)], [["INSERT 1", "DELETE 1"], ["UPDATE 1", "DELETE 1"]]);
    assert.deepEqual([hers.items, his.items], [[], []]);
    await Promise.all(clients.map(disconnect));
    await server.stop();
    own.drop();
    rmSync(app, { recursive: true, force: true });
  });
});
