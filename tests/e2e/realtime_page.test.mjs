// realtime_page.test.mjs: realtime with supabase-js in a real browser: its own WebSocket, pages that are closed, a token that is renewed, a
// server that goes away and comes back.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import { chromium } from "playwright-core";

import { ANON_KEY, freePort, makeApp, ROOT, SERVICE_KEY, Server } from "../lib/server.mjs";
import { JWT_SECRET, makeToken } from "../lib/token.mjs";

const BROWSER = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const POLICIES = {
  select: "realtime.topic() = 'members' and auth.role() = 'authenticated'",
  insert: "realtime.topic() = 'members' and auth.uid() is not null",
};

// What a page has: a client, and queues of what it heard, by name.  ?tokens: the client asks the page for its token.
const PAGE = `<!doctype html><title>realtime</title><script src="/supabase.js"></script>
<script type="module">
  import { resumable } from "/resume.mjs";
  const queues = {}, waiting = {};
  const { realtime } = resumable();
  Object.assign(window, {
    client: supabase.createClient(location.origin, "${ANON_KEY}", location.search === "?tokens"
      ? { accessToken: async () => window.token ?? null, realtime: { reconnectAfterMs: () => 50 } }
      : { realtime: { reconnectAfterMs: () => 50 } }),
    resuming: () => supabase.createClient(location.origin, "${ANON_KEY}", { realtime: { ...realtime, reconnectAfterMs: () => 50 } }),
    heard: (name, item) => (waiting[name]?.length ? waiting[name].shift()(item) : (queues[name] ??= []).push(item)),
    next: (name) => (queues[name]?.length ? queues[name].shift() : new Promise((done, failed) => {
      (waiting[name] ??= []).push(done);
      setTimeout(failed, 8000, new Error("nothing came in time: " + name));
    })),
    left: (name) => queues[name] ?? [],
    // Resolves with the first state; later ones are heard as "state".
    subscribed: (channel) => new Promise((done) => {
      let isFirst = true;
      channel.subscribe((state, error) => {
        if (isFirst) done(error ? state + " " + error.message : state);
        else heard("state", state);
        isFirst = false;
      });
    }),
    // Listens to a table; resolves when changes flow.
    listening: (from, table, name) => new Promise((done) =>
      from.channel(name)
        .on("system", {}, (m) => m.extension === "postgres_changes" && (done(m.status), heard(name + " flows", m.status)))
        .on("postgres_changes", { event: "*", schema: "public", table }, (change) => heard(name, change))
        .subscribe((state, error) => error && done(error.message))),
  });
  document.body.dataset.ready = "yes";
</script><body><h1>realtime</h1></body>`;

describe("realtime in a browser", { skip: existsSync(BROWSER) ? false : `there is no browser at ${BROWSER}` }, () => {
  let server, browser, ada, bob;
  const book = (isbn, title) => ({ isbn, title, pages: 7 });
  const write = (method, query, body, at = server) =>
    at.fetch(`/rest/v1/books${query}`, { method, key: SERVICE_KEY, body }).then((answer) => assert.ok(answer.ok, `${method}: ${answer.status}`));
  const start = (dir, port) => Server.start({ dir, port, env: { SOCLE_THREADS: "2", SOCLE_JWT_SECRET: JWT_SECRET } });

  // A page of its own storage: another person.
  const open = async (query = "") => {
    const page = await (await browser.newContext()).newPage();
    page.setDefaultTimeout(8000);
    await page.goto(`${server.url}/page.html${query}`);
    await page.waitForSelector("body[data-ready]");
    return page;
  };
  const next = (page, name) => page.evaluate((name) => next(name), name);
  const signUp = (page, name) =>
    page.evaluate(async (email) => (await client.auth.signUp({ email, password: "correct horse battery" })).data.session?.user.email, `${name}@example.com`);

  before(async () => {
    const files = {
      "public/page.html": PAGE,
      "public/supabase.js": readFileSync(join(ROOT, "tests/node_modules/@supabase/supabase-js/dist/umd/supabase.js"), "utf8"),
      "public/resume.mjs": readFileSync(join(ROOT, "examples/resume.mjs"), "utf8"),
      "realtime/policies.json": POLICIES,
    };
    const dir = makeApp({ files });
    [server, browser] = await Promise.all([freePort().then((port) => start(dir, port)), chromium.launch({ executablePath: BROWSER, args: FLAGS })]);
    [ada, bob] = await Promise.all([open(), open()]);
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  it("signs in and hears inserts, updates and deletes", async () => {
    assert.equal(await signUp(ada, "ada"), "ada@example.com");
    assert.equal(await ada.evaluate(() => listening(client, "books", "books")), "ok");
    const said = await ada.evaluate(async (book) => {
      const answers = [await client.from("books").insert(book), await client.from("books").update({ title: "Second" }).eq("isbn", book.isbn),
        await client.from("books").delete().eq("isbn", book.isbn)];
      return answers.map(({ error }) => error);
    }, book("2222222221", "First"));
    assert.deepEqual(said, [null, null, null]);
    const changes = [await next(ada, "books"), await next(ada, "books"), await next(ada, "books")];
    assert.deepEqual(changes.map((c) => [c.eventType, c.new.title, c.old.isbn]), [["INSERT", "First", undefined],
      ["UPDATE", "Second", "2222222221"], ["DELETE", undefined, "2222222221"]]);
  });

  it("speaks from page to page", async () => {
    for (const page of [ada, bob])
      assert.equal(await page.evaluate(() => subscribed((window.room = client.channel("room").on("broadcast", { event: "*" }, (m) => heard("room", m))))), "SUBSCRIBED");
    await ada.evaluate(() => room.send({ type: "broadcast", event: "say", payload: { text: "ä€😀" } }));
    await ada.evaluate(() => room.send({ type: "broadcast", event: "bytes", payload: new Uint8Array([0, 1, 255]).buffer }));
    const said = await next(bob, "room");
    assert.deepEqual([said.event, said.payload], ["say", { text: "ä€😀" }]);
    assert.deepEqual(await bob.evaluate(async () => [...new Uint8Array((await next("room")).payload)]), [0, 1, 255]);
    await bob.evaluate(() => room.send({ type: "broadcast", event: "answer", payload: {} }));
    assert.equal((await next(ada, "room")).event, "answer");
    assert.deepEqual(await ada.evaluate(() => left("room")), []); // nothing of what it said itself
  });

  it("knows who is there, and that a page was closed", async () => {
    const watch = (page, key) =>
      page.evaluate(async (key) => {
        window.lobby = client.channel("lobby", { config: { presence: { key } } });
        for (const event of ["join", "leave"]) lobby.on("presence", { event }, (m) => m.key !== key && heard(event, m.key));
        return [await subscribed(lobby), await lobby.track({ from: key })];
      }, key);
    const carol = await open();
    assert.deepEqual(await watch(ada, "ada"), ["SUBSCRIBED", "ok"]);
    assert.deepEqual(await watch(carol, "carol"), ["SUBSCRIBED", "ok"]);
    assert.equal(await next(ada, "join"), "carol");
    assert.deepEqual(await ada.evaluate(() => Object.keys(lobby.presenceState()).sort()), ["ada", "carol"]);
    await carol.close();
    assert.equal(await next(ada, "leave"), "carol");
    assert.deepEqual(await ada.evaluate(() => Object.keys(lobby.presenceState())), ["ada"]);
  });

  it("lets in to a private channel whom its policy lets in", async () => {
    const join = (page, name) => page.evaluate((name) => subscribed(client.channel(name, { config: { private: true } })), name);
    assert.equal(await join(ada, "members"), "SUBSCRIBED");
    assert.match(await join(ada, "others"), /^CHANNEL_ERROR .*Unauthorized: You do not have permissions to read from this Channel topic: others/);
    assert.match(await join(bob, "members"), /^CHANNEL_ERROR .*Unauthorized: /); // not signed in
  });

  it("goes on when the session is refreshed", async () => {
    const sent = [];
    const page = await (await browser.newContext()).newPage();
    page.on("websocket", (ws) => ws.on("framesent", ({ payload }) => sent.push(String(payload))));
    await page.goto(`${server.url}/page.html`);
    await page.waitForSelector("body[data-ready]");
    await signUp(page, "dora");
    assert.equal(await page.evaluate(() => listening(client, "books", "books")), "ok");
    const tokens = await page.evaluate(async () => {
      const before = (await client.auth.getSession()).data.session.access_token;
      const { data } = await client.auth.refreshSession();
      await client.realtime.setAuth(); // after supabase-js's own, which may be under way
      return [before, data.session.access_token];
    });
    assert.notEqual(tokens[0], tokens[1]);
    assert.ok(sent.some((frame) => frame.includes('"access_token"') && frame.includes(tokens[1]) && !frame.includes("phx_join")), "the new token was sent");
    await write("POST", "", book("3333333331", "After the refresh"));
    assert.equal((await next(page, "books")).new.title, "After the refresh");
    await page.close();
  });

  it("outlives its first token when it shows another, and is closed otherwise", async () => {
    const [renewed, forgotten] = await Promise.all([open("?tokens"), open("?tokens")]);
    const show = (page, token) => page.evaluate((token) => ((window.token = token), client.realtime.setAuth()), token);
    const short = makeToken("eve", 3);
    for (const page of [renewed, forgotten]) {
      await show(page, short);
      assert.equal(await page.evaluate(() => subscribed(client.channel("members", { config: { private: true } }))), "SUBSCRIBED");
    }
    assert.equal(await renewed.evaluate(() => listening(client, "books", "books")), "ok");
    await show(renewed, makeToken("eve"));
    assert.equal(await next(forgotten, "state"), "CLOSED"); // when `short` expires
    await write("POST", "", book("3333333332", "After the first token"));
    assert.equal((await next(renewed, "books")).new.title, "After the first token");
    assert.deepEqual(await renewed.evaluate(() => left("state")), []);
  });

  it("hears what it missed while the server was away", async () => {
    const page = await open();
    assert.equal(await page.evaluate(() => listening((window.own = resuming()), "books", "resumed")), "ok");
    await next(page, "resumed flows");
    await write("POST", "", book("4444444441", "Before"));
    assert.equal((await next(page, "resumed")).new.title, "Before");
    const { dir, port } = server;
    await server.stop();
    const elsewhere = await start(dir, await freePort());
    await write("POST", "", book("4444444442", "Missed"), elsewhere);
    await write("PATCH", "?isbn=eq.4444444442", { title: "Missed, too" }, elsewhere);
    await elsewhere.stop();
    server = await start(dir, port);
    assert.equal(await next(page, "resumed flows"), "ok");
    await write("DELETE", "?isbn=eq.4444444442");
    const changes = [await next(page, "resumed"), await next(page, "resumed"), await next(page, "resumed")];
    assert.deepEqual(changes.map((c) => [c.eventType, c.new.title ?? c.old.isbn]), [["INSERT", "Missed"], ["UPDATE", "Missed, too"], ["DELETE", "4444444442"]]);
    assert.deepEqual(await page.evaluate(() => left("resumed")), []);
  });
});
