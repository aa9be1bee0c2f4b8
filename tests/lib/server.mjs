// server.mjs: a real server on a real database for a test: a folder of its own, a free port, stopped by its own pid.
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
export const SOCLE = process.env.SOCLE ?? join(ROOT, "build/socle");
export const ANON_KEY = "sb_publishable_tests_0123456789abcdef";
export const SERVICE_KEY = "sb_secret_tests_0123456789abcdefghij";

export async function freePort() {
  const probe = createServer();
  await new Promise((done) => probe.listen(0, "127.0.0.1", done));
  const { port } = probe.address();
  await new Promise((done) => probe.close(done));
  return port;
}

// A folder with the bookstore's schemas and a small seed that the scenarios know by heart.
export function makeApp({ schemas = join(ROOT, "examples/bookstore/schemas"), seed = SEED, files = {} } = {}) {
  const dir = mkdtempSync(join(tmpdir(), "socle-test-"));
  if (schemas) cpSync(schemas, join(dir, "schemas"), { recursive: true });
  for (const [table, rows] of Object.entries(seed ?? {})) files[`seed/${table}.json`] = JSON.stringify(rows);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), typeof text === "string" ? text : JSON.stringify(text));
  }
  return dir;
}

export class Server {
  // command: "dev" migrates and seeds; "serve" is strict.
  static async start({ dir, command = "dev", env = {}, port } = {}) {
    const server = new Server();
    server.ownsDir = dir === undefined;
    server.dir = dir ?? makeApp();
    server.port = port ?? (await freePort());
    server.url = `http://127.0.0.1:${server.port}`;
    server.log = "";
    server.child = spawn(SOCLE, [command, server.dir], {
      env: {
        PATH: process.env.PATH,
        PORT: String(server.port),
        SOCLE_ANON_KEY: ANON_KEY,
        SOCLE_SERVICE_KEY: SERVICE_KEY,
        SOCLE_LOG_FORMAT: "text",
        SOCLE_RATE_LIMITS: "false",
        ASAN_OPTIONS: "abort_on_error=0:detect_leaks=1",
        ...env,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    server.exited = new Promise((done) => server.child.on("exit", (code, signal) => done({ code, signal })));
    await new Promise((ready, failed) => {
      const look = (chunk) => {
        server.log += chunk;
        if (/listening on /.test(server.log)) ready();
      };
      server.child.stderr.on("data", look);
      server.child.stdout.on("data", look);
      server.exited.then(({ code, signal }) => failed(new Error(`the server ended (${code ?? signal}):\n${server.log}`)));
    });
    return server;
  }

  // Stops gracefully and fails the test when that did not end well: a leak or a crash shows in the exit code.
  async stop() {
    this.child.kill("SIGTERM");
    const late = setTimeout(() => this.child.kill("SIGKILL"), 20000);
    const { code, signal } = await this.exited;
    clearTimeout(late);
    if (this.ownsDir) rmSync(this.dir, { recursive: true, force: true });
    if (code !== 0) throw new Error(`the server ended badly (${code ?? signal}):\n${this.log}`);
  }

  async kill() {
    this.child.kill("SIGKILL");
    await this.exited;
  }

  fetch(path, { key = ANON_KEY, token, headers = {}, body, method } = {}) {
    const all = { ...(key ? { apikey: key } : {}), ...(token ? { Authorization: `Bearer ${token}` } : {}), ...headers };
    if (body !== undefined && typeof body !== "string" && !(body instanceof Uint8Array)) {
      body = JSON.stringify(body);
      all["Content-Type"] ??= "application/json";
    }
    return fetch(this.url + path, { method: method ?? (body === undefined ? "GET" : "POST"), headers: all, body, redirect: "manual" });
  }

  // Signs up (once per address) and returns the session.
  async user(name) {
    this.users ??= {};
    this.users[name] ??= this.fetch("/auth/v1/signup", {
      body: { email: `${name}@example.com`, password: "correct horse battery" },
    }).then(async (answer) => {
      if (answer.status !== 200) throw new Error(`sign-up of ${name}: ${answer.status} ${await answer.text()}`);
      return answer.json();
    });
    return this.users[name];
  }
}

const author = (n, name, born, country) => ({ id: `0000000${n}-0000-4000-8000-00000000000${n}`, name, born, country });
export const SEED = {
  authors: [author(1, "Ada Byrd", 1815, "GB"), author(2, "Tove Ekholm", 1914, "SE"), author(3, "Jorge Duarte", 1899, "AR")],
  books: [
    { isbn: "9780000000001", title: "Notes on the Engine", pages: 66, price: 12.5, tags: ["science", "essays"], author_id: author(1).id },
    { isbn: "9780000000002", title: "Letters", pages: 210, price: 18, tags: ["letters"], author_id: author(1).id },
    { isbn: "9780000000003", title: "Island Summer", pages: 160, price: 14.99, tags: ["novel"], author_id: author(2).id },
    { isbn: "9780000000004", title: "Winter Book", pages: 190, price: null, tags: null, author_id: author(2).id },
    { isbn: "9780000000005", title: "The Garden of Paths", pages: 174, price: 22.1, tags: ["novel", "mystery"], author_id: author(3).id },
    { isbn: "9780000000006", title: "Anonymous Pamphlet", pages: 12, price: 0.1, tags: [], author_id: null },
  ],
};
