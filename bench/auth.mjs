// auth.mjs [SECONDS]: tokens beside OpenSSL's own verify and npm's jose; sign-in beside the bare password hash; refresh.  One run.
import { execFileSync } from "node:child_process";
import { cpus, release } from "node:os";
import { join } from "node:path";

import { generateKeyPair, generateSecret, jwtVerify, SignJWT } from "jose";

import { answers, bookstore, freePort, ROOT, run, SOCLE } from "./lib.mjs";

const seconds = Number(process.argv[2] ?? 5);
const ANON = "sb_publishable_bench_0123456789abcdef", SERVICE = "sb_secret_bench_0123456789abcdefghij";
const program = (name) => execFileSync(join(ROOT, "build-bench/bench", name), { encoding: "utf8" });
const pad = (value, width) => String(value).padStart(width);

// ---- tokens ----

async function joseNs(alg) {
  const keys = alg.startsWith("HS") ? await generateSecret(alg).then((key) => ({ publicKey: key, privateKey: key })) : await generateKeyPair(alg);
  const now = Math.floor(Date.now() / 1000);
  const token = await new SignJWT({
    iss: "http://127.0.0.1:8000/auth/v1", sub: "6f2a2c0e-7a4e-4a0b-9d3e-0e3d1f5b7c11", aud: "authenticated", exp: now + 3600, iat: now,
    email: "ada@example.com", role: "authenticated", session_id: "a3a1b1de-3a52-4d37-8b4a-5f1f3a0e9a77",
  }).setProtectedHeader({ alg, typ: "JWT" }).sign(keys.privateKey);
  let best = Infinity;
  for (let round = 0; round < 7; round++) {
    const from = performance.now(), calls = 500;
    for (let i = 0; i < calls; i++) await jwtVerify(token, keys.publicKey, { algorithms: [alg], audience: "authenticated" });
    best = Math.min(best, ((performance.now() - from) * 1e6) / calls);
  }
  return best;
}

async function tokens() {
  console.log("a token's verification, ns, the best of 7 rounds");
  console.log("  alg      OpenSSL alone    socle    on top   seen before   npm jose");
  for (const line of program("jwt_bench").trim().split("\n").slice(1)) {
    const [alg, alone, ours, cached] = line.trim().split(/\s+/);
    console.log(`  ${alg.padEnd(6)} ${pad(alone, 15)} ${pad(ours, 8)} ${pad(ours - alone, 9)} ${pad(cached, 13)} ${pad(Math.round(await joseNs(alg)), 10)}`);
  }
}

// ---- the service ----

// `clients` at once, each with its own chain of calls; gives calls a second and the median in ms.
async function load(clients, call) {
  const times = [], end = performance.now() + seconds * 1000;
  const from = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      for (let state; performance.now() < end; ) {
        const start = performance.now();
        state = await call(client, state);
        times.push(performance.now() - start);
      }
    }),
  );
  const spent = performance.now() - from;
  times.sort((a, b) => a - b);
  return { rate: (times.length * 1000) / spent, p50: times[times.length >> 1], p99: times[Math.floor(times.length * 0.99)] };
}

async function service(inner) {
  const store = bookstore(), port = await freePort(), url = `http://127.0.0.1:${port}`;
  const env = { PORT: String(port), SOCLE_ANON_KEY: ANON, SOCLE_SERVICE_KEY: SERVICE, SOCLE_RATE_LIMITS: "false", SOCLE_LOG: "warn" };
  execFileSync(SOCLE, ["migrate", "apply", store.dir], { env, stdio: "ignore" });
  const server = run(SOCLE, ["serve", store.dir], { env, ready: answers(`${url}/health/live`) });
  await server.started;
  const post = async (path, body) => {
    const answer = await fetch(url + path, { method: "POST", headers: { apikey: ANON, "Content-Type": "application/json" }, body: JSON.stringify(body) });
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  const account = (client) => ({ email: `bench${client}@example.com`, password: "correct horse battery" });
  const sessions = [];
  for (let client = 0; client < 32; client++) sessions.push(await post("/auth/v1/signup", account(client)));
  const signIn = await load(4, (client) => post("/auth/v1/token?grant_type=password", account(client)));
  const refresh = await load(32, (client, last) => post("/auth/v1/token?grant_type=refresh_token", { refresh_token: (last ?? sessions[client]).refresh_token }));
  await server.stop();
  const bare = 1e9 / inner.hash_ns;
  console.log(`\nsign-in and refresh over HTTP, fsynced, for ${seconds} s each; the clients are one Node process on the same machine`);
  console.log("  work                                        per second   p50 ms   p99 ms");
  const row = (name, { rate, p50, p99 }) => console.log(`  ${name.padEnd(42)} ${pad(rate.toFixed(0), 11)} ${pad(p50?.toFixed(1) ?? "", 8)} ${pad(p99?.toFixed(1) ?? "", 8)}`);
  row("the password's hash alone, one core", { rate: bare, p50: inner.hash_ns / 1e6 });
  row("sign-in with a password, 4 clients", signIn);
  row("refresh, 32 clients", refresh);
  console.log(`  A sign-in is bounded by argon2id on purpose: ${(inner.hash_ns / 1e6).toFixed(1)} ms of one core each, so at most ${(bare * cpus().length).toFixed(0)} a second on ${cpus().length} cores.`);
}

console.log(`${cpus()[0].model}, ${cpus().length} cores, Linux ${release()}, node ${process.version}\n`);
await tokens();
const inner = JSON.parse(program("auth_bench"));
console.log("\nwho sends a request (API key compared, token, revocations looked at), ES256, ns");
console.log(`  token seen before ${inner.identify_seen_ns}, not seen before ${inner.identify_unseen_ns}`);
await service(inner);
