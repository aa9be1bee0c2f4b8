// matrix.test.mjs: who may do what, generated from the schema files and tried through every door.
//
// The example's tables and two more; each policy is read from its file and judged here, in a few lines of its own.  Every
// caller then tries every command on every row, and reads through lists, counts, embedding, CSV, functions: the server, and
// `socle policy explain`, must say what the files say.  All writes are undone (SOCLE_DB_TX_END), so that no try sees another.
import assert from "node:assert/strict";
import { readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import { socle } from "../lib/cli.mjs";
import { JWT_SECRET, makeToken } from "../lib/token.mjs";
import { freshDatabase, SKIP } from "../lib/postgres.mjs";
import { makeApp, SERVICE_KEY, Server } from "../lib/server.mjs";

const own = { select: "owner_id = auth.uid()", insert: "owner_id = auth.uid()", update: "owner_id = auth.uid()", delete: "owner_id = auth.uid()" };
const owned = (policies) => ({
  type: "object",
  properties: { id: { type: "integer" }, line: { type: "string" }, owner_id: { type: "string", format: "uuid" }, isbn: { type: "string", "x-references": "books.isbn" } },
  required: ["id"], "x-primary-key": ["id"], ...(policies && { "x-policies": policies }),
});
const functions = ["books", "diary", "vault"].map((table) => [
  `functions/all_${table}.sql`, `/* {"returns": "${table}[]", "roles": ["anon", "authenticated"]} */ SELECT * FROM ${table}`]);
const dir = makeApp({ seed: null, files: { "schemas/diary.json": owned(own), "schemas/vault.json": owned(), ...Object.fromEntries(functions) } });
const schemas = Object.fromEntries(
  readdirSync(join(dir, "schemas")).map((file) => [file.replace(".json", ""), JSON.parse(readFileSync(join(dir, "schemas", file), "utf8"))]));

// What the rows are, by table; OWNER stands for ada.
const AUTHOR = "00000001-0000-4000-8000-000000000001";
const ROWS = (owner) => ({
  authors: [{ id: AUTHOR, name: "Ada Byrd" }],
  books: [{ isbn: "1111111111", title: "hers", pages: 1, author_id: AUTHOR, owner_id: owner }, { isbn: "2222222222", title: "nobody's", pages: 2, author_id: AUTHOR, owner_id: null }],
  diary: [{ id: 1, line: "hers", owner_id: owner, isbn: "1111111111" }, { id: 2, line: "nobody's", owner_id: null, isbn: "1111111111" }],
  vault: [{ id: 1, line: "closed", owner_id: owner, isbn: "1111111111" }],
});
const NEW = (owner) => ({
  authors: { name: "New" },
  books: { isbn: "3333333333", title: "new", pages: 3 },
  diary: { id: 3, line: "new", owner_id: owner },
  vault: { id: 3, line: "new" },
});
const CHANGE = { authors: { name: "changed" }, books: { title: "changed" }, diary: { line: "changed" }, vault: { line: "changed" } };
const keyOf = (table) => schemas[table]["x-primary-key"][0];

// An account that another service keeps.
const madeUser = (name) => {
  const access_token = makeToken(name);
  return { access_token, user: { id: JSON.parse(Buffer.from(access_token.split(".")[1], "base64url")).sub, email: name } };
};

after(() => rmSync(dir, { recursive: true, force: true }));

// A policy's meaning: the three forms that these files have.
function judge(table, command, row, caller) {
  const policy = schemas[table]["x-policies"]?.[command];
  if (caller.role === "service_role") return true;
  if (policy === undefined) return false;
  if (policy === "true") return true;
  if (policy === "auth.role() = 'authenticated'") return caller.role === "authenticated";
  const [, column] = /^(\w+) = auth\.uid\(\)$/.exec(policy);
  return row[column] != null && row[column] === caller.uid;
}

for (const isPostgres of [false, true]) describe(`the policies of the schema files hold at every door of ${isPostgres ? "PostgreSQL" : "SQLite"}`, { skip: isPostgres && SKIP }, () => {
  let server, rows, fresh, database, env;
  const callers = {};
  before(async () => {
    database = isPostgres ? freshDatabase() : undefined;
    env = database ? { DATABASE_URL: database.url, SOCLE_JWT_SECRET: JWT_SECRET } : {};
    server = await Server.start({ dir, env: { SOCLE_DB_TX_END: "rollback-allow-override", ...env } });
    const user = (name) => (isPostgres ? madeUser(name) : server.user(name));
    const ada = await user("ada"), eve = await user("eve");
    Object.assign(callers, {
      anon: { role: "anon", as: {}, who: "anon" },
      ada: { role: "authenticated", uid: ada.user.id, as: { token: ada.access_token }, who: ada.user.id },
      eve: { role: "authenticated", uid: eve.user.id, as: { token: eve.access_token }, who: isPostgres ? eve.user.id : eve.user.email },
      service: { role: "service_role", as: { key: SERVICE_KEY }, who: "service" },
    });
    rows = ROWS(ada.user.id);
    fresh = NEW(ada.user.id);
    for (const [table, list] of Object.entries(rows)) {
      const answer = await server.fetch(`/rest/v1/${table}`, { method: "POST", body: list, headers: { Prefer: "tx=commit" }, key: SERVICE_KEY });
      assert.equal(answer.status, 201, await answer.text());
    }
  });
  after(async () => {
    await server?.stop();
    database?.drop();
  });

  const seen = (table, caller) => rows[table].filter((row) => judge(table, "select", row, caller));
  const keys = (table, list) => list.map((row) => row[keyOf(table)]).sort();
  const call = async (caller, path, options = {}) => server.fetch(path, { ...options, ...caller.as });
  const json = async (caller, path, options) => (await call(caller, path, options)).json();
  const representation = { Prefer: "return=representation" };
  const explained = (caller, request, body) => {
    const { code, out, err } = socle(["policy", "explain", "--json", "--as", caller.who, ...(body ? ["--body", JSON.stringify(body)] : []), request, dir], { env });
    assert.equal(code, 0, err);
    return JSON.parse(out).rows;
  };

  for (const name of ["anon", "ada", "eve", "service"])
    for (const table of Object.keys(schemas)) {
      it(`${name} reads ${table}: list, count, CSV, function, explain`, async () => {
        const caller = callers[name], want = keys(table, seen(table, caller));
        assert.deepEqual(keys(table, await json(caller, `/rest/v1/${table}`)), want);
        const counted = await call(caller, `/rest/v1/${table}`, { method: "HEAD", headers: { Prefer: "count=exact" } });
        assert.equal(counted.headers.get("content-range").split("/")[1], String(want.length));
        const csv = await (await call(caller, `/rest/v1/${table}?select=${keyOf(table)}`, { headers: { Accept: "text/csv" } })).text();
        assert.equal(csv.trimEnd().split("\n").length - 1, want.length);
        if (table !== "authors") assert.deepEqual(keys(table, await json(caller, `/rest/v1/rpc/all_${table}`, { method: "POST", body: {} })), want);
        assert.deepEqual(explained(caller, `GET ${table}`).filter((row) => row.allowed).map((row) => row.key[keyOf(table)]).sort(), want);
      });
      it(`${name} reads ${table} through others: embedded, spread, inner`, async () => {
        const caller = callers[name];
        const parent = { books: "authors", diary: "books", vault: "books", authors: "books" }[table];
        const want = keys(table, seen(table, caller));
        const select = `${keyOf(parent)},${table}(${keyOf(table)})`;
        const embedded = (await json(caller, `/rest/v1/${parent}?select=${select}`)).flatMap((row) => row[table]).filter((row) => row != null);
        assert.deepEqual([...new Set(keys(table, embedded))], want);
        const inner = await json(caller, `/rest/v1/${parent}?select=${keyOf(parent)},${table}!inner(${keyOf(table)})`);
        assert.equal(inner.length > 0, want.length > 0);
        const spread = await json(caller, `/rest/v1/${parent}?select=...${table}(k:${keyOf(table)})`);
        assert.deepEqual([...new Set(spread.flatMap((row) => row.k).filter((k) => k != null))].sort(), want);
      });
      for (const [command, method] of [["update", "PATCH"], ["delete", "DELETE"]])
        it(`${name} ${command}s ${table}, and explain knows`, async () => {
          const caller = callers[name], body = command === "update" ? CHANGE[table] : undefined;
          for (const row of rows[table]) {
            const want = judge(table, command, row, caller) && judge(table, "select", row, caller);
            const path = `${table}?${keyOf(table)}=eq.${row[keyOf(table)]}`;
            // A book that a diary refers to cannot be deleted by anybody: that is no policy's doing.
            const answer = await call(caller, `/rest/v1/${path}`, { method, body, headers: representation });
            if (answer.status === 409) assert.ok(want && command === "delete");
            else assert.deepEqual(keys(table, await answer.json()), want ? [row[keyOf(table)]] : [], path);
            const rule = explained(caller, `${method} ${path}`, body)[0];
            assert.equal(rule.allowed, want);
            const source = schemas[table]["x-policies"]?.[command] ?? null;
            if (caller.role !== "service_role") assert.equal(rule.policies[0].source?.replace(/::text/g, "") ?? null, source); // in PostgreSQL's words
            else if (!isPostgres) assert.equal(rule.policies[0].source, "true");
          }
        });
      it(`${name} inserts into ${table}, and explain knows`, async () => {
        const caller = callers[name], row = fresh[table];
        const want = judge(table, "insert", row, caller);
        const answer = await call(caller, `/rest/v1/${table}`, { method: "POST", body: row, headers: { Prefer: "return=minimal" } });
        assert.equal(answer.status, want ? 201 : caller.role === "anon" ? 401 : 403);
        assert.equal(explained(caller, `POST ${table}`, row)[0].allowed, want);
      });
      it(`${name} upserts over rows of ${table}`, async () => {
        const caller = callers[name];
        for (const row of rows[table]) {
          const body = Object.fromEntries(Object.entries(row).filter(([key]) => !schemas[table].properties[key].readOnly));
          const old = ["update", "select"].every((command) => judge(table, command, row, caller));
          const want = judge(table, "insert", { ...row, ...(schemas[table].properties.owner_id?.readOnly && { owner_id: caller.uid }) }, caller) && old;
          const answer = await call(caller, `/rest/v1/${table}`, { method: "POST", body, headers: { Prefer: "resolution=merge-duplicates" } });
          assert.equal(answer.status < 300, want, `${answer.status} ${JSON.stringify(row)}: ${await answer.text()}`);
        }
      });
    }
  it("the root document names what is open, and only that", async () => {
    for (const caller of Object.values(callers)) {
      const { paths } = await json(caller, "/rest/v1/");
      for (const table of Object.keys(schemas))
        for (const [method, command] of [["get", "select"], ["post", "insert"], ["patch", "update"], ["delete", "delete"]])
          assert.equal(method in (paths[`/${table}`] ?? {}), caller.role === "service_role" || command in (schemas[table]["x-policies"] ?? {}), `${table} ${method}`);
    }
  });
  it("nothing of all this was written", async () => {
    for (const [table, list] of Object.entries(rows)) assert.deepEqual(await json(callers.service, `/rest/v1/${table}?select=count()`), [{ count: list.length }]);
  });
});
