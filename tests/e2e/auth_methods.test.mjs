// auth_methods.test.mjs: the list of auth-js's methods in docs/auth.md holds each method that the client has, and the tests call what it calls
// covered.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";

import { GoTrueAdminApi, GoTrueClient } from "@supabase/supabase-js";

import { ROOT } from "../lib/server.mjs";

// What applications do not call, or what calls nothing.
const INNER = ["constructor", "jwks", "jwks_cached_at", "initialize", "dispose", "isThrowOnErrorEnabled", "fetchJwk", "startAutoRefresh", "stopAutoRefresh", "linkIdentityOAuth", "linkIdentityIdToken", "signInWithEthereum", "signInWithSolana"];
const HAS = {
  auth: Object.getOwnPropertyNames(GoTrueClient.prototype),
  "auth.mfa": Object.keys(new GoTrueClient({ url: "http://127.0.0.1:1", autoRefreshToken: false, persistSession: false }).mfa),
  "auth.admin": [...Object.getOwnPropertyNames(GoTrueAdminApi.prototype), "mfa"],
};
const here = join(ROOT, "tests/e2e");
const tests = readdirSync(here).filter((name) => name !== "auth_methods.test.mjs").map((name) => readFileSync(join(here, name), "utf8")).join("\n");

for (const [part, names] of Object.entries(HAS))
  it(`docs/auth.md lists the methods of ${part}, and the tests call them`, () => {
    const row = readFileSync(join(ROOT, "docs/auth.md"), "utf8").split("\n").find((line) => line.startsWith(`| \`${part}\` |`));
    const [covered, missing] = row.split("|").slice(2, 4).map((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name));
    assert.deepEqual([...covered, ...missing].sort(), names.filter((name) => !name.startsWith("_") && !INNER.includes(name)).sort());
    for (const name of covered) assert.match(tests, new RegExp(`\\.${part.replace(".", "\\.")}\\.${name}\\b`), name);
  });
