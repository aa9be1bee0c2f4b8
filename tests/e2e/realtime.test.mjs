// realtime.test.mjs: channels as supabase-js uses them: broadcast and presence, on both serializers, and over HTTP.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { createClient } from "@supabase/supabase-js";
import WebSocket from "ws";

import { disconnect } from "../lib/disconnect.mjs";
import { ANON_KEY, SERVICE_KEY, Server, makeApp } from "../lib/server.mjs";

const POLICIES = {
  select: "realtime.topic() = 'members' and auth.role() = 'authenticated'",
  insert: "realtime.topic() = 'members' and auth.uid() is not null and extension in ('broadcast', 'presence')",
};

// A promise with its own keys.
function later() {
  let resolve;
  const promise = new Promise((done) => (resolve = done));
  return Object.assign(promise, { resolve });
}

// Joins, and resolves with the first state that is final.
function subscribed(channel) {
  return new Promise((done, failed) =>
    channel.subscribe((status, error) => (status === "SUBSCRIBED" ? done(channel) : failed(error ?? new Error(status)))),
  );
}

// Collects until `count` are there.
function collector(count) {
  const all = [];
  const full = later();
  return { all, full, take: (item) => (all.push(item), all.length === count && full.resolve(all)) };
}

for (const vsn of ["1.0.0", "2.0.0"]) {
  describe(`supabase-js with vsn ${vsn}`, () => {
    let server;
    const clients = [];
    before(async () => {
      server = await Server.start({
        dir: makeApp({ files: { "realtime/policies.json": POLICIES } }),
        env: { SOCLE_THREADS: "2" },
      });
    });
    after(async () => {
      for (const client of clients) await disconnect(client);
      await server?.stop();
    });
    const client = (key = ANON_KEY) => {
      const made = createClient(server.url, key, {
        auth: { persistSession: false, autoRefreshToken: false },
        realtime: { transport: WebSocket, vsn, timeout: 3000 },
      });
      clients.push(made);
      return made;
    };

    it("subscribes, and leaves", async () => {
      const c = client();
      const channel = await subscribed(c.channel("hello"));
      assert.equal(await channel.unsubscribe(), "ok");
    });

    it("broadcasts to the others, in order, and not to itself", async () => {
      const got = collector(20);
      const mine = [];
      const [a, b] = [client(), client()];
      await subscribed(b.channel("room").on("broadcast", { event: "move" }, (m) => got.take(m.payload)));
      const sender = await subscribed(a.channel("room").on("broadcast", { event: "*" }, (m) => mine.push(m)));
      for (let n = 0; n < 20; n++) await sender.send({ type: "broadcast", event: "move", payload: { n, text: "ä€😀" } });
      await got.full;
      assert.deepEqual(got.all, Array.from({ length: 20 }, (_, n) => ({ n, text: "ä€😀" })));
      assert.deepEqual(mine, []);
    });

    it("broadcasts to itself when asked to, and acknowledges", async () => {
      const c = client();
      const got = collector(1);
      const channel = c.channel("echo", { config: { broadcast: { self: true, ack: true } } });
      await subscribed(channel.on("broadcast", { event: "*" }, got.take));
      assert.equal(await channel.send({ type: "broadcast", event: "ping", payload: { x: 1 } }), "ok");
      await got.full;
      assert.equal(got.all[0].event, "ping");
      assert.deepEqual(got.all[0].payload, { x: 1 });
    });

    it("hears what is sent over HTTP, as a list and by path", async () => {
      const got = collector(3);
      const c = client();
      const channel = await subscribed(c.channel("news").on("broadcast", { event: "*" }, (m) => got.take([m.event, m.payload])));
      const answer = await server.fetch("/realtime/v1/api/broadcast", {
        body: { messages: [{ topic: "news", event: "a", payload: { n: 1 } }, { topic: "news", event: "b", payload: { n: 2 } }] },
      });
      assert.equal(answer.status, 202);
      assert.equal(await answer.text(), "");
      assert.deepEqual(await channel.httpSend("c", { n: 3 }), { success: true });
      await got.full;
      assert.deepEqual(got.all, [["a", { n: 1 }], ["b", { n: 2 }], ["c", { n: 3 }]]);
    });

    it("sends over HTTP while the channel is not joined", async () => {
      const got = collector(1);
      await subscribed(client().channel("early").on("broadcast", { event: "*" }, (m) => got.take(m.payload)));
      assert.equal(await client().channel("early").send({ type: "broadcast", event: "x", payload: { n: 1 } }), "ok");
      await got.full;
    });

    it("knows who is there, who comes and who goes", async () => {
      const [a, b] = [client(), client()];
      const joined = later(), left = later(), both = later();
      const ada = a.channel("lobby", { config: { presence: { key: "ada" } } });
      ada.on("presence", { event: "join" }, ({ key, newPresences }) => key === "bob" && joined.resolve(newPresences));
      ada.on("presence", { event: "leave" }, ({ key, leftPresences }) => key === "bob" && left.resolve(leftPresences));
      await subscribed(ada);
      assert.equal(await ada.track({ status: "writing" }), "ok");
      const bob = b.channel("lobby", { config: { presence: { key: "bob" } } });
      bob.on("presence", { event: "sync" }, () => Object.keys(bob.presenceState()).length === 2 && both.resolve(bob.presenceState()));
      await subscribed(bob);
      assert.equal(await bob.track({ status: "reading" }), "ok");
      const [presence] = await joined;
      assert.equal(presence.status, "reading");
      assert.match(presence.presence_ref, /^F/);
      const state = await both;
      assert.deepEqual(Object.keys(state).sort(), ["ada", "bob"]);
      assert.equal(state.ada[0].status, "writing");
      b.realtime.conn?.close(); // without leaving
      await disconnect(b);
      assert.equal((await left)[0].status, "reading");
      assert.deepEqual(Object.keys(ada.presenceState()), ["ada"]);
      assert.equal(await ada.untrack(), "ok");
    });

    it("lets in where a policy does, and keeps private and public rooms apart", async () => {
      const ada = client();
      const { data } = await ada.auth.signUp({ email: `ada${vsn}@example.com`, password: "correct horse battery" });
      assert.ok(data.session);
      await ada.realtime.setAuth();
      const got = collector(1);
      const open = [];
      await subscribed(ada.channel("members", { config: { private: true } }).on("broadcast", { event: "*" }, (m) => got.take(m.payload)));
      await subscribed(client().channel("members").on("broadcast", { event: "*" }, (m) => open.push(m)));
      await assert.rejects(
        subscribed(client().channel("members", { config: { private: true } })),
        /Unauthorized: You do not have permissions to read from this Channel topic: members/,
      );
      const service = await subscribed(client(SERVICE_KEY).channel("members", { config: { private: true, broadcast: { ack: true } } }));
      assert.equal(await service.send({ type: "broadcast", event: "secret", payload: { n: 1 } }), "ok");
      await got.full;
      assert.deepEqual(open, []);
    });
  });
}

describe("supabase-js, both versions in one room", () => {
  let server;
  const clients = [];
  before(async () => (server = await Server.start({ env: { SOCLE_THREADS: "2" } })));
  after(async () => {
    for (const client of clients) await disconnect(client);
    await server?.stop();
  });
  const client = (vsn) => {
    const made = createClient(server.url, ANON_KEY, { auth: { persistSession: false }, realtime: { transport: WebSocket, vsn, timeout: 3000 } });
    clients.push(made);
    return made;
  };

  it("hears JSON everywhere, and bytes where they can be", async () => {
    const old = collector(2), young = collector(2);
    await subscribed(client("1.0.0").channel("mixed").on("broadcast", { event: "*" }, old.take));
    await subscribed(client("2.0.0").channel("mixed").on("broadcast", { event: "*" }, young.take));
    const sender = await subscribed(client("2.0.0").channel("mixed"));
    await sender.send({ type: "broadcast", event: "json", payload: { n: 1 } });
    await sender.send({ type: "broadcast", event: "bytes", payload: new Uint8Array([1, 2, 255]).buffer });
    const older = await subscribed(client("1.0.0").channel("mixed"));
    await young.full;
    assert.deepEqual(young.all[0].payload, { n: 1 });
    assert.deepEqual([...new Uint8Array(young.all[1].payload)], [1, 2, 255]);
    await older.send({ type: "broadcast", event: "text", payload: { n: 2 } });
    await old.full;
    assert.deepEqual(old.all.map((m) => m.payload), [{ n: 1 }, { n: 2 }]);
  });
});
