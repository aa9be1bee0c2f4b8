// keys.test.mjs: `socle keys` beside a running server: rotation signs nobody out, revocation is felt at once.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { socle } from "../lib/cli.mjs";
import { Server } from "../lib/server.mjs";

const MASTER = "Zk3-vQ2mR7pL5wZ8tB4nC6dF1gH0sYa_x9";

describe("socle keys", () => {
  const env = { SOCLE_MASTER_KEY: MASTER };
  let server;
  before(async () => (server = await Server.start({ env })));
  after(() => server?.stop());
  const keys = (...args) => socle(["keys", ...args, server.dir], { env });
  const list = () => JSON.parse(keys("list", "--json").out);
  const kidOf = (token) => JSON.parse(Buffer.from(token.split(".")[0], "base64url")).kid;
  const refresh = async (session) => {
    const answer = await server.fetch("/auth/v1/token?grant_type=refresh_token", { body: { refresh_token: session.refresh_token } });
    assert.equal(answer.status, 200);
    return answer.json();
  };
  const settled = async (test) => {
    for (let i = 0; i < 50; i++, await sleep(100)) if (await test()) return;
    assert.fail("the server did not notice");
  };
  const published = async () => (await (await server.fetch("/auth/v1/.well-known/jwks.json")).json()).keys.map((key) => key.kid);

  it("keeps the private keys sealed", () => {
    const text = readFileSync(join(server.dir, "data/keys.json"), "utf8");
    assert.deepEqual(Object.keys(JSON.parse(text)), ["sealed"]);
    assert.equal(socle(["keys", "list", server.dir]).code, 1);
    assert.deepEqual(list().map((key) => key.state).sort(), ["current", "next"]);
  });

  it("rotates without signing anybody out", async () => {
    const session = await server.user("ada");
    const next = list().find((key) => key.state === "next").kid;
    assert.equal(keys("rotate", "--alg", "EdDSA").code, 0);
    await settled(async () => (await published()).length === 3);
    assert.equal((await server.fetch("/auth/v1/user", { token: session.access_token })).status, 200);
    const renewed = await refresh(session);
    assert.equal(kidOf(renewed.access_token), next);
    assert.equal((await server.fetch("/rest/v1/books?limit=1", { token: renewed.access_token })).status, 200);
    assert.equal(list().find((key) => key.state === "next").alg, "EdDSA");
  });

  it("revokes: tokens of that key are refused, refresh tokens go on", async () => {
    const session = await server.user("bob");
    assert.equal((await server.fetch("/rest/v1/books?limit=1", { token: session.access_token })).status, 200);
    assert.equal(keys("revoke", kidOf(session.access_token)).code, 0);
    await settled(async () => (await server.fetch("/rest/v1/books?limit=1", { token: session.access_token })).status === 401);
    const renewed = await refresh(session);
    assert.equal((await server.fetch("/auth/v1/user", { token: renewed.access_token })).status, 200);
  });

  it("says what is wrong", () => {
    assert.equal(socle(["keys"]).code, 2);
    assert.equal(socle(["keys", "burn"]).code, 2);
    assert.equal(socle(["keys", "revoke"]).code, 2);
    assert.match(keys("rotate", "--alg", "HS256").err, /HS256/);
    assert.match(keys("revoke", "nokey").err, /no key nokey/);
    assert.match(keys("revoke", "-nokey").err, /no key -nokey/); // one kid of 64 begins so
  });
});
