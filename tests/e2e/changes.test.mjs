// changes.test.mjs: changes of the database with supabase-js: what is heard, by whom, and what is not; resuming.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { createClient } from "@supabase/supabase-js";
import WebSocket from "ws";

import { resumable } from "../../examples/resume.mjs";
import { disconnect } from "../lib/disconnect.mjs";
import { Phoenix } from "../lib/phoenix.mjs";
import { ANON_KEY, SERVICE_KEY, Server, makeApp } from "../lib/server.mjs";

const NOTES = {
  type: "object",
  properties: {
    id: { type: "integer" },
    owner: { type: "string", "x-default": "auth.uid()" },
    text: { type: "string" },
    secret: { type: "string", writeOnly: true },
  },
  required: ["id"],
  "x-primary-key": ["id"],
  "x-policies": { select: "owner = auth.uid()", insert: "true", update: "true", delete: "true" },
};
const CLOSED = { type: "object", properties: { id: { type: "integer" } }, required: ["id"], "x-primary-key": ["id"] };
const POSTS = { ...NOTES, "x-policies": { select: "true", insert: "true", update: "true", delete: "true" } };

// A queue with a promise for its next item.
class Inbox {
  items = [];
  put = (item) => (this.items.push(item), this.wake?.());
  async next(limit = 5000) {
    const late = setTimeout(() => ((this.isLate = true), this.wake?.()), limit);
    while (this.items.length === 0 && !this.isLate) await new Promise((wake) => (this.wake = wake));
    clearTimeout(late);
    if (this.isLate) throw new Error("nothing came in time");
    return this.items.shift();
  }
}

describe("changes of the database", () => {
  let server, service;
  const clients = [];
  before(async () => {
    const dir = makeApp({ schemas: null, seed: {}, files: { "schemas/notes.json": NOTES, "schemas/posts.json": POSTS, "schemas/closed.json": CLOSED } });
    server = await Server.start({ dir, env: { SOCLE_THREADS: "2" } });
    service = createClient(server.url, SERVICE_KEY, { auth: { persistSession: false, autoRefreshToken: false }, realtime: { transport: WebSocket } });
  });
  after(async () => {
    for (const client of clients) await disconnect(client);
    await server?.stop();
  });

  const client = (key = ANON_KEY, realtime = {}) => {
    const made = createClient(server.url, key, { auth: { persistSession: false, autoRefreshToken: false }, realtime: { transport: WebSocket, timeout: 3000, ...realtime } });
    clients.push(made);
    return made;
  };
  // Listens, and resolves when changes flow.
  const listen = async (c, filter, name = `c${Math.random()}`) => {
    const inbox = new Inbox();
    const filters = [].concat(filter);
    let channel = c.channel(name);
    for (const one of filters) channel = channel.on("postgres_changes", { schema: "public", ...one }, inbox.put);
    await new Promise((ready, failed) =>
      channel
        .on("system", {}, (m) => m.extension === "postgres_changes" && (m.status === "ok" ? ready() : failed(new Error(m.message))))
        .subscribe((status, error) => status === "CHANNEL_ERROR" && failed(error)),
    );
    return { inbox, channel };
  };
  const ok = ({ data, error }) => (assert.equal(error, null), data);

  for (const vsn of ["1.0.0", "2.0.0"])
    it(`tells INSERT, UPDATE and DELETE with ${vsn}`, async () => {
      const { inbox, channel } = await listen(client(ANON_KEY, { vsn }), { event: "*", table: "posts" });
      const id = vsn === "1.0.0" ? 1 : 2;
      ok(await service.from("posts").insert({ id, owner: "o", text: "ä€😀" }));
      const inserted = await inbox.next();
      assert.deepEqual([inserted.eventType, inserted.schema, inserted.table, inserted.errors], ["INSERT", "public", "posts", null]);
      assert.deepEqual([inserted.new.id, inserted.new.text, inserted.old], [id, "ä€😀", {}]);
      assert.match(inserted.commit_timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/);
      assert.equal("secret" in inserted.new, false, "what may not be read is not told");
      ok(await service.from("posts").update({ text: "new" }).eq("id", id));
      const updated = await inbox.next();
      assert.deepEqual([updated.eventType, updated.new.text, updated.old.id], ["UPDATE", "new", id]);
      ok(await service.from("posts").delete().eq("id", id));
      const deleted = await inbox.next();
      assert.deepEqual([deleted.eventType, deleted.new, deleted.old.id], ["DELETE", {}, id]);
      assert.equal(await channel.unsubscribe(), "ok");
    });

  it("gives each listener of a channel its own", async () => {
    const c = client();
    const [big, inserts] = [new Inbox(), new Inbox()];
    const channel = c.channel("two");
    channel.on("postgres_changes", { event: "*", schema: "public", table: "posts", filter: "id=gt.100" }, big.put);
    channel.on("postgres_changes", { event: "INSERT", schema: "public", table: "posts" }, inserts.put);
    await new Promise((ready) => channel.on("system", {}, (m) => m.status === "ok" && ready()).subscribe());
    ok(await service.from("posts").insert([{ id: 50 }, { id: 150 }]));
    ok(await service.from("posts").delete().gte("id", 50));
    assert.deepEqual([(await inserts.next()).new.id, (await inserts.next()).new.id], [50, 150]);
    assert.deepEqual([(await big.next()).eventType, (await big.next()).eventType], ["INSERT", "DELETE"]);
    assert.deepEqual([inserts.items, big.items], [[], []]);
  });

  it("tells only what the policies show, deletes too", async () => {
    const [ada, bob] = [client(), client()];
    const session = async (c, name) => ok(await c.auth.signUp({ email: `${name}@example.com`, password: "correct horse battery" })).user.id;
    const [adaId, bobId] = [await session(ada, "ada"), await session(bob, "bob")];
    const [hers, his, stranger, all] = await Promise.all([
      listen(ada, { event: "*", table: "notes" }), listen(bob, { event: "*", table: "notes" }),
      listen(client(), { event: "*", table: "notes" }), listen(client(SERVICE_KEY), { event: "*", table: "notes" }),
    ]);
    ok(await service.from("notes").insert([{ id: 1, owner: adaId, text: "a" }, { id: 2, owner: bobId, text: "b" }]));
    ok(await service.from("notes").update({ owner: bobId }).eq("id", 1)); // leaves her view, enters his
    ok(await service.from("notes").delete().eq("id", 2));
    ok(await service.from("notes").insert({ id: 3, owner: adaId }));
    const hear = async (inbox, n) => {
      const events = [];
      while (events.length < n) {
        const { eventType, new: now, old } = await inbox.next();
        events.push(`${eventType} ${now.id ?? old.id}`);
      }
      return events;
    };
    assert.deepEqual(await hear(hers.inbox, 3), ["INSERT 1", "DELETE 1", "INSERT 3"]);
    assert.deepEqual(await hear(all.inbox, 5), ["INSERT 1", "INSERT 2", "UPDATE 1", "DELETE 2", "INSERT 3"]);
    const bobs = await hear(his.inbox, 3);
    assert.deepEqual([bobs[0], bobs[2]], ["INSERT 2", "DELETE 2"]);
    assert.match(bobs[1], /^(INSERT|UPDATE) 1$/);
    assert.deepEqual([hers.inbox.items, his.inbox.items, stranger.inbox.items], [[], [], []]);
  });

  it("says which parameters cannot be met, and stays", async () => {
    const p = await Phoenix.open(server);
    const answer = await p.join("realtime:bad", {
      postgres_changes: [{ event: "INSERT", schema: "public", table: "posts" }, { event: "INSERT", schema: "public", table: "nope", extra: 1 }],
    });
    assert.equal(answer.status, "ok");
    const [first, second] = answer.response.postgres_changes;
    assert.ok(Number.isInteger(first.id) && first.id !== 0 && Number.isInteger(second.id) && second.id !== 0);
    assert.deepEqual(second, { id: second.id, event: "INSERT", schema: "public", table: "nope", extra: 1 });
    const { payload } = await p.next((m) => m.event === "system");
    assert.deepEqual([payload.extension, payload.status, payload.channel], ["postgres_changes", "error", "bad"]);
    assert.equal(
      payload.message,
      "Unable to subscribe to changes with given parameters. Please check Realtime is enabled for the given connect parameters: " +
        "[event: INSERT, schema: public, table: nope, filters: []]",
    );
    assert.equal((await p.call("realtime:bad", "phx_leave")).status, "ok");
    await p.join("realtime:bad", { postgres_changes: [{ event: "*", schema: "public", table: "posts", filter: "nothing=eq.1" }] });
    assert.match((await p.next((m) => m.event === "system")).payload.message, /filters: \[nothing=eq.1\]\]$/);
    await p.close();
  });

  it("keeps a table without policies closed", async () => {
    const { inbox } = await listen(client(), { event: "*", schema: "public" }); // the whole schema
    ok(await service.from("closed").insert({ id: 1 }));
    ok(await service.from("posts").insert({ id: 900 }));
    assert.equal((await inbox.next()).table, "posts");
    assert.deepEqual(inbox.items, []);
  });

  it("renews under a new token without a gap", async () => {
    const { access_token, user } = await server.user("renew");
    const p = await Phoenix.open(server);
    await p.join("realtime:renew", { postgres_changes: [{ event: "*", schema: "public", table: "notes" }] });
    await p.next((m) => m.payload.message === "Subscribed to PostgreSQL");
    p.send("realtime:renew", "access_token", { access_token });
    await p.next((m) => m.payload.message === "Subscribed to PostgreSQL");
    ok(await service.from("notes").insert({ id: 70, owner: user.id }));
    assert.equal((await p.next((m) => m.event === "postgres_changes")).payload.data.record.id, 70);
    await p.close();
  });

  it("goes on where a client was, in order, without a gap or a duplicate", async () => {
    const { realtime, last } = resumable();
    const seen = [];
    const c = client(ANON_KEY, realtime);
    const first = await listen(c, { event: "INSERT", table: "posts", filter: "id=gte.1000" }, "resume");
    ok(await service.from("posts").insert({ id: 1000 }));
    seen.push((await first.inbox.next()).new.id);
    for (let round = 1; round <= 3; round++) {
      await disconnect(c);
      ok(await service.from("posts").insert([{ id: 1000 + round * 10 }, { id: 1001 + round * 10 }])); // nobody hears
      c.realtime.connect();
      ok(await service.from("posts").insert({ id: 1002 + round * 10 })); // somewhere around the join
      for (let n = 0; n < 3; n++) seen.push((await first.inbox.next(15000)).new.id);
    }
    assert.deepEqual(seen, [1000, 1010, 1011, 1012, 1020, 1021, 1022, 1030, 1031, 1032]);
    assert.ok(last.get("realtime:resume") > 0);
  });

  it("tells one who comes back what it may see, whatever another with the same words was told", async () => {
    const dir = makeApp({ schemas: null, seed: {}, files: { "schemas/posts.json": POSTS } });
    const single = await Server.start({ dir, env: { SOCLE_THREADS: "1" } });
    const listeners = [{ event: "*", schema: "public", table: "posts" }];
    const [all, some] = [await Phoenix.open(single, { key: SERVICE_KEY }), await Phoenix.open(single)];
    await all.join("realtime:same", { postgres_changes: listeners });
    await all.next((m) => m.payload.message === "Subscribed to PostgreSQL");
    for (let id = 1; id <= 3; id++) {
      assert.equal((await single.fetch("/rest/v1/posts", { key: SERVICE_KEY, body: { id, secret: "s" } })).status, 201);
      const { data } = (await all.next((m) => m.event === "postgres_changes")).payload;
      assert.equal(data.record.secret, "s");
      await some.join("realtime:same", { postgres_changes: listeners, postgres_changes_options: { since: data.seq - 1 } });
      const again = (await some.next((m) => m.event === "postgres_changes")).payload.data;
      assert.deepEqual(again.record, { id, owner: null, text: null });
      await some.call("realtime:same", "phx_leave");
    }
    await all.close();
    await some.close();
    await single.stop();
  });

  it("numbers a change so that one who is cut off between two messages of it loses neither", async () => {
    const p = await Phoenix.open(server, { key: SERVICE_KEY });
    const listeners = ["id", "text"].map((column) => ({ event: "*", schema: "public", table: "posts", select: ["id", column] }));
    await p.join("realtime:parts", { postgres_changes: [...listeners, { event: "*", schema: "public", table: "posts" }] });
    await p.next((m) => m.payload.message === "Subscribed to PostgreSQL");
    ok(await service.from("posts").insert({ id: 7000 }));
    const parts = [];
    for (let n = 0; n < 3; n++) parts.push((await p.next((m) => m.event === "postgres_changes")).payload);
    assert.deepEqual(parts.map(({ ids, more }) => [ids.length, more]), [[1, true], [1, true], [1, undefined]]);
    assert.equal(new Set(parts.map(({ data }) => data.seq)).size, 1);
    await p.close();

    // What the helper makes of it: it was told the first part, and goes on from before it, without that part.
    const last = new Map([["realtime:parts", parts[0].data.seq - 1]]);
    const text = (payload) => JSON.stringify({ topic: "realtime:parts", event: "postgres_changes", payload, ref: null });
    const { realtime } = resumable({ last });
    const heard = [];
    realtime.decode(text(parts[0]), (m) => heard.push(m.payload.ids));
    const join = { topic: "realtime:parts", event: "phx_join", payload: { config: { postgres_changes: [{}] } }, ref: "1", join_ref: "1" };
    realtime.encode(join, (sent) => assert.equal(JSON.parse(sent).payload.config.postgres_changes_options.since, parts[0].data.seq - 1));
    realtime.decode(JSON.stringify({ topic: "realtime:parts", event: "phx_reply", payload: { status: "ok" }, ref: "1" }), () => {});
    for (const part of parts) realtime.decode(text(part), (m) => heard.push(m.payload.ids));
    assert.deepEqual(heard, parts.map(({ ids }) => ids));
  });

  it("tells of a gap when the log does not reach back", async () => {
    const dir = makeApp({ schemas: null, seed: {}, files: { "schemas/posts.json": POSTS } });
    const listeners = [{ event: "*", schema: "public", table: "posts" }];
    const first = await Server.start({ dir });
    const before = await Phoenix.open(first, { key: SERVICE_KEY });
    await before.join("realtime:gap", { postgres_changes: listeners });
    const { seq } = (await before.next((m) => m.payload.message === "Subscribed to PostgreSQL")).payload;
    const rows = Array.from({ length: 100 }, (_, id) => ({ id }));
    assert.equal((await first.fetch("/rest/v1/posts", { key: SERVICE_KEY, body: rows })).status, 201);
    await before.close();
    await first.stop();

    // A server that starts looks at once for what is too old.
    const small = await Server.start({ dir, env: { SOCLE_LOG_KEEP_ROWS: "5" } });
    const p = await Phoenix.open(small, { key: SERVICE_KEY });
    let gap;
    for (let tries = 0; !gap && tries < 200; tries++) {
      await p.join("realtime:gap", { postgres_changes: listeners, postgres_changes_options: { since: seq } });
      const { payload } = await p.next((m) => m.event === "system");
      gap = payload.gap && payload;
      if (!gap) await pause(20);
    }
    assert.deepEqual([gap.status, gap.gap], ["error", { asked: seq, oldest: seq + 95 }]);
    for (let id = 95; id < 100; id++) assert.equal((await p.next((m) => m.event === "postgres_changes")).payload.data.record.id, id);
    assert.equal((await p.next((m) => m.event === "system")).payload.message, "Subscribed to PostgreSQL");
    await p.close();
    await small.stop();
  });

  it("goes on through a reload of the schemas, and tells new columns", async () => {
    const dir = makeApp({ schemas: null, seed: {}, files: { "schemas/posts.json": POSTS } });
    const fresh = await Server.start({ dir });
    const p = await Phoenix.open(fresh, { key: SERVICE_KEY });
    await p.join("realtime:reload", { postgres_changes: [{ event: "INSERT", schema: "public", table: "posts" }], presence: { enabled: true } });
    await p.next((m) => m.payload.message === "Subscribed to PostgreSQL");
    const wider = { ...POSTS, properties: { ...POSTS.properties, added: { type: "integer" } } };
    writeFileSync(join(dir, "schemas/posts.json"), JSON.stringify(wider));
    let status;
    for (let id = 1; status !== 201 && id < 200; id++) {
      status = (await fresh.fetch("/rest/v1/posts", { key: SERVICE_KEY, body: { id, added: 7 } })).status;
      if (status !== 201) await pause(50);
    }
    assert.equal(status, 201);
    assert.equal((await p.next((m) => m.event === "postgres_changes")).payload.data.record.added, 7);
    await p.close();
    await fresh.stop();
  });

  it("ends with the session", async () => {
    const session = await server.user("leaving");
    const p = await Phoenix.open(server);
    await p.join("realtime:leaving", { postgres_changes: [{ event: "*", schema: "public", table: "posts" }] }, { access_token: session.access_token });
    await p.next((m) => m.payload.message === "Subscribed to PostgreSQL");
    assert.equal((await server.fetch("/auth/v1/logout", { method: "POST", token: session.access_token })).status, 204);
    ok(await service.from("posts").insert({ id: 5000 }));
    assert.equal((await p.next((m) => m.event !== "phx_reply")).payload.message, "The session of the token has ended");
    assert.equal((await p.next()).event, "phx_close");
    await p.close();
  });
});
