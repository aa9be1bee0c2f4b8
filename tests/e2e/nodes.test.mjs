// nodes.test.mjs: three servers on one PostgreSQL behind a proxy, with supabase-js: rooms and presence are one, whichever server
// a client is at, and when a server is killed.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { after, before, describe, it } from "node:test";

import { createClient } from "@supabase/supabase-js";
import WebSocket from "ws";

import { resumable } from "../../examples/resume.mjs";
import { SKIP, freshDatabase, psql } from "../lib/postgres.mjs";
import { startNginx } from "../lib/nginx.mjs";
import { ANON_KEY, SERVICE_KEY, Server, makeApp } from "../lib/server.mjs";

// What has come, with a promise for the moment at which it fits.
class Inbox {
  items = [];
  put = (item) => (this.items.push(item), this.look?.());
  async until(fits, limit = 10000) {
    if (fits(this.items)) return this.items;
    let late;
    await new Promise((done, failed) => {
      late = setTimeout(() => failed(new Error(`in time came only ${JSON.stringify(this.items).slice(0, 2000)}`)), limit);
      this.look = () => fits(this.items) && done();
    });
    clearTimeout(late);
    this.look = undefined;
    return this.items;
  }
  count = (n, limit) => this.until((items) => items.length >= n, limit);
}

describe("several servers on one database", { skip: SKIP }, () => {
  let database, dir, proxy;
  const nodes = [], clients = [];
  const env = () => ({ DATABASE_URL: database.url, SOCLE_DB_POOL: "2", SOCLE_THREADS: "2", SOCLE_REALTIME_NODE_TIMEOUT_MS: "2000", SOCLE_REALTIME_PRESENCE_CALLS: "1000" });
  const start = (port) => Server.start({ dir, command: "serve", port, env: env() });
  const client = (server, { key = ANON_KEY, ...realtime } = {}) => {
    const made = createClient(server.url, key, {
      auth: { persistSession: false, autoRefreshToken: false },
      realtime: { transport: WebSocket, timeout: 3000, reconnectAfterMs: () => 50, ...realtime },
    });
    clients.push(made);
    return made;
  };
  const subscribed = (channel) =>
    new Promise((done, failed) => channel.subscribe((status, error) => (status === "SUBSCRIBED" ? done(channel) : error && failed(error))));
  // A channel that hears broadcasts of `event`: {channel, inbox of payloads}.
  const listen = async (c, name, { event = "say", config = {} } = {}) => {
    const inbox = new Inbox();
    const channel = c.channel(name, { config }).on("broadcast", { event }, (m) => inbox.put(m.payload));
    await subscribed(channel);
    return { channel, inbox };
  };
  const numbers = (n) => Array.from({ length: n }, (_, i) => i);

  before(async () => {
    database = freshDatabase();
    const posts = { type: "object", properties: { id: { type: "integer" } }, required: ["id"], "x-primary-key": ["id"], "x-policies": { select: true, insert: true } };
    dir = makeApp({ schemas: null, seed: null, files: { "schemas/posts.json": posts } });
    const first = await Server.start({ dir, env: env() }); // makes the tables
    await first.stop();
    nodes.push(...(await Promise.all([start(), start(), start()])));
    proxy = await startNginx(nodes);
  });
  after(async () => {
    await Promise.all(clients.map((c) => c.realtime.disconnect()));
    await proxy?.stop();
    await Promise.all(nodes.map((node) => node?.stop()));
    database?.drop();
    if (dir) rmSync(dir, { recursive: true, force: true });
  });

  it("carries broadcasts to all servers, once, in the order of each sender", async () => {
    const rooms = await Promise.all(nodes.map((node) => listen(client(node), "crowd", { config: { broadcast: { ack: true } } })));
    const hub = await listen(client(nodes[0]), "crowd", { config: { broadcast: { self: true } } });
    const acks = await Promise.all(rooms.flatMap(({ channel }, from) => numbers(50).map((n) => channel.send({ type: "broadcast", event: "say", payload: { from, n } }))));
    assert.ok(acks.every((ack) => ack === "ok"));
    await hub.inbox.count(150);
    for (const [me, { inbox }] of rooms.entries()) {
      await inbox.count(100);
      for (const from of [0, 1, 2])
        assert.deepEqual(inbox.items.filter((m) => m.from === from).map((m) => m.n), from === me ? [] : numbers(50), `of ${from} at ${me}`);
    }
    await hub.channel.send({ type: "broadcast", event: "say", payload: { from: "hub" } });
    await hub.inbox.count(151);
    await rooms[2].inbox.count(101);
    assert.deepEqual([hub.inbox.items.length, hub.inbox.items.at(-1)], [151, { from: "hub" }], "its own words come once");
  });

  it("carries bytes, long messages, and those sent over HTTP", async () => {
    const [a, b] = await Promise.all([listen(client(nodes[0]), "long"), listen(client(nodes[1]), "long")]);
    const long = "ä€😀\u0000".repeat(150000), bytes = new Uint8Array([0, 255, 1, 128]);
    await a.channel.send({ type: "broadcast", event: "say", payload: { long } });
    assert.equal((await b.inbox.count(1))[0].long, long);
    await a.channel.send({ type: "broadcast", event: "say", payload: bytes.buffer });
    assert.deepEqual([...new Uint8Array((await b.inbox.count(2))[1])], [...bytes]);
    const answer = await nodes[2].fetch("/realtime/v1/api/broadcast", { body: { messages: numbers(3).map((n) => ({ topic: "long", event: "say", payload: { n } })) } });
    assert.equal(answer.status, 202);
    for (const { inbox } of [a, b]) assert.deepEqual((await inbox.until((items) => items.at(-1)?.n === 2)).slice(-3).map((m) => m.n), [0, 1, 2]);
  });

  it("keeps private rooms apart", async () => {
    const config = { private: true };
    const [inside, outside] = await Promise.all([listen(client(nodes[1], { key: SERVICE_KEY }), "club", { config }), listen(client(nodes[1]), "club")]);
    const speaker = await listen(client(nodes[0], { key: SERVICE_KEY }), "club", { config });
    await assert.rejects(listen(client(nodes[0]), "club", { config }), /Unauthorized/);
    const refused = await nodes[2].fetch("/realtime/v1/api/broadcast/club/events/say?private=true", { body: { n: 0 } });
    assert.equal(refused.status, 403);
    await speaker.channel.send({ type: "broadcast", event: "say", payload: { n: 1 } });
    assert.deepEqual(await inside.inbox.count(1), [{ n: 1 }]);
    assert.deepEqual(outside.inbox.items, []);
  });

  it("broadcasts what the database sends, when it commits, once", async () => {
    const ears = await Promise.all(nodes.map((node) => listen(client(node), "news")));
    const config = { private: true };
    const inner = await Promise.all(nodes.map((node) => listen(client(node, { key: SERVICE_KEY }), "news", { config, event: "INSERT" })));
    psql(database.url, `
      CREATE FUNCTION tell() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS $$ BEGIN
        PERFORM realtime.broadcast_changes('news', TG_OP, TG_OP, TG_TABLE_NAME, TG_TABLE_SCHEMA, NEW, OLD);
        RETURN NULL;
      END $$;
      CREATE TRIGGER tell AFTER INSERT ON posts FOR EACH ROW EXECUTE FUNCTION tell();
      INSERT INTO posts VALUES (-1);
      DROP TRIGGER tell ON posts;
      SET ROLE service_role;
      SELECT realtime.send('{"n": 1, "id": "x", "text": "ä\'\'€"}', 'say', 'news', false);
      SELECT realtime.send(jsonb_build_object('n', n), 'say', 'news', false) FROM generate_series(2, 4) AS n;`);
    assert.throws(() => psql(database.url, "SELECT realtime.send('{\"n\": 0}', 'say', 'news', false); SELECT 1 / 0"));
    assert.throws(() => psql(database.url, "SET ROLE anon; SELECT realtime.send('{}', 'say', 'news', false)"), /permission denied/);
    psql(database.url, "SELECT realtime.send('{\"n\": 5}', 'say', 'news', false)");
    for (const { inbox } of ears) {
      await inbox.until((items) => items.at(-1)?.n === 5);
      assert.deepEqual(inbox.items.map((m) => m.n), [1, 2, 3, 4, 5]);
      assert.deepEqual([inbox.items[0], inbox.items[1].id.length], [{ n: 1, id: "x", text: "ä'€" }, 36]);
    }
    for (const { inbox } of inner) {
      const [{ id, ...change }] = await inbox.count(1);
      assert.deepEqual(change, { schema: "public", table: "posts", operation: "INSERT", record: { id: -1 }, old_record: null });
      assert.equal(id.length, 36);
    }
  });

  // Who is in the room, as a client at that server sees it: {channel, inbox of presenceState()}.
  const watch = async (server, name, key, realtime) => {
    const inbox = new Inbox();
    const channel = client(server, realtime).channel(name, { config: { presence: { key, enabled: true } } });
    channel.on("presence", { event: "sync" }, () => inbox.put(Object.entries(channel.presenceState()).map(([who, metas]) => `${who}:${metas.map((m) => m.at).sort()}`).sort().join(" ")));
    await subscribed(channel);
    return { channel, sees: (text, limit) => inbox.until((items) => items.at(-1) === text, limit) };
  };

  it("knows who is there, at every server, also for those who come later", async () => {
    const [a, b, c] = await Promise.all(["a", "b", "c"].map((key, i) => watch(nodes[i], "party", key)));
    await Promise.all([a, b, c].map(({ channel }, i) => channel.track({ at: i })));
    for (const one of [a, b, c]) await one.sees("a:0 b:1 c:2");
    await b.channel.track({ at: 7 });
    const late = await watch(nodes[2], "party", "a"); // the same key at another server
    await late.sees("a:0 b:7 c:2");
    await late.channel.track({ at: 9 });
    for (const one of [a, b, c, late]) await one.sees("a:0,9 b:7 c:2");
    await a.channel.untrack();
    await b.channel.unsubscribe();
    for (const one of [c, late]) await one.sees("a:9 c:2");
    const apart = await watch(proxy, "another party", "d");
    await apart.sees("");
  });

  const channels = async (node) => Number(/^socle_realtime_channels (\d+)/m.exec(await (await node.fetch("/metrics", { key: SERVICE_KEY })).text())[1]);

  it("loses only those at a killed server, who come back at another and have missed nothing", async () => {
    const before = await Promise.all(nodes.map(channels));
    const { realtime } = resumable();
    const posts = new Inbox(), joins = new Inbox();
    const moving = client(proxy, realtime).channel("moving", { config: { presence: { key: "moving", enabled: true } } });
    moving.on("postgres_changes", { event: "INSERT", schema: "public", table: "posts" }, ({ new: { id } }) => posts.put(id));
    await new Promise((ready, failed) =>
      moving
        .on("system", {}, (m) => m.extension === "postgres_changes" && (m.status === "ok" ? ready() : failed(new Error(m.message))))
        .subscribe((status, error) => (status === "SUBSCRIBED" ? (joins.put(status), moving.track({ at: 0 })) : error && joins.put(error))),
    );
    const after = await Promise.all(nodes.map(channels));
    const at = after.findIndex((n, i) => n > before[i]);
    const others = nodes.filter((_, i) => i !== at);
    const staying = await watch(others[0], "moving", "staying");
    await staying.channel.track({ at: 1 });
    const gone = await watch(nodes[at], "moving", "gone", { reconnectAfterMs: () => 1e6 }); // it does not come back
    await gone.channel.track({ at: 2 });
    await staying.sees("gone:2 moving:0 staying:1");

    const insert = (from, to) => psql(database.url, `INSERT INTO posts SELECT generate_series(${from}, ${to})`);
    insert(0, 9);
    await posts.count(10);
    insert(10, 19);
    const killed = nodes[at].kill();
    insert(20, 29);
    await killed;
    insert(30, 39);
    await staying.sees("moving:0 staying:1"); // "gone" is, and "moving" is back
    insert(40, 49);
    await posts.count(50);
    assert.deepEqual(posts.items, numbers(50));
    assert.ok(joins.items.filter((m) => m === "SUBSCRIBED").length >= 2, "it has joined again");

    nodes[at] = await start(nodes[at].port);
    const again = await watch(nodes[at], "moving", "again");
    await again.sees("moving:0 staying:1");
    await again.channel.track({ at: 3 });
    await staying.sees("again:3 moving:0 staying:1");
  });

  it("goes on after the database has cut its connections", async () => {
    const [a, b] = await Promise.all([listen(client(nodes[0]), "cut"), listen(client(nodes[1]), "cut")]);
    const [here, there] = await Promise.all([watch(nodes[0], "cut", "here"), watch(nodes[1], "cut", "there")]);
    await here.channel.track({ at: 0 });
    psql(database.url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");
    await a.channel.send({ type: "broadcast", event: "say", payload: { n: 1 } });
    await there.channel.track({ at: 1 });
    assert.deepEqual(await b.inbox.count(1), [{ n: 1 }]);
    for (const one of [here, there]) await one.sees("here:0 there:1");
    await b.channel.send({ type: "broadcast", event: "say", payload: { n: 2 } });
    assert.deepEqual(await a.inbox.count(1), [{ n: 2 }]);
  });
});
