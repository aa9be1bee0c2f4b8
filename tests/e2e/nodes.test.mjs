// nodes.test.mjs: three servers on one PostgreSQL behind a proxy, with supabase-js: rooms and presence are one, whichever server
// a client is at, and when a server is killed.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { after, before, describe, it } from "node:test";

import { createClient } from "@supabase/supabase-js";
import WebSocket from "ws";

import { resumable } from "../../examples/resume.mjs";
import { SKIP, freshDatabase, psql } from "../lib/postgres.mjs";
import { startProxy } from "../lib/proxy.mjs";
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
    proxy = await startProxy(nodes);
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
});
