// http.mjs [SECONDS]: Socle beside nginx, Fastify by hand and @supabase/lite: the same rows, the same bytes, one run, one table.
import { createHmac } from "node:crypto";
import { execFileSync, spawnSync } from "node:child_process";
import { cpus, release } from "node:os";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { answers, bookstore, freePort, HERE, memory, NODE, pause, run, scratch, SOCLE, wrk } from "./lib.mjs";

const seconds = Number(process.argv[2] ?? 5);
const ANON = "sb_publishable_bench_0123456789abcdef", SERVICE = "sb_secret_bench_0123456789abcdefghij";
const SECRET = "a bench secret that is longer than 32 bytes";
const ISBN = "9780000004711";
const store = bookstore();

// ---- the peers: each { name, url, pid, stop, work: { one, page, insert } } with { path, headers } ----

const json = { "Content-Type": "application/json" };

async function socle() {
  const port = await freePort(), url = `http://127.0.0.1:${port}`;
  const env = { PORT: String(port), SOCLE_ANON_KEY: ANON, SOCLE_SERVICE_KEY: SERVICE, SOCLE_RATE_LIMITS: "false", SOCLE_LOG: "warn" };
  execFileSync(SOCLE, ["migrate", "apply", "--seed", store.dir], { env, stdio: "ignore" });
  const from = performance.now();
  const server = run(SOCLE, ["serve", store.dir], { env, ready: answers(`${url}/health/live`) });
  await server.started;
  const idle = memory(server.pid);
  const made = await fetch(`${url}/auth/v1/signup`, { method: "POST", headers: { apikey: ANON, ...json }, body: JSON.stringify({ email: "bench@example.com", password: "correct horse" }) });
  const { access_token } = await made.json();
  const headers = { apikey: ANON, Authorization: `Bearer ${access_token}` };
  return {
    name: "socle", url, ...server, idle, ready: performance.now() - from,
    work: {
      one: { path: `/rest/v1/books?isbn=eq.${ISBN}`, headers: { ...headers, Accept: "application/vnd.pgrst.object+json" } },
      page: { path: "/rest/v1/books?select=isbn,title,pages,price,authors(name)&order=isbn&limit=25&offset=100", headers },
      insert: { path: "/rest/v1/books", headers: { ...headers, ...json, Prefer: "return=representation" } },
    },
  };
}

// nginx answers fixed bytes from its configuration: what the machine can do over HTTP without any work.
async function nginx(bodies) {
  const port = await freePort(), dir = scratch(), url = `http://127.0.0.1:${port}`;
  const quote = (text) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'").replaceAll("$", "${dollar}")}'`;
  mkdirSync(join(dir, "t"));
  writeFileSync(
    join(dir, "nginx.conf"),
    `worker_processes ${cpus().length}; daemon off; pid ${dir}/pid; error_log ${dir}/error.log;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 100000000; default_type application/json;
  client_body_temp_path ${dir}/t; proxy_temp_path ${dir}/t; fastcgi_temp_path ${dir}/t; uwsgi_temp_path ${dir}/t; scgi_temp_path ${dir}/t;
  geo $dollar { default "$"; }
  server { listen 127.0.0.1:${port} reuseport;
    location = /one { return 200 ${quote(bodies.one)}; } location = /page { return 200 ${quote(bodies.page)}; } } }`,
  );
  const server = run("nginx", ["-p", dir, "-c", join(dir, "nginx.conf")], { ready: answers(`${url}/one`) });
  await server.started;
  const headers = { Authorization: "Bearer " + "x".repeat(600) };
  return { name: "nginx", url, ...server, idle: memory(server.pid), work: { one: { path: "/one", headers }, page: { path: "/page", headers } } };
}

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
function hs256(claims) {
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
}

async function fastify() {
  const port = await freePort(), file = join(scratch(), "books.db"), url = `http://127.0.0.1:${port}`;
  const copy = `import { DatabaseSync } from "node:sqlite"; import { readFileSync } from "node:fs";
    const db = new DatabaseSync(process.argv[1]);
    db.exec("PRAGMA journal_mode=WAL; CREATE TABLE authors (id TEXT PRIMARY KEY, name TEXT NOT NULL, born INTEGER, country TEXT); CREATE TABLE books (isbn TEXT PRIMARY KEY, title TEXT NOT NULL, pages INTEGER NOT NULL, price REAL, tags TEXT, author_id TEXT REFERENCES authors(id), owner_id TEXT, created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now'))); CREATE INDEX books_author ON books(author_id); BEGIN");
    const rows = (name) => readFileSync(process.argv[2] + "/seed/" + name + ".jsonl", "utf8").trim().split("\\n").map((line) => JSON.parse(line));
    const a = db.prepare("INSERT INTO authors VALUES (?,?,?,?)"); for (const r of rows("authors")) a.run(r.id, r.name, r.born, r.country);
    const b = db.prepare("INSERT INTO books (isbn,title,pages,price,tags,author_id) VALUES (?,?,?,?,?,?)"); for (const r of rows("books")) b.run(r.isbn, r.title, r.pages, r.price, JSON.stringify(r.tags), r.author_id);
    db.exec("COMMIT"); db.close();`;
  const made = spawnSync(NODE, ["--input-type=module", "-e", copy, file, store.dir], { encoding: "utf8" });
  if (made.status !== 0) throw new Error(made.stderr);
  const headers = { Authorization: `Bearer ${hs256({ sub: "0b1f2a6e-0000-4000-8000-000000000001", role: "authenticated", exp: 4000000000 })}` };
  const server = run(NODE, [join(HERE, "peers/fastify.mjs"), file, String(port), SECRET], { ready: answers(`${url}/books/${ISBN}`, headers) });
  await server.started;
  return {
    name: "fastify by hand", url, ...server, idle: memory(server.pid),
    work: { one: { path: `/books/${ISBN}`, headers }, page: { path: "/books?offset=100", headers }, insert: { path: "/books", headers: { ...headers, ...json } } },
  };
}

async function lite() {
  const dir = scratch(), port = await freePort(), url = `http://127.0.0.1:${port}`;
  const bin = join(HERE, "node_modules/@supabase/lite"), env = { DO_NOT_TRACK: "1", LITE_TELEMETRY: "0", HOME: dir };
  const entry = Object.values(JSON.parse(readFileSync(join(bin, "package.json"), "utf8")).bin)[0];
  const cli = [join(bin, entry), "--no-telemetry"];
  execFileSync(NODE, [...cli, "init"], { cwd: dir, env: { ...env, PATH: process.env.PATH }, stdio: "ignore" });
  const config = join(dir, "supabase/config.toml");
  writeFileSync(config, readFileSync(config, "utf8").replace(/port = \d+/, `port = ${port}`));
  writeFileSync(
    join(dir, "supabase/schemas/schema.sql"),
    `create table authors (id uuid primary key, name text not null, born integer, country text);
create table books (isbn text primary key, title text not null, pages integer not null, price double precision, tags jsonb, author_id uuid references authors(id), owner_id uuid, created_at timestamptz default now());
create index books_author on books(author_id);
alter table authors enable row level security; alter table books enable row level security;
create policy a_read on authors for select using (true);
create policy b_read on books for select using (true);
create policy b_add on books for insert with check (auth.role() = 'authenticated');`,
  );
  const keys = readFileSync(join(dir, ".env"), "utf8");
  const anon = /sb_publishable[^\s"]*/.exec(keys)[0], secret = /sb_secret[^\s"]*/.exec(keys)[0];
  const dotenv = Object.fromEntries([...keys.matchAll(/^(\w+)="?([^"\n]*)/gm)].map(([, name, value]) => [name, value]));
  // `dev`, since `start` wants a migration history; the files do not change meanwhile.
  const server = run(NODE, [...cli, "dev"], { cwd: dir, env: { ...env, ...dotenv }, ready: answers(`${url}/rest/v1/books?limit=1`, { apikey: anon }) });
  await server.started;
  const idle = memory(server.pid);
  const admin = { apikey: secret, Authorization: `Bearer ${secret}`, ...json };
  for (const name of ["authors", "books"])
    for (let at = 0; at < store[name].length; at += 12) {
      const answer = await fetch(`${url}/rest/v1/${name}`, { method: "POST", headers: admin, body: JSON.stringify(store[name].slice(at, at + 12) /* it takes 100 parameters at most */) });
      if (!answer.ok) throw new Error(`lite: ${answer.status} ${await answer.text()}`);
    }
  const made = await fetch(`${url}/auth/v1/signup`, { method: "POST", headers: { apikey: anon, ...json }, body: JSON.stringify({ email: "bench@example.com", password: "correct horse" }) });
  const { access_token } = await made.json();
  const headers = { apikey: anon, Authorization: `Bearer ${access_token}` };
  return {
    name: "@supabase/lite", url, ...server, idle,
    work: {
      // It takes digits after eq. for a number and finds no text then: quoted, it finds the row.
      one: { path: `/rest/v1/books?isbn=in.(%22${ISBN}%22)`, headers: { ...headers, Accept: "application/vnd.pgrst.object+json" } },
      page: { path: "/rest/v1/books?select=isbn,title,pages,price,authors(name)&order=isbn&limit=25&offset=100", headers },
      insert: { path: "/rest/v1/books", headers: { ...headers, ...json, Prefer: "return=representation" } },
    },
  };
}

// ---- the load ----

const lua = (headers) => Object.entries(headers).map(([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`).join("\n");
let generation = 0;
const WORK = {
  one: { title: "one row by key, JWT checked, policy applied", status: 200, lua: ({ headers }) => lua(headers) },
  page: { title: "25 rows, each with its author, ordered", status: 200, lua: ({ headers }) => lua(headers) },
  insert: {
    title: "insert one row, validated, fsynced, row returned", status: 201,
    // ISBNs never repeat: the run's number, then a counter.
    lua: ({ headers, path }) => `${lua(headers)}
wrk.method = "POST"
local n = ${++generation * 10000000}
function request()
  n = n + 1
  return wrk.format(nil, ${JSON.stringify(path)}, nil, string.format('{"isbn":"1%011d","title":"A book that is new","pages":321,"price":12.5,"tags":["novel"]}', n))
end`,
  },
};

const first = await socle();
const body = async (name) => (await fetch(first.url + first.work[name].path, { headers: first.work[name].headers })).text();
const bodies = { one: await body("one"), page: await body("page") };
const peers = [first];
const left = [];
const only = process.argv[3]; // the name of one peer, to try it alone
for (const [name, start] of [["nginx", () => nginx(bodies)], ["fastify by hand", fastify], ["@supabase/lite", lite]].filter(([name]) => !only || name === only))
  await start().then((peer) => peers.push(peer), (error) => left.push(`${name}: left out: ${error.message}`));

console.log(`${cpus()[0].model}, ${cpus().length} cores, Linux ${release()}, wrk -t1 -c32 -d${seconds}s on the same machine; node ${execFileSync(NODE, ["--version"], { encoding: "utf8" }).trim()} for the peers, one process each`);
for (const [name, { title, status, lua: script }] of Object.entries(WORK)) {
  console.log(`\n${title}`);
  console.log("  server             requests/s     socle is   p50 ms   p99 ms   memory MiB");
  const rows = [];
  for (const peer of peers.filter((peer) => peer.work[name])) {
    const work = peer.work[name], url = peer.url + work.path;
    wrk(url, { lua: script(work), status, seconds: 1 }); // warm
    rows.push({ peer, ...wrk(url, { lua: script(work), seconds }), memory: memory(peer.pid) });
    await pause(200);
  }
  for (const row of rows)
    console.log(
      `  ${row.peer.name.padEnd(17)} ${row.rate.toFixed(0).padStart(11)}  ${(rows[0].rate / row.rate).toFixed(2).padStart(9)} x ${row.p50.toFixed(2).padStart(8)} ${row.p99.toFixed(2).padStart(8)} ${row.memory.toFixed(1).padStart(12)}${row.errors ? `   ${row.errors} ERRORS` : ""}`,
    );
}
console.log(`\nidle memory MiB: ${peers.map((peer) => `${peer.name} ${peer.idle.toFixed(1)}`).join(", ")}`);
for (const line of left) console.log(line);
for (const peer of peers) await peer.stop();
