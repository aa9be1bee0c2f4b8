// pghttp.mjs [SECONDS]: Socle over HTTP on PostgreSQL beside pgbench with the very statements that Socle sends, prepared and pipelined,
// on the same server with fsync on: what HTTP, tokens and JSON cost.  The two take turns, so that a noisy machine is noisy for both.
import { createHmac } from "node:crypto";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { answers, freePort, pause, ROOT, run, scratch, SOCLE, wrk } from "./lib.mjs";

const seconds = Number(process.argv[2] ?? 4), ROUNDS = 2, CLIENTS = [8, 32];
const SECRET = "a bench secret that is longer than 32 bytes", ISBN = "978-4711";
const newest = readdirSync("/usr/lib/postgresql").sort((a, b) => a - b).at(-1);
const bin = (name) => `/usr/lib/postgresql/${newest}/bin/${name}`;
const dir = scratch(), server = join(dir, "server");
execFileSync("chmod", ["711", dir]);
const postgres = (...args) => execFileSync(join(ROOT, "tests/lib/postgres.sh"), args, { encoding: "utf8" }).trim();
const url = postgres("start", server, "fsync=on", "shared_buffers=256MB", "log_min_messages=log", "log_statement=all");
const psql = (sql) => execFileSync(bin("psql"), ["-X", "-q", "-v", "ON_ERROR_STOP=1", url], { input: sql, encoding: "utf8" });

psql(readFileSync(join(ROOT, "tests/lib/bookstore.sql"), "utf8"));
psql(`INSERT INTO books (isbn, title, pages, price, tags, author_id)
        SELECT '978-' || i, 'Title number ' || i, 1 + i % 900, i * 0.25, '["novel"]', ('0000000' || 1 + i % 3 || '-0000-4000-8000-00000000000' || 1 + i % 3)::uuid
        FROM generate_series(1, 10000) i;
      CREATE SEQUENCE numbers; GRANT ALL ON SEQUENCE numbers TO authenticated;`);

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub: "0b1f2a6e-0000-4000-8000-000000000001", role: "authenticated", exp: 4000000000 })}`;
const token = `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
const headers = { Authorization: `Bearer ${token}` };
const WORK = [
  { title: "one row by key", path: `/rest/v1/books?isbn=eq.${ISBN}`, headers: { ...headers, Accept: "application/vnd.pgrst.object+json" }, status: 200 },
  { title: "25 rows, each with its author, ordered", path: "/rest/v1/books?select=isbn,title,pages,price,authors(name)&order=isbn&limit=25&offset=100", headers, status: 200 },
  { title: "insert one row, fsynced, row returned", path: "/rest/v1/books", headers: { ...headers, "Content-Type": "application/json", Prefer: "return=representation" }, status: 201, inserts: true },
];
const book = (isbn) => `{"isbn":"${isbn}","title":"A book that is new","pages":321,"price":12.5,"tags":["novel"]}`;

// ---- what Socle sends: out of the server's log ----

// "execute name: SQL" and "parameters: $1 = 'a', $2 = 'b'".
function statements(log) {
  const found = [];
  for (const m of log.matchAll(/LOG: {2}execute [^:]*: ([\s\S]*?)\n[^\n]*DETAIL: {2}parameters: ([^\n]*)/g)) {
    const values = [...m[2].matchAll(/\$\d+ = ('(?:[^']|'')*'|NULL)/g)].map(([, text]) => text.slice(1, -1).replaceAll("''", "'"));
    found.push({ sql: m[1].replace(/\s+/g, " "), values });
  }
  return found;
}

async function sent(work) {
  const path = join(server, "log"), before = readFileSync(path, "utf8").length;
  const answer = await fetch(base + work.path, work.inserts ? { method: "POST", headers: work.headers, body: book("first") } : { headers: work.headers });
  if (answer.status !== work.status) throw new Error(`${work.title}: ${answer.status} ${await answer.text()}`);
  await pause(300);
  return statements(readFileSync(path, "utf8").slice(before));
}

// The body's number is new each time; all other values are variables of pgbench, so that they are parameters there, too.
function script(work, list, file) {
  const variables = [];
  const lines = list.map(({ sql, values }) =>
    sql.replace(/\$(\d+)/g, (_, n) => {
      const value = values[n - 1];
      if (value.startsWith('{"isbn"')) return `('${book("2-#")}'::text)`.replace("#", `' || nextval('numbers') || '`).replace(/^\((.*)::text\)$/, "($1)");
      variables.push("-D", `v${variables.length / 2}=${value}`);
      return `:v${variables.length / 2 - 1}`;
    }),
  );
  writeFileSync(file, `\\startpipeline\n${lines.map((line) => line + ";").join("\n")}\n\\endpipeline\n`);
  return variables;
}

const port = await freePort(), base = `http://127.0.0.1:${port}`, empty = scratch();
const start = () =>
  run(SOCLE, ["serve", empty], { env: { PORT: String(port), DATABASE_URL: url, SOCLE_DB_ANON_ROLE: "anon", SOCLE_JWT_SECRET: SECRET, SOCLE_LOG: "warn", ...(process.env.SOCLE_DB_POOL ? { SOCLE_DB_POOL: process.env.SOCLE_DB_POOL } : {}) }, ready: answers(`${base}/health/ready`) });
let socle = start();
try {
  await socle.started;
  for (const work of WORK) {
    work.file = join(dir, `${WORK.indexOf(work)}.sql`);
    work.variables = script(work, await sent(work), work.file);
  }
  await socle.stop(); // its connections log, too
  psql("ALTER SYSTEM SET log_statement = 'none'");
  psql("SELECT pg_reload_conf(); VACUUM ANALYZE; CHECKPOINT;");
  execFileSync("chmod", ["-R", "a+rX", dir]);
  socle = start();
  await socle.started;

  const theirs = (work, clients) => {
    const out = execFileSync(bin("pgbench"), ["-n", "-M", "prepared", "-c", String(clients), "-j", "1", "-T", String(seconds), "-f", work.file, ...work.variables, url], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    return Number(/^tps = ([\d.]+)/m.exec(out)[1]);
  };
  let generation = 0;
  const ours = (work, clients, time, status) => {
    const set = Object.entries(work.headers).map(([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`).join("\n");
    const lua = work.inserts
      ? `${set}\nwrk.method = "POST"\nlocal n = ${++generation * 10000000}\nfunction request() n = n + 1 return wrk.format(nil, ${JSON.stringify(work.path)}, nil, string.format('${book("1-%d")}', n)) end`
      : set;
    return wrk(base + work.path, { lua, connections: clients, seconds: time, status });
  };
  console.log("work                                      clients     socle/s  p99 ms   pgbench/s  socle is");
  for (const work of WORK) {
    ours(work, 32, 1, work.status);
    for (const clients of CLIENTS) {
      let mine = 0, limit = 0, p99 = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const got = ours(work, clients, seconds);
        mine += got.rate / ROUNDS;
        p99 = Math.max(p99, got.p99);
        limit += theirs(work, clients) / ROUNDS;
      }
      console.log(`${work.title.padEnd(40)} ${String(clients).padStart(8)} ${mine.toFixed(0).padStart(11)} ${p99.toFixed(1).padStart(7)} ${limit.toFixed(0).padStart(11)} ${(mine / limit).toFixed(2).padStart(9)}`);
    }
  }
} finally {
  await socle.stop();
  postgres("remove", server);
  rmSync(dir, { recursive: true, force: true });
}
