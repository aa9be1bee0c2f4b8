// user.test.mjs: `socle user` on its own and beside a running server.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { socle } from "../lib/cli.mjs";
import { Server, makeApp } from "../lib/server.mjs";

const password = "correct horse battery";

describe("socle user beside a server", () => {
  let server;
  before(async () => (server = await Server.start()));
  after(() => server?.stop());
  const run = (args, input) => socle(["user", ...args], { input });
  const user = (...args) => run([...args, server.dir]);
  const json = (run) => {
    assert.equal(run.code, 0, run.err);
    return run.out.trim().split("\n").filter(Boolean).map((line) => JSON.parse(line));
  };
  const signIn = (email) => server.fetch("/auth/v1/token?grant_type=password", { body: { email, password } });

  it("adds an account that can sign in", async () => {
    const added = run(["add", "Ada@Example.com", "--password-stdin", "--json", server.dir], `${password}\n`);
    const [ada] = json(added);
    assert.equal(ada.email, "ada@example.com");
    assert.ok(ada.email_confirmed_at);
    assert.equal((await signIn("ada@example.com")).status, 200);
  });

  it("adds one without a password, one with a role, one that is not confirmed", async () => {
    assert.match(user("add", "bob@example.com").out, /^[0-9a-f-]{36} {2}bob@example\.com +- +confirmed\n$/);
    assert.equal((await signIn("bob@example.com")).status, 400);
    assert.equal(json(user("add", "root@example.com", "--role", "service_role", "--json"))[0].role, "service_role");
    assert.match(user("add", "carl@example.com", "--unconfirmed").out, / unconfirmed\n$/);
  });

  it("lists them, newest first", () => {
    const emails = json(user("list", "--json")).map(({ email }) => email);
    assert.deepEqual(emails, ["carl@example.com", "root@example.com", "bob@example.com", "ada@example.com"]);
    const lines = user("list").out.trim().split("\n");
    assert.equal(lines.length, 4);
    assert.match(lines[3], / ada@example\.com +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d +confirmed$/);
  });

  it("removes one by address, one by id; the server refuses its tokens within a second", async () => {
    const session = await (await signIn("ada@example.com")).json();
    const status = async () => (await server.fetch("/rest/v1/books?limit=1", { token: session.access_token })).status;
    assert.equal(await status(), 200);
    assert.equal(json(user("remove", "ADA@example.com", "--json"))[0].id, session.user.id);
    for (let i = 0; (await status()) !== 401; i++, await sleep(50)) assert.ok(i < 100, "the server did not notice");
    assert.equal((await signIn("ada@example.com")).status, 400);
    const [bob] = json(user("list", "--json")).filter(({ email }) => email === "bob@example.com");
    assert.equal(user("remove", bob.id).code, 0);
    assert.equal(json(user("list", "--json")).length, 2);
  });

  it("says what is wrong", () => {
    assert.equal(socle(["user"]).code, 2);
    assert.equal(socle(["user", "burn"]).code, 2);
    assert.equal(socle(["user", "add"]).code, 2);
    assert.equal(socle(["user", "list", "--role", "anon"]).code, 2);
    assert.equal(user("add", "carl@example.com").code, 1);
    assert.match(user("add", "carl@example.com").err, /already been registered/);
    assert.match(user("add", "nobody").err, /email address/);
    assert.match(user("add", "dora@example.com", "--role", "king").err, /role must be/);
    assert.match(user("remove", "dora@example.com").err, /nobody has the address dora@example\.com/);
    assert.match(user("remove", "00000000-0000-4000-8000-000000000000").err, /User not found/);
    assert.match(run(["add", "eve@example.com", "--password-stdin", server.dir], "short\n").err, /at least 6/);
    assert.match(run(["add", "eve@example.com", "--password-stdin", server.dir], "").err, /no password/);
    assert.match(socle(["user", "--help"]).out, /socle user remove/);
  });
});

describe("socle user without a server", () => {
  it("needs neither key nor server", async () => {
    const dir = makeApp();
    const user = (...args) => socle(["user", ...args, dir], { input: `${password}\n` });
    assert.equal(user("add", "ada@example.com", "--password-stdin").code, 0);
    assert.equal(user("add", "bob@example.com").code, 0);
    assert.equal(user("remove", "bob@example.com").code, 0);
    assert.match(user("list").out, /^[0-9a-f-]{36} {2}ada@example\.com +- +confirmed\n$/);
    const server = await Server.start({ dir });
    const answer = await server.fetch("/auth/v1/token?grant_type=password", { body: { email: "ada@example.com", password } });
    assert.equal(answer.status, 200);
    await server.stop();
    rmSync(dir, { recursive: true });
  });
});
