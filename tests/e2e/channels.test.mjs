// channels.test.mjs: the wire itself, message by message: replies, limits, tokens, hostile frames, the end.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";

import WebSocket from "ws";

import { Phoenix, push3 } from "../lib/phoenix.mjs";
import { ANON_KEY, SERVICE_KEY, Server, makeApp } from "../lib/server.mjs";

const base64url = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

describe("channels", () => {
  let server;
  before(async () => {
    server = await Server.start({
      dir: makeApp({
        files: {
          "realtime/policies.json": {
            select: "realtime.topic() LIKE 'books:%' AND EXISTS (SELECT 1 FROM books WHERE isbn = substr(realtime.topic(), 7))",
            insert: "auth.role() = 'authenticated'",
          },
        },
      }),
      env: {
        SOCLE_THREADS: "2",
        SOCLE_REALTIME_CHANNELS_MAX: "4",
        SOCLE_REALTIME_JOINS_PER_SECOND: "20",
        SOCLE_REALTIME_EVENTS_PER_SECOND: "200",
        SOCLE_REALTIME_PAYLOAD_MAX: "4096",
        SOCLE_JWT_SECRET: "a secret of tests that is long enough, really",
      },
    });
  });
  after(() => server?.stop());
  const open = (options) => Phoenix.open(server, options);

  describe("connecting", () => {
    const refused = (query) => fetch(`${server.url}/realtime/v1/websocket${query}`, { headers: upgrade });
    const upgrade = { "Sec-WebSocket-Version": "13" };
    it("is refused before the upgrade without a good key", async () => {
      for (const [query, status, error] of [
        ["", 401, "API key is missing"],
        ["?apikey=", 401, "API key is missing"],
        ["?apikey=sb_publishable_nonsense", 401, "Invalid API key"],
        ["?apikey=a.b.c", 401, "Invalid API key"],
        [`?apikey=${ANON_KEY}&vsn=3.0.0`, 400, "this vsn is not spoken here: there are 1.0.0 and 2.0.0"],
      ]) {
        const answer = await refused(query);
        assert.deepEqual([answer.status, await answer.json()], [status, { error }], query);
      }
    });
    it("needs an upgrade", async () => {
      const answer = await fetch(`${server.url}/realtime/v1/websocket?apikey=${ANON_KEY}`);
      assert.equal(answer.status, 426);
    });
    it("takes an absent vsn for 1.0.0", async () => {
      const ws = new WebSocket(`ws://127.0.0.1:${server.port}/realtime/v1/websocket?apikey=${ANON_KEY}`);
      await new Promise((ready) => ws.on("open", ready));
      const answer = new Promise((done) => ws.on("message", (data) => done(JSON.parse(data))));
      ws.send(JSON.stringify({ topic: "phoenix", event: "heartbeat", payload: {}, ref: "7" }));
      assert.deepEqual(await answer, { topic: "phoenix", event: "phx_reply", payload: { status: "ok", response: {} }, ref: "7" });
      ws.close();
    });
  });

  for (const vsn of ["1.0.0", "2.0.0"])
    describe(`messages of ${vsn}`, () => {
      it("joins, answers heartbeats, leaves", async () => {
        const p = await open({ vsn });
        assert.deepEqual(await p.join("realtime:a"), { status: "ok", response: { postgres_changes: [] } });
        assert.deepEqual(await p.call("phoenix", "heartbeat"), { status: "ok", response: {} });
        const joinRef = p.joinRef;
        assert.deepEqual(await p.call("realtime:a", "phx_leave", {}, { joinRef }), { status: "ok", response: {} });
        const close = await p.next();
        assert.deepEqual([close.event, close.topic, close.ref, close.payload], ["phx_close", "realtime:a", joinRef, {}]);
        await p.close();
      });

      it("says what it does not know, and stays", async () => {
        const p = await open({ vsn });
        const unmatched = { status: "error", response: { reason: "unmatched topic" } };
        assert.deepEqual(await p.call("realtime:nobody", "broadcast", {}), unmatched);
        assert.deepEqual(await p.call("elsewhere", "phx_join", {}), unmatched);
        assert.equal((await p.call("realtime:nobody", "phx_leave", {})).status, "ok");
        assert.match((await p.join("realtime:")).response.reason, /^TopicNameRequired: /);
        await p.join("realtime:a");
        p.send("realtime:a", "what is this", {});
        assert.deepEqual(await p.settled(), []);
        await p.close();
      });

      it("drops what is no message", async () => {
        const p = await open({ vsn });
        const frames = ["", "x", "[]", "{}", "[1,2,3,4,5]", '["1","1","t"]', '{"topic":1,"event":"phx_join"}', "null", "[".repeat(500),
          JSON.stringify([null, "1", "t".repeat(300), "phx_join", {}]), JSON.stringify(["j".repeat(300), "1", "realtime:a", "phx_join", {}])];
        for (const frame of frames) p.ws.send(frame);
        for (const bytes of [[], [3], [0, 0, 0], [9, 9, 9, 9, 9, 9, 9, 9], [3, 255, 255, 255, 255, 255, 0, 1, 2], [4, 1, 1, 0, 1, 65, 66]])
          p.ws.send(Buffer.from(bytes));
        assert.deepEqual(await p.settled(), []);
        await p.close();
      });

      it("reads a join of any shape", async () => {
        const p = await open({ vsn });
        for (const config of [undefined, null, 7, [], { broadcast: 1, presence: "x", postgres_changes: {}, private: 0 },
          { broadcast: { ack: "true", self: "false" }, presence: { key: 5, enabled: "false" }, unknown: {} }])
          assert.equal((await p.join("realtime:shape", config)).status, "ok", JSON.stringify(config));
        p.send("realtime:shape", "phx_join", "nonsense", { ref: "x", joinRef: "x" });
        assert.equal((await p.next((m) => m.ref === "x" && m.event === "phx_reply")).payload.status, "ok");
        await p.close();
      });

      it("ends the first membership when a topic is joined again", async () => {
        const p = await open({ vsn });
        await p.join("realtime:twice");
        const former = p.joinRef;
        p.send("realtime:twice", "phx_join", {}, { ref: "again", joinRef: "again" });
        const close = await p.next();
        assert.deepEqual([close.event, close.ref], ["phx_close", former]);
        assert.equal((await p.next()).ref, "again");
        await p.close();
      });

      it("keeps the order of one sender", async () => {
        const [a, b] = [await open({ vsn }), await open({ vsn })];
        await a.join("realtime:order");
        await b.join("realtime:order");
        for (let n = 0; n < 50; n++) a.send("realtime:order", "broadcast", { type: "broadcast", event: `e${n}`, payload: { n } });
        for (let n = 0; n < 50; n++) {
          const m = await b.next((m) => m.event === "broadcast");
          assert.deepEqual(m.payload, { type: "broadcast", event: `e${n}`, payload: { n } });
        }
        await Promise.all([a.close(), b.close()]);
      });
    });

  describe("broadcast", () => {
    it("reads binary pushes, in UTF-8 and as the client spells them", async () => {
      const [a, b] = [await open(), await open()];
      await a.join("realtime:é", { broadcast: { ack: true } });
      await b.join("realtime:é");
      a.ws.send(push3({ joinRef: a.joinRef, ref: "1", topic: "realtime:é", event: "ä", payload: '{"n":1}' }));
      assert.equal((await a.next((m) => m.ref === "1")).payload.status, "ok");
      const first = await b.next();
      assert.deepEqual([first.binary, first.topic, first.payload], [true, "realtime:é", { type: "broadcast", event: "ä", payload: { n: 1 } }]);
      const latin = Buffer.from(push3({ ref: "2", topic: "realtime:_", event: "x", meta: "{}", payload: "7" }));
      latin[latin.indexOf("_")] = 0xe9;
      a.ws.send(latin);
      assert.equal((await b.next()).payload.payload, 7);
      await Promise.all([a.close(), b.close()]);
    });

    it("refuses payloads that are no JSON or too large", async () => {
      const [a, b] = [await open(), await open()];
      await a.join("realtime:size", { broadcast: { ack: true } });
      await b.join("realtime:size");
      a.ws.send(push3({ ref: "0", topic: "realtime:size", event: "x", payload: '{"n":' }));
      a.ws.send(push3({ ref: "1", topic: "realtime:size", event: "x", encoding: 0, payload: Buffer.alloc(5000) }));
      assert.deepEqual((await a.next()).payload, { status: "error", response: { reason: "payload_size_exceeded" } });
      assert.deepEqual(await a.call("realtime:size", "broadcast", { type: "broadcast", event: "x", payload: "y".repeat(4097) }), {
        status: "error",
        response: { reason: "payload_size_exceeded" },
      });
      a.ws.send(Buffer.alloc(200000, 1));
      assert.equal((await a.closed).code, 1009);
      assert.deepEqual(await b.settled(), []);
      await b.close();
    });

    it("carries what has more members than the three as it is", async () => {
      const [a, b, c] = [await open(), await open(), await open({ vsn: "1.0.0" })];
      for (const p of [a, b, c]) await p.join("realtime:whole");
      const payload = { type: "broadcast", event: "x", payload: { n: 1 }, more: true };
      a.send("realtime:whole", "broadcast", payload);
      assert.deepEqual((await b.next()).payload, payload);
      assert.deepEqual((await c.next()).payload, payload);
      for (const p of [a, b, c]) await p.close();
    });

    it("answers over HTTP with what is wrong", async () => {
      const post = async (body, { path = "", key = ANON_KEY, type = "application/json", token } = {}) => {
        const answer = await server.fetch(`/realtime/v1/api/broadcast${path}`, { body, key, token, headers: { "Content-Type": type }, method: "POST" });
        return answer.status;
      };
      assert.equal(await post("{}", { key: "" }), 401);
      assert.equal(await post("{}", { token: "a.b.c" }), 401);
      for (const body of ["", "{", "{}", '{"messages":{}}', '{"messages":[1]}', '{"messages":[{"topic":"","event":"e","payload":{}}]}',
        '{"messages":[{"topic":"t","payload":{}}]}', '{"messages":[{"topic":"t","event":"e"}]}',
        `{"messages":[{"topic":"t","event":"e","payload":"${"y".repeat(5000)}"}]}`])
        assert.equal(await post(body), 422, body.slice(0, 60));
      assert.equal(await post('{"messages":[]}'), 202);
      assert.equal(await post('{"messages":[{"topic":"t","event":"e","payload":{},"private":true}]}'), 202);
      assert.equal(await post("{}", { path: "/t/events/e" }), 202);
      assert.equal(await post("{}", { path: "/t/events/e?private=true" }), 403);
      assert.equal(await post("{", { path: "/t/events/e" }), 422);
      assert.equal(await post("x", { path: "/t/events/e", type: "text/plain" }), 415);
      assert.equal(await post("x", { path: "/t/events/e", type: "application/octet-stream" }), 202);
      for (const path of ["/t", "/t/events", "/t/events/", "/t/other/e", "//events/e", "/t/events/e/f", "/%zz/events/e"])
        assert.equal(await post("{}", { path }), 404, path);
      assert.equal((await server.fetch("/realtime/v1/api/broadcast")).status, 405);
      assert.equal((await server.fetch("/realtime/v1/nothing")).status, 404);
    });
  });

  describe("presence", () => {
    const track = (p, topic, payload) => p.call(topic, "presence", { type: "presence", event: "track", payload });
    it("gives the state, then diffs with references", async () => {
      const a = await open();
      await a.join("realtime:p1", { presence: { key: "ada", enabled: true } });
      assert.deepEqual((await a.next()).payload, {}, "the state comes also when it is empty");
      a.send("realtime:p1", "presence", { type: "presence", event: "track", payload: { n: 1 } });
      const first = (await a.next((m) => m.event === "presence_diff")).payload;
      const { phx_ref } = first.joins.ada.metas[0];
      assert.deepEqual(first, { joins: { ada: { metas: [{ n: 1, phx_ref }] } }, leaves: {} });
      a.send("realtime:p1", "presence", { type: "presence", event: "track", payload: { n: 1 } });
      a.send("realtime:p1", "presence", { type: "presence", event: "track", payload: { n: 2 } });
      const second = (await a.next((m) => m.event === "presence_diff")).payload;
      assert.equal(second.joins.ada.metas[0].n, 2);
      assert.equal(second.joins.ada.metas[0].phx_ref_prev, phx_ref);
      assert.deepEqual(second.leaves, { ada: { metas: [{ n: 1, phx_ref }] } });
      const b = await open();
      await b.join("realtime:p1", { presence: { key: "ada", enabled: true } });
      assert.equal((await b.next()).payload.ada.metas.length, 1);
      assert.deepEqual(await track(b, "realtime:p1", { n: 3 }), { status: "ok", response: {} });
      await a.next((m) => m.event === "presence_diff" && m.payload.joins.ada.metas[0].n === 3);
      b.ws.terminate();
      const gone = (await a.next((m) => m.event === "presence_diff")).payload;
      assert.equal(gone.leaves.ada.metas[0].n, 3);
      await a.close();
    });

    it("sends nothing to those who did not ask, until they track", async () => {
      const [a, b] = [await open(), await open()];
      await a.join("realtime:p2", { presence: { enabled: true } });
      await b.join("realtime:p2");
      await track(a, "realtime:p2", { who: "a" });
      assert.deepEqual(await b.settled(), []);
      b.send("realtime:p2", "presence", { type: "presence", event: "track", payload: {} });
      assert.equal(Object.keys((await b.next((m) => m.event === "presence_state")).payload).length, 2);
      assert.equal(Object.keys((await a.next((m) => m.event === "presence_diff" && !Object.values(m.payload.joins)[0].metas[0].who)).payload.joins).length, 1);
      await Promise.all([a.close(), b.close()]);
    });

    it("refuses what is no object, and too many calls", async () => {
      const p = await open();
      await p.join("realtime:p3");
      assert.deepEqual(await track(p, "realtime:p3", 7), { status: "error", response: { reason: "Presence track payload must be a map" } });
      for (let n = 0; n < 4; n++) assert.equal((await track(p, "realtime:p3", { n })).status, "ok");
      p.send("realtime:p3", "presence", { event: "track", payload: {} });
      assert.equal((await p.next((m) => m.event === "system")).payload.message, "Client presence rate limit exceeded");
      assert.equal((await p.next()).event, "phx_close");
      assert.equal((await p.join("realtime:p3")).status, "ok");
      await p.close();
    });
  });

  describe("limits", () => {
    it("holds the number of channels", async () => {
      const p = await open();
      for (let n = 0; n < 4; n++) assert.equal((await p.join(`realtime:c${n}`)).status, "ok");
      assert.deepEqual(await p.join("realtime:c4"), { status: "error", response: { reason: "ChannelRateLimitReached: Too many channels" } });
      await p.call("realtime:c0", "phx_leave");
      assert.equal((await p.join("realtime:c4")).status, "ok");
      await p.close();
    });
    it("holds the joins of a second", async () => {
      const p = await open();
      let reason;
      for (let n = 0; n < 30 && !reason; n++) reason = (await p.join("realtime:again")).response.reason;
      assert.equal(reason, "ClientJoinRateLimitReached: Too many joins per second");
      await p.close();
    });
    it("closes a channel that talks too much", async () => {
      const p = await open();
      await p.join("realtime:much");
      for (let n = 0; n < 450; n++) p.send("realtime:much", "broadcast", { type: "broadcast", event: "x", payload: {} });
      assert.equal((await p.next((m) => m.event === "system")).payload.message, "Too many messages per second");
      assert.equal((await p.next()).event, "phx_close");
      await p.close();
    });
  });

  describe("tokens", () => {
    const secret = "a secret of tests that is long enough, really";
    const sign = async (claims) => {
      const { createHmac } = await import("node:crypto");
      const body = `${base64url({ alg: "HS256", typ: "JWT" })}.${base64url(claims)}`;
      return `${body}.${createHmac("sha256", secret).update(body).digest("base64url")}`;
    };
    const now = () => Math.floor(Date.now() / 1000);
    it("names what is wrong with a token", async () => {
      const p = await open();
      const good = await sign({ role: "authenticated", exp: now() + 60, sub: "u" });
      for (const [token, reason] of [
        ["garbage", /^MalformedJWT: The token provided is not a valid JWT$/],
        ["a.b.c", /^MalformedJWT: /],
        [good.slice(0, -6) + "AAAAAA", /^JwtSignatureError: Failed to validate JWT signature$/],
        [await sign({ role: "authenticated", exp: now() - 60 }), /^InvalidJWTToken: Token has expired \d+ seconds ago$/],
        [await sign({ role: "authenticated" }), /^InvalidJWTToken: Fields `role` and `exp` are required in JWT$/],
        [await sign({ exp: now() + 60 }), /^InvalidJWTToken: Fields `role` and `exp` are required in JWT$/],
      ]) {
        const { status, response } = await p.join("realtime:t", {}, { access_token: token });
        assert.equal(status, "error");
        assert.match(response.reason, reason);
      }
      assert.equal((await p.join("realtime:t", {}, { access_token: good })).status, "ok");
      assert.equal((await p.join("realtime:t", {}, { access_token: ANON_KEY })).status, "ok");
      assert.equal((await p.join("realtime:t", {}, { access_token: null })).status, "ok");
      await p.close();
    });

    it("closes the channel when its token expires, and not when it was renewed", async () => {
      const p = await open();
      const short = await sign({ role: "authenticated", exp: now() + 2, sub: "u" });
      await p.join("realtime:short", {}, { access_token: short });
      await p.join("realtime:renewed", {}, { access_token: short });
      p.send("realtime:renewed", "access_token", { access_token: await sign({ role: "authenticated", exp: now() + 60, sub: "u" }) });
      for (const nothing of [null, 5, ANON_KEY, short]) p.send("realtime:short", "access_token", { access_token: nothing });
      const message = await p.next((m) => m.event === "system");
      assert.match(message.payload.message, /^Token has expired \d+ seconds ago$/);
      assert.deepEqual([message.topic, message.payload.extension, message.payload.status, message.payload.channel], ["realtime:short", "system", "error", "short"]);
      assert.equal((await p.next()).event, "phx_close");
      assert.equal((await p.call("realtime:renewed", "presence", { event: "untrack" })).status, "ok");
      p.send("realtime:renewed", "access_token", { access_token: "rubbish" });
      assert.match((await p.next((m) => m.event === "system")).payload.message, /not a valid JWT/);
      await p.close();
    });

    it("ends what a session may hear the moment it is signed out", async () => {
      const session = await server.user("eve");
      const [p, other] = [await open(), await open()];
      await p.join("realtime:out", {}, { access_token: session.access_token });
      await other.join("realtime:out", { broadcast: { ack: true } });
      assert.equal((await server.fetch("/auth/v1/logout", { method: "POST", token: session.access_token })).status, 204);
      assert.equal((await other.call("realtime:out", "broadcast", { type: "broadcast", event: "x", payload: {} })).status, "ok");
      const message = await p.next();
      assert.deepEqual([message.event, message.payload.message], ["system", "The session of the token has ended"]);
      assert.equal((await p.next()).event, "phx_close");
      assert.match((await p.join("realtime:out", {}, { access_token: session.access_token })).response.reason, /^InvalidJWTToken: /);
      await Promise.all([p.close(), other.close()]);
    });
  });

  describe("private channels", () => {
    it("ask the policies, with the caller's eyes", async () => {
      const p = await open();
      const session = await server.user("reader");
      const topic = "realtime:books:9780000000001";
      const refused = { status: "error", response: { reason: "Unauthorized: You do not have permissions to read from this Channel topic: nope" } };
      assert.deepEqual(await p.join("realtime:nope", { private: true }), refused);
      assert.equal((await p.join(topic, { private: true, broadcast: { self: true } })).status, "ok");
      p.send(topic, "broadcast", { type: "broadcast", event: "silent", payload: {} });
      assert.deepEqual(await p.settled(), [], "who may not speak is not heard");
      assert.deepEqual(await p.call(topic, "presence", { event: "track", payload: {} }), { status: "error", response: { reason: "Unauthorized" } });
      p.send(topic, "access_token", { access_token: session.access_token });
      p.send(topic, "broadcast", { type: "broadcast", event: "loud", payload: {} });
      assert.equal((await p.next()).payload.event, "loud");
      await p.close();
    });
  });

  it("has nothing left at the end", async () => {
    for (let n = 0; n < 100; n++) {
      const text = await (await server.fetch("/metrics", { key: SERVICE_KEY })).text();
      if (/realtime_sockets 0\n/.test(text)) return assert.match(text, /realtime_channels 0\n/);
      await pause(50);
    }
    assert.fail("sockets are left");
  });
});

describe("the end of the server", () => {
  it("tells sockets to come back, and waits for nobody who does not answer", async () => {
    const server = await Server.start({ env: { SOCLE_THREADS: "2" } });
    const p = await Phoenix.open(server);
    await p.join("realtime:a", { presence: { enabled: true } });
    await p.call("realtime:a", "presence", { event: "track", payload: {} });
    const deaf = await Phoenix.open(server);
    await deaf.join("realtime:a");
    deaf.ws._socket.pause();
    const began = Date.now();
    const stopped = server.stop();
    assert.equal((await p.closed).code, 1001);
    await stopped;
    assert.ok(Date.now() - began < 5000, `it took ${Date.now() - began} ms`);
    deaf.ws.terminate();
  });

  it("closes one who does not read with 1013, and counts it, while others hear everything", async () => {
    const server = await Server.start({ env: { SOCLE_THREADS: "2", SOCLE_REALTIME_QUEUE_MAX: "1000000" } });
    const [talker, listener, slow] = await Promise.all([1, 2, 3].map(() => Phoenix.open(server)));
    for (const p of [talker, listener, slow]) await p.join("realtime:slow", { broadcast: { ack: true } });
    slow.ws._socket.pause();
    const tooSlow = async () => Number((await (await server.fetch("/metrics", { key: SERVICE_KEY })).text()).match(/too_slow_total (\d+)/)[1]);
    let sent = 0;
    while ((await tooSlow()) === 0 && sent < 300)
      for (let n = 0; n < 10; n++, sent++) {
        const payload = { type: "broadcast", event: "x", payload: { n: sent, filling: randomBytes(100000).toString("hex") } };
        assert.equal((await talker.call("realtime:slow", "broadcast", payload)).status, "ok");
        assert.equal((await listener.next()).payload.payload.n, sent);
      }
    assert.equal(await tooSlow(), 1);
    slow.ws._socket.resume();
    assert.equal((await slow.closed).code, 1013);
    await Promise.all([talker.close(), listener.close()]);
    await server.stop();
  });

  it("refuses more sockets than there may be, and pages of other origins", async () => {
    const server = await Server.start({ env: { SOCLE_REALTIME_CONNECTIONS_MAX: "1", SOCLE_CORS_ORIGINS: "https://shop.example", SOCLE_REALTIME_PRIVATE_ONLY: "true", SOCLE_REALTIME_SILENCE_MS: "1000" } });
    await assert.rejects(Phoenix.open(server, { origin: "https://evil.example" }), { status: 403 });
    const p = await Phoenix.open(server, { origin: "https://shop.example" });
    await assert.rejects(Phoenix.open(server), { status: 429, body: '{"error":"Too many connected users"}' });
    assert.match((await p.join("realtime:a")).response.reason, /^PrivateOnly: /);
    assert.match((await p.join("realtime:a", { private: true })).response.reason, /^Unauthorized: /);
    assert.equal((await p.closed).code, 1001, "who is silent is closed");
    await server.stop();
  });
});
