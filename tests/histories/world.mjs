// world.mjs: what several histories share: a database with its tables, one server or two, a faulty network in front of each.
import { execFile } from "node:child_process";
import { createHash, createHmac } from "node:crypto";
import { rmSync, utimesSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { freshDatabase } from "../lib/postgres.mjs";
import { Proxy } from "../lib/proxy.mjs";
import { ANON_KEY, SERVICE_KEY, Server, freePort, makeApp } from "../lib/server.mjs";

export { ANON_KEY, SERVICE_KEY };

const SECRET = "a secret of the histories, long enough for HS256";
export const SILENCE_MS = 3000; // after which the server gives up a client that says nothing
export const PEACE_MS = 40000; // how long it may take until all is told, on a busy machine

const INT = { type: "integer" }, TEXT = { type: "string" }, UUID = { type: "string", format: "uuid" };
const table = (properties, key, select, more) => ({
  type: "object", properties, required: key, "x-primary-key": key, "x-policies": { select }, ...more,
});

// Who sees which row is said once more in model.mjs, in other words.
const SCHEMAS = {
  "schemas/things.json": table(
    { id: INT, history: INT, owner: UUID, level: INT, team: TEXT, kind: TEXT, text: TEXT, secret: { ...TEXT, writeOnly: true }, rev: INT },
    ["id"],
    "owner = auth.uid() or level = 0 or exists (select 1 from members where club = team and member = auth.uid())",
  ),
  "schemas/notes.json": table({ id: INT, history: INT, owner: UUID, text: TEXT, rev: INT }, ["id"], "owner = auth.uid()"),
  "schemas/members.json": table({ club: TEXT, member: UUID }, ["club", "member"], "member = auth.uid()", { "x-realtime": false }),
};

export function uuidOf(name) {
  const hex = createHash("sha256").update(name).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

// `nonce` makes two tokens of one user differ.
export function tokenOf(sub, nonce) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part({ role: "authenticated", sub, nonce, exp: Math.floor(Date.now() / 1000) + 3600 })}`;
  return `${text}.${createHmac("sha256", SECRET).update(text).digest("base64url")}`;
}

class Node {
  async start(world) {
    this.port ??= await freePort();
    this.server = await Server.start({ dir: world.dir, port: this.port, command: this.hasRun ? "serve" : "dev", env: world.env });
    this.hasRun = true;
    this.proxy ??= await Proxy.start(this.port);
  }
}

export class World {
  static async open({ postgres = false, nodes = 1, note = () => {} } = {}) {
    const world = new World();
    world.note = note;
    world.dir = makeApp({ schemas: null, seed: {}, files: { ...SCHEMAS } });
    world.database = postgres ? freshDatabase() : null;
    world.env = {
      SOCLE_JWT_SECRET: SECRET,
      SOCLE_THREADS: "2",
      SOCLE_REALTIME_SILENCE_MS: String(SILENCE_MS),
      SOCLE_REALTIME_PRESENCE_CALLS: "100000",
      SOCLE_REALTIME_QUEUE_MAX: String(256 * 1024),
      ...(postgres && { DATABASE_URL: world.database.url, SOCLE_DB_POOL: "4" }),
    };
    world.agent = new Agent({ keepAlive: true, maxSockets: 32 });
    world.nodes = Array.from({ length: nodes }, () => new Node());
    for (const node of world.nodes) await node.start(world);
    return world;
  }

  async close() {
    this.agent.destroy();
    for (const node of this.nodes) {
      await node.server.stop(); // fails when it does not end well
      await node.proxy.stop();
    }
    this.database?.drop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  // One answer: {status, body}.  status 0: it is unknown what became of the request.  Waits for a server that is not there.
  async call(node, method, path, body, headers = {}) {
    for (;;) {
      const answer = await this.#once(node, method, path, body, headers);
      if (answer.status !== undefined) return answer;
      await pause(10);
    }
  }
  #once(node, method, path, body, headers) {
    return new Promise((done) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const all = { apikey: SERVICE_KEY, ...headers, ...(text && { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) }) };
      const call = request({ host: "127.0.0.1", port: node.port, method, path, agent: this.agent, headers: all, timeout: 20000 }, (answer) => {
        let body = "";
        answer.setEncoding("utf8").on("data", (chunk) => (body += chunk));
        answer.on("end", () => done(answer.complete ? { status: answer.statusCode, body } : { status: 0 }));
        answer.on("error", () => done({ status: 0 }));
      });
      call.on("timeout", () => call.destroy());
      call.on("error", (error) => done(error.code === "ECONNREFUSED" ? {} : { status: 0 }));
      call.end(text);
    });
  }

  // SQL as another program would run it; resolves to whether it ended well.
  sql(text) {
    const [program, args] = this.database
      ? ["psql", ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-", this.database.url]]
      : ["sqlite3", ["-bail", "-cmd", ".timeout 10000", join(this.dir, "data/socle.db")]];
    return new Promise((done) => {
      const child = execFile(program, args, (error, out, problem) => {
        this.lastProblem = problem;
        done(error === null);
      });
      child.stdin.on("error", () => {});
      child.stdin.end(text);
    });
  }

  // ---- what happens to servers ----

  async killAndRestart(node) {
    this.note(`kill -9 of :${node.port}`);
    await node.server.kill();
    await node.start(this);
    this.note(`:${node.port} is back`);
  }
  async stopAndRestart(node) {
    this.note(`SIGTERM to :${node.port}`);
    await node.server.stop();
    await node.start(this);
    this.note(`:${node.port} is back`);
  }
  async freeze(node, ms) {
    this.note(`:${node.port} stands still for ${ms} ms`);
    node.server.child.kill("SIGSTOP");
    await pause(ms);
    node.server.child.kill("SIGCONT");
  }
  // Only a server in development watches its files.
  reload() {
    this.note("reload");
    utimesSync(join(this.dir, "schemas/things.json"), new Date(), new Date());
  }
  async cutDatabase() {
    if (!this.database) return;
    this.note("the connections to the database are cut");
    await this.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \\g /dev/null\n");
  }
}
