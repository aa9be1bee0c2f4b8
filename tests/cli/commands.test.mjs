// commands.test.mjs: the commands' contracts (DESIGN.md section 4): output, exit codes, what goes to stdout and what to stderr.
import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { generateKeyPairSync, createPublicKey } from "node:crypto";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import { scratch, socle } from "../lib/cli.mjs";
import { freshDatabase, psql, SKIP } from "../lib/postgres.mjs";
import { makeApp, ROOT, SERVICE_KEY, Server } from "../lib/server.mjs";
import { JWT_SECRET } from "../lib/token.mjs";

describe("socle", () => {
  it("prints help on stdout and fails without a command", () => {
    const help = socle(["--help"]);
    assert.equal(help.code, 0);
    assert.match(help.out, /socle serve \[DIR\]/);
    assert.equal(socle([]).code, 2);
    const unknown = socle(["nothing"]);
    assert.equal(unknown.code, 2);
    assert.match(unknown.err, /no command "nothing"/);
  });
  for (const command of ["init", "dev", "serve", "migrate", "policy", "config", "keys", "jwt", "json", "schema", "ws"])
    it(`${command} has help`, () => {
      const { code, out } = socle([command, "--help"]);
      assert.equal(code, 0);
      assert.match(out, new RegExp(`socle ${command}`));
    });
  it("refuses an unknown option", () => assert.equal(socle(["config", "--loud"]).code, 2));
});

describe("json check", () => {
  const dir = scratch({ "good.json": '{"a":[1,2.50,"\\u00e9"]}', "bad.json": '{"a":1,}', "twice.json": '{"a":1,"a":2}' });
  it("good", () => assert.deepEqual(socle(["json", "check", join(dir, "good.json")]), { code: 0, out: "valid\n", err: "" }));
  it("bad, with the byte", () => {
    const { code, out } = socle(["json", "check", join(dir, "bad.json")]);
    assert.equal(code, 1);
    assert.match(out, /^invalid: .* at byte 7\n$/);
  });
  it("a member twice is legal, but said", () => {
    const { code, out, err } = socle(["json", "check", join(dir, "twice.json")]);
    assert.equal(code, 0);
    assert.equal(out, "valid\n");
    assert.match(err, /at byte 7/);
  });
  it("several files, one bad", () => {
    const { code, out } = socle(["json", "check", join(dir, "good.json"), join(dir, "bad.json")]);
    assert.equal(code, 1);
    assert.equal(out.split("\n").length, 3);
  });
});

describe("jwt", () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const dir = scratch({
    "private.json": JSON.stringify({ ...privateKey.export({ format: "jwk" }), alg: "ES256", kid: "k1" }),
    "public.json": JSON.stringify({ keys: [{ ...createPublicKey(privateKey).export({ format: "jwk" }), alg: "ES256", kid: "k1" }] }),
    secret: "a shared secret of more than 32 bytes\n",
  });
  const file = (name) => join(dir, name);
  const token = socle(["jwt", "sign", "--key", file("private.json"), '{"sub":"ada","exp":2000000000,"aud":"shop"}']).out.trim();

  it("signs what it verifies", () => {
    const { code, out } = socle(["jwt", "verify", "--keys", file("public.json"), "--now", "1900000000", token]);
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(out), { sub: "ada", exp: 2000000000, aud: "shop" });
  });
  const REFUSED = [
    ["expired", ["--now", "2000000000"], token, /expired/],
    ["another audience", ["--now", "1900000000", "--aud", "bank"], token, /aud/],
    ["altered", ["--now", "1900000000"], token.slice(0, -4) + "AAAA", /signature/],
    ["no token at all", ["--now", "1900000000"], "a.b", /./],
  ];
  for (const [name, args, bad, why] of REFUSED)
    it(`refuses: ${name}`, () => {
      const { code, out, err } = socle(["jwt", "verify", "--keys", file("public.json"), ...args, bad]);
      assert.equal(code, 1);
      assert.equal(out, "");
      assert.match(err, why);
    });
  it("takes a raw secret", () => {
    const made = socle(["jwt", "sign", "--key", file("secret"), "--secret", '{"role":"anon"}']).out.trim();
    assert.equal(socle(["jwt", "verify", "--keys", file("secret"), "--secret", made]).code, 0);
    assert.equal(socle(["jwt", "verify", "--keys", file("public.json"), made]).code, 1);
  });
  it("an unreadable key is 2", () => assert.equal(socle(["jwt", "verify", "--keys", file("nothing"), token]).code, 2));
  it("decode shows both parts and says that nothing is verified", () => {
    const { code, out, err } = socle(["jwt", "decode", token]);
    assert.equal(code, 0);
    assert.deepEqual(out.trim().split("\n").map((line) => JSON.parse(line).sub ?? JSON.parse(line).alg), ["ES256", "ada"]);
    assert.match(err, /not verified/);
  });
  it("reads a token from stdin", () => assert.equal(socle(["jwt", "decode", "-"], { input: token + "\n" }).code, 0));
});

describe("schema explain", () => {
  it("shows columns, checks and policies", () => {
    const { code, out } = socle(["schema", "explain", join(ROOT, "examples/bookstore/schemas/books.json")]);
    assert.equal(code, 0);
    assert.match(out, /^table books: Book\n/);
    assert.match(out, /isbn +text +not null +pattern "\^\[0-9X\]/);
    assert.match(out, /author_id +uuid +nullable +references authors\.id/);
    assert.match(out, /update: owner_id = auth\.uid\(\)/);
  });
  it("says what is no table", () => assert.equal(socle(["schema", "explain", join(ROOT, "README.md")]).code, 2));
});

describe("init, migrate, serve", () => {
  const dir = join(scratch(), "app");
  it("init makes a folder that is ready", () => {
    const { code } = socle(["init", dir]);
    assert.equal(code, 0);
    assert.ok(existsSync(join(dir, "schemas/notes.json")));
    assert.equal(statSync(join(dir, ".env")).mode & 0o777, 0o600);
    assert.equal(statSync(join(dir, "data/keys.json")).mode & 0o777, 0o600);
    assert.match(readFileSync(join(dir, ".env"), "utf8"), /SOCLE_SERVICE_KEY=sb_secret_\w{32}/);
  });
  it("init again changes nothing", () => {
    const before = readFileSync(join(dir, ".env"), "utf8");
    assert.equal(socle(["init", dir]).code, 0);
    assert.equal(readFileSync(join(dir, ".env"), "utf8"), before);
  });
  it("the plan after init is empty", () => {
    assert.match(socle(["migrate", "plan", dir]).out, /nothing to change/);
    assert.equal(socle(["migrate", "status", dir]).code, 0);
  });
  it("a rename keeps the data, a drop is refused without the flag", () => {
    const file = join(dir, "schemas/notes.json");
    const schema = JSON.parse(readFileSync(file, "utf8"));
    schema.properties.body = { ...schema.properties.text, "x-renamed-from": "text" };
    delete schema.properties.text;
    schema.required = ["body"];
    writeFileSync(file, JSON.stringify(schema));
    assert.equal(socle(["migrate", "status", dir]).code, 1);
    const applied = socle(["migrate", "apply", dir]);
    assert.equal(applied.code, 0, applied.err);
    assert.match(applied.out, /rename/i);
    assert.match(socle(["migrate", "plan", dir]).out, /nothing to change/);
  });
  it("a wrong schema file stops the start with file, pointer and reason", () => {
    const bad = makeApp({ files: { "schemas/bad.json": { type: "object", properties: { a: { type: "strin" } } } } });
    const { code, err } = socle(["migrate", "plan", bad]);
    assert.equal(code, 1);
    assert.match(err, /bad\.json#\/properties\/a\/type/);
    rmSync(bad, { recursive: true });
  });
  it("serve refuses placeholders, weak keys and a database that does not fit", () => {
    const env = { PORT: "0" };
    const fresh = makeApp();
    assert.match(socle(["serve", fresh], { env }).err, /SOCLE_ANON_KEY is not set/);
    assert.match(socle(["serve", fresh], { env: { ...env, SOCLE_ANON_KEY: "short" } }).err, /too short/);
    const keys = { SOCLE_ANON_KEY: "sb_publishable_0123456789", SOCLE_SERVICE_KEY: "changeme-changeme-changeme" };
    assert.match(socle(["serve", fresh], { env: { ...env, ...keys } }).err, /placeholder/);
    const { code, err } = socle(["serve", fresh], { env: { ...env, SOCLE_ANON_KEY: keys.SOCLE_ANON_KEY } });
    assert.equal(code, 1);
    assert.match(err, /does not fit/);
    assert.match(err, /socle migrate/);
    rmSync(fresh, { recursive: true });
  });
  it("a bad setting stops the start with one line", () => {
    const { code, err } = socle(["config"], { env: { PORT: "many" } });
    assert.equal(code, 1);
    assert.equal(err, 'socle: PORT is "many", but must be a whole number from 0 to 65535\n');
  });
  const value = (out, name) => JSON.parse(out).find((row) => row.name === name).value;
  for (const [env, name, want] of [
    [{ PGRST_DB_MAX_ROWS: "7" }, "SOCLE_DB_MAX_ROWS", "7"],
    [{ PGRST_DB_CONFIG: "false", PGRST_JWT_SECRET_IS_BASE64: "no", PGRST_DB_POOL: "9" }, "SOCLE_DB_POOL", "9"],
    [{ PGRST_DB_CHANNEL_ENABLED: "false" }, "SOCLE_DB_CHANNEL", ""],
    [{ PGRST_DB_CHANNEL_ENABLED: "true" }, "SOCLE_DB_CHANNEL", "pgrst"],
    [{ PGRST_DB_MAX_ROWS: "7", SOCLE_DB_MAX_ROWS: "8" }, "SOCLE_DB_MAX_ROWS", "8"],
    [{ SOCLE_MAX_ROWS: "9" }, "SOCLE_DB_MAX_ROWS", "9"],
    [{ PGRST_DB_TX_END: "rollback-allow-override" }, "SOCLE_DB_TX_END", "rollback-allow-override"],
    [{ PGRST_DB_AGGREGATES_ENABLED: "true" }, "SOCLE_DB_AGGREGATES_ENABLED", "true"],
    [{ PGRST_DB_PLAN_ENABLED: "1" }, "SOCLE_DB_PLAN_ENABLED", "true"],
    [{ PGRST_OPENAPI_MODE: "disabled" }, "SOCLE_OPENAPI_MODE", "disabled"],
    [{ PGRST_SERVER_PORT: "3000" }, "PORT", "3000"],
    [{ PGRST_SERVER_HOST: "!4" }, "HOST", "0.0.0.0"],
    [{ PGRST_DB_SCHEMAS: "api,private" }, "SOCLE_DB_SCHEMAS", "api,private"],
    [{ PGRST_DB_ANON_ROLE: "web_anon" }, "SOCLE_DB_ANON_ROLE", "web_anon"],
    [{ PGRST_DB_EXTRA_SEARCH_PATH: "extensions" }, "SOCLE_DB_EXTRA_SEARCH_PATH", "extensions"],
    [{ PGRST_DB_PRE_REQUEST: "check_it" }, "SOCLE_DB_PRE_REQUEST", "check_it"],
    [{ PGRST_JWT_AUD: "shop" }, "SOCLE_JWT_AUD", "shop"],
    [{ PGRST_JWT_ROLE_CLAIM_KEY: ".app.role" }, "SOCLE_JWT_ROLE_CLAIM_KEY", ".app.role"],
    [{ PGRST_JWT_SECRET: "a".repeat(40) }, "SOCLE_JWT_SECRET", "(set, 40 bytes)"],
    [{ SOCLE_REST_PATH: "/" }, "SOCLE_REST_PATH", ""],
    [{ SOCLE_REST_PATH: "/api/" }, "SOCLE_REST_PATH", "/api"],
    [{ SOCLE_AUTH_PROVIDERS: "my-idp", SOCLE_AUTH_MY_IDP_CLIENT_ID: "app" }, "SOCLE_AUTH_MY_IDP_CLIENT_ID", "app"],
    [{ SOCLE_AUTH_PROVIDERS: "google", GOTRUE_EXTERNAL_GOOGLE_CLIENT_ID: "app" }, "SOCLE_AUTH_GOOGLE_CLIENT_ID", "app"],
    [{ SOCLE_AUTH_PROVIDERS: "google", SOCLE_AUTH_GOOGLE_CLIENT_ID: "a", GOTRUE_EXTERNAL_GOOGLE_SECRET: "hidden" }, "SOCLE_AUTH_GOOGLE_CLIENT_SECRET", "(set, 6 bytes)"],
  ])
    it(`${JSON.stringify(env)} sets ${name}`, () => assert.equal(value(socle(["config", "--json"], { env }).out, name), want));
  for (const [env, why] of [
    [{ SOCLE_DB_TX_END: "never" }, /SOCLE_DB_TX_END is "never", but must be one of commit\|/],
    [{ SOCLE_AUTH_PROVIDERS: "google" }, /SOCLE_AUTH_PROVIDERS names "google", but SOCLE_AUTH_GOOGLE_CLIENT_ID is not set/],
    [{ SOCLE_AUTH_PROVIDERS: "google,,acme", SOCLE_AUTH_GOOGLE_CLIENT_ID: "a" }, /SOCLE_AUTH_PROVIDERS holds ""/],
    [{ SOCLE_AUTH_PROVIDERS: "My IdP" }, /SOCLE_AUTH_PROVIDERS holds "My IdP": a name is at most 32 of the characters a-z 0-9 - _/],
    [{ SOCLE_AUTH_PROVIDERS: "a", SOCLE_AUTH_A_CLIENT_ID: "x", SOCLE_AUTH_A_EMAIL_OPTIONAL: "perhaps" }, /SOCLE_AUTH_A_EMAIL_OPTIONAL is "perhaps", but must be true or false/],
    [{ PGRST_DB_CONFIG: "true" }, /PGRST_DB_CONFIG is set, but not known here: settings are read from the environment/],
    [{ PGRST_JWT_SECRET_IS_BASE64: "true" }, /PGRST_JWT_SECRET_IS_BASE64 is set, but not known here: .* decode it first/],
    [{ PGRST_DB_ROOT_SPEC: "root" }, /PGRST_DB_ROOT_SPEC is set, but not known here/],
    [{ PGRST_SERVER_UNIX_SOCKET: "/run/pgrst.sock" }, /PGRST_SERVER_UNIX_SOCKET is set, but not known here: Socle listens on HOST and PORT only/],
    [{ PGRST_DB_CHANNEL_ENABLED: "perhaps" }, /PGRST_DB_CHANNEL_ENABLED is "perhaps", but must be true or false/],
    [{ SOCLE_REST_PATH: "rest" }, /SOCLE_REST_PATH is "rest", but must be a path that begins with \//],
  ])
    it(`refuses ${JSON.stringify(env)}`, () => assert.match(socle(["config"], { env }).err, why));
  it("a provider's secret may lie in a file", () => {
    const dir = scratch({ secret: "from-a-file\n" });
    const { out } = socle(["config"], { env: { SOCLE_AUTH_PROVIDERS: "acme", SOCLE_AUTH_ACME_CLIENT_ID: "app", SOCLE_AUTH_ACME_CLIENT_SECRET_FILE: join(dir, "secret") } });
    assert.match(out, /SOCLE_AUTH_ACME_CLIENT_SECRET=\(set, 11 bytes\)/);
    assert.doesNotMatch(out, /from-a-file/);
  });
  it("config masks secrets", () => {
    const { out } = socle(["config"], { env: { SOCLE_SERVICE_KEY: "sb_secret_visible" } });
    assert.doesNotMatch(out, /visible/);
    assert.match(out, /SOCLE_SERVICE_KEY=\(set, 17 bytes\)/);
  });
  it("dev reloads when a schema file is saved", async () => {
    const server = await Server.start();
    try {
      const file = join(server.dir, "schemas/authors.json");
      const schema = JSON.parse(readFileSync(file, "utf8"));
      schema.properties.nickname = { type: "string" };
      writeFileSync(file, JSON.stringify(schema));
      for (let i = 0; i < 400 && !/reloaded/.test(server.log); i++) await new Promise((done) => setTimeout(done, 50));
      const answer = await server.fetch("/rest/v1/authors?select=name,nickname&limit=1");
      assert.equal(answer.status, 200, server.log);
      writeFileSync(file, "{ broken");
      for (let i = 0; i < 400 && !/serving on as before/.test(server.log); i++) await new Promise((done) => setTimeout(done, 50));
      assert.match(server.log, /authors\.json/);
      assert.equal((await server.fetch("/rest/v1/authors?limit=1")).status, 200);
    } finally {
      await server.stop();
    }
  });
});

describe("two processes and one database", () => {
  it("serve it together, and a migration is refused", async () => {
    const server = await Server.start(), other = await Server.start({ dir: server.dir, command: "serve" });
    try {
      const { code, err } = socle(["migrate", "apply", server.dir]);
      assert.equal(code, 1, err);
      assert.match(err, new RegExp(`another process \\(pid (${server.child.pid}|${other.child.pid})\\) serves the database .*socle.db`));
      assert.match(err, /stop it first/);
      assert.equal(socle(["migrate", "status", server.dir]).code, 0);
      const insert = (on, n) => on.fetch("/rest/v1/authors", { key: SERVICE_KEY, body: { name: `Author ${n}` } });
      const answers = await Promise.all(Array.from({ length: 40 }, (_, n) => insert(n % 2 ? server : other, n)));
      assert.deepEqual([...new Set(answers.map((answer) => answer.status))], [201]);
      for (const on of [server, other])
        assert.deepEqual(await (await on.fetch("/rest/v1/authors?select=count()&name=like.Author*")).json(), [{ count: 40 }]);
    } finally {
      await other.stop();
      await server.stop();
    }
  });
});

describe("policy", () => {
  const dir = makeApp();
  after(() => rmSync(dir, { recursive: true, force: true }));
  const policy = (...args) => socle(["policy", ...args, dir]);
  before(() => assert.equal(socle(["migrate", "apply", "--seed", dir]).code, 0));

  it("lists what the files say", () => {
    const { out } = policy("list");
    assert.match(out, /^authors\n {2}select {2}true\n {2}insert {2}auth.role\(\) = 'authenticated'\n {2}update {2}\(closed: no policy\)/);
    assert.deepEqual(JSON.parse(policy("list", "--json").out).books, {
      select: "true", insert: "auth.role() = 'authenticated'", update: "owner_id = auth.uid()", delete: "owner_id = auth.uid()", check: "true" });
  });
  it("tells the rule and the values that decided", () => {
    const { out } = policy("explain", "--as", "anon", "--body", '{"pages": 5}', "PATCH books?isbn=eq.9780000000001");
    assert.match(out, /^as anon\nbooks \{"isbn":"9780000000001"\}: no\n {2}DENIED {2}by update: owner_id = auth.uid\(\) {3}where \{"owner_id":null\}\n {2}allowed by select: true/);
    assert.match(out, /0 of 1 row\n$/);
  });
  it("tells of the new row", () => {
    const [row] = JSON.parse(policy("explain", "--json", "--as", "anon", "--body", '{"name": "N"}', "POST /rest/v1/authors").out).rows;
    assert.equal(row.allowed, false);
    assert.match(row.key.id, /^[0-9a-f-]{36}$/);
    assert.deepEqual(row.policies, [{ policy: "insert", source: "auth.role() = 'authenticated'", row: "new", allows: false, values: {} }]);
  });
  it("the service is above them", () => assert.match(policy("explain", "--as", "service", "DELETE authors").out, /3 of 3 rows\n$/));
  for (const [args, code, why] of [
    [["explain", "--as", "nobody@example.com", "GET books"], 1, /no user "nobody@example.com"/],
    [["explain", "--as", "anon", "GET"], 1, /should be as "GET books/],
    [["explain", "--as", "anon", "GET bookz"], 1, /Could not find the table/],
    [["explain", "--as", "anon", "--claims", "[]", "GET books"], 1, /JSON object/],
    [["explain", "GET books"], 2, /--as WHO/],
    [["forget"], 2, /list, or explain/],
  ])
    it(`refuses ${args.join(" ")}`, () => {
      const got = policy(...args);
      assert.equal(got.code, code);
      assert.match(got.err, why);
    });
});

// A database that Socle did not make: several policies of a command, restrictive ones, roles, a trigger, tables without.
const FOREIGN = `
  DO $$ BEGIN CREATE ROLE t_why_member NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
  CREATE SCHEMA IF NOT EXISTS auth;
  CREATE TABLE auth.users (id uuid PRIMARY KEY, email text);
  INSERT INTO auth.users VALUES ('00000000-0000-4000-8000-00000000000a', 'Ada@Example.com');
  CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT (nullif(current_setting('request.jwt.claims', true), '')::json->>'sub')::uuid $$;
  GRANT USAGE ON SCHEMA auth, public TO anon, authenticated, t_why_member;
  CREATE TABLE teams (id int PRIMARY KEY, lead uuid);
  INSERT INTO teams VALUES (1, '00000000-0000-4000-8000-00000000000a'), (2, NULL);
  CREATE TABLE notes (id int PRIMARY KEY, team int REFERENCES teams, owner uuid, locked bool DEFAULT false, "a ""b""" text[], gone int, stamp text);
  ALTER TABLE notes DROP COLUMN gone;
  INSERT INTO notes VALUES (1, 1, NULL, false, '{x,NULL,"a b"}'), (2, 2, NULL, false, NULL), (3, 2, '00000000-0000-4000-8000-00000000000a', true, NULL);
  CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.stamp := 'now ' || new.id; RETURN new; END $$;
  CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION stamp();
  ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
  ALTER TABLE teams ENABLE ROW LEVEL SECURITY;
  CREATE POLICY "my team" ON teams FOR SELECT TO authenticated USING (lead = auth.uid());
  CREATE POLICY mine ON notes TO authenticated USING (owner = auth.uid());
  CREATE POLICY teams ON notes FOR SELECT TO authenticated USING (EXISTS (SELECT FROM teams WHERE teams.id = notes.team));
  CREATE POLICY "not locked" ON notes AS RESTRICTIVE FOR UPDATE USING (NOT locked) WITH CHECK (stamp <> 'now 9');
  CREATE POLICY others ON notes FOR SELECT TO t_why_member USING (true);
  GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO authenticated;
  GRANT SELECT ON notes TO t_why_member;
  GRANT SELECT ON teams TO authenticated, anon;
  CREATE TABLE plain (id int PRIMARY KEY);
  INSERT INTO plain VALUES (1);
  GRANT SELECT ON plain TO anon;
  CREATE VIEW seen AS SELECT * FROM notes;
  GRANT SELECT ON seen TO anon, authenticated;
  CREATE FUNCTION secret() RETURNS int LANGUAGE sql AS 'SELECT 1';
  REVOKE EXECUTE ON FUNCTION secret FROM public;
  GRANT EXECUTE ON FUNCTION secret TO authenticated;
`;
describe("policy, on a PostgreSQL database of others", { skip: SKIP }, () => {
  const dir = scratch({});
  let database;
  before(() => {
    database = freshDatabase({ sql: FOREIGN });
  });
  after(() => {
    database?.drop();
    rmSync(dir, { recursive: true, force: true });
  });
  const policy = (...args) => socle(["policy", ...args, dir], { env: { DATABASE_URL: database.url, SOCLE_JWT_SECRET: JWT_SECRET } });
  const explain = (who, ...args) => {
    const { code, out, err } = policy("explain", "--json", "--as", who, ...args);
    assert.equal(code, 0, err);
    return JSON.parse(out).rows;
  };
  const allowed = (rows) => rows.filter((row) => row.allowed).map((row) => row.key.id).sort();

  it("lists what the database has", () => {
    const { out } = policy("list");
    assert.match(out, /^notes\n {2}select others to t_why_member: true\n {2}select teams to authenticated: \(EXISTS \( SELECT FROM teams WHERE teams.id = notes.team\)\)\n {2}update not locked \(restrictive\) to public: NOT locked check stamp <> 'now 9'::text\n {2}all {4}mine to authenticated: owner = auth.uid\(\)\n/);
    assert.match(out, /\nplain\n {2}\(open: no row security\)\n/);
    const { notes, plain } = JSON.parse(policy("list", "--json").out);
    assert.deepEqual([notes.row_security, plain.row_security, plain.policies], [true, false, []]);
    assert.deepEqual(notes.policies[0], { policy: "mine", command: "all", permissive: true, roles: ["authenticated"], using: "owner = auth.uid()", check: null });
  });
  it("one of several policies is enough, through those of other tables", () => {
    const rows = explain("ada@example.com", "GET notes");
    assert.deepEqual(allowed(rows), [1, 3]);
    assert.deepEqual(rows[0].policies.map(({ policy, allows }) => [policy, allows]), [["mine", false], ["teams", true]]);
    assert.deepEqual(rows[0].policies[1].values, { team: 1 });
    assert.match(policy("explain", "--as", "ada@example.com", "GET notes?id=eq.1").out,
      /notes \{"id":1\}: yes\n {2}not {5}by mine \(select\): owner = auth.uid\(\) {3}where \{"owner":null\}\n {2}allowed by teams \(select\)/);
  });
  it("a restrictive one must allow; the new row is the one that triggers leave", () => {
    const all = explain("ada@example.com", "--body", '{"locked": true}', "PATCH notes?id=in.(1,3)");
    assert.deepEqual(allowed(all), []);
    const locked = all.find((row) => row.key.id === 3).policies.find(({ policy }) => policy === "not locked");
    assert.deepEqual(locked, { policy: "not locked", command: "update", source: "NOT locked", row: "old", allows: false, values: { locked: true, stamp: null } });
    const [renamed] = explain("ada@example.com", "--body", '{"id": 9}', "PATCH notes?id=eq.3");
    assert.deepEqual(renamed.policies.filter(({ policy, row }) => policy === "not locked" && row === "new")[0].values, { locked: true, stamp: "now 9" });
  });
  it("new rows, deletes, and what has no policy", () => {
    const as = "00000000-0000-4000-8000-00000000000a";
    assert.deepEqual(allowed(explain(as, "--body", `[{"id": 7, "owner": "${as}"}, {"id": 8, "owner": null}]`, "POST notes")), [7]);
    assert.deepEqual(allowed(explain(as, "DELETE notes")), [3]);
    assert.deepEqual(explain(as, "--body", '{"id": 5}', "POST teams")[0].policies.map(({ policy, source, allows }) => [policy, source, allows]),
      [["GRANT", "no privilege to insert", false], ["insert", null, false]]);
    assert.deepEqual(allowed(explain("anon", "GET plain")), [1]);
    assert.equal(psql(database.url, "SELECT count(*), max(id), count(stamp) FROM notes"), "3|3|0");
  });
  it("another role of the database", () => {
    assert.deepEqual(allowed(explain("anon", "--claims", '{"role": "t_why_member"}', "GET notes")), [1, 2, 3]);
    assert.deepEqual(allowed(explain("anon", "GET notes")), []);
  });
  it("functions, and what it cannot answer", () => {
    assert.match(policy("explain", "--as", "anon", "POST rpc/secret").out, /secret: DENIED/);
    assert.match(policy("explain", "--as", "ada@example.com", "POST rpc/secret").out, /secret: may be called/);
    assert.match(policy("explain", "--as", "anon", "GET seen").err, /is a view: ask about the tables/);
    assert.match(policy("explain", "--as", "eve@example.com", "GET notes").err, /no user "eve@example.com"/);
    assert.match(policy("explain", "--as", "anon", "--body", '{"id": 1}', "POST notes").err, /duplicate key/);
  });
});
