// websocket.mjs: a WebSocket client that breaks every rule when it is told to: raw bytes out, frames in.
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { connect } from "node:net";

import { SOCLE } from "./server.mjs";

export const OP = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

// `socle ws echo` on a free port.
export class Echo {
  static async start(...options) {
    const echo = new Echo();
    echo.log = "";
    echo.child = spawn(SOCLE, ["ws", "echo", "--port", "0", ...options], {
      env: { PATH: process.env.PATH, ASAN_OPTIONS: "detect_leaks=1" },
      stdio: ["ignore", "ignore", "pipe"],
    });
    echo.exited = new Promise((done) => echo.child.on("exit", (code, signal) => done(code ?? signal)));
    echo.port = await new Promise((ready, failed) => {
      echo.child.stderr.on("data", (chunk) => {
        echo.log += chunk;
        const match = /listening on ws:\/\/127\.0\.0\.1:(\d+)\n/.exec(echo.log);
        if (match) ready(Number(match[1]));
      });
      echo.exited.then((how) => failed(new Error(`socle ws echo ended (${how}):\n${echo.log}`)));
    });
    echo.url = `ws://127.0.0.1:${echo.port}/`;
    return echo;
  }

  // Fails when it did not end well: a leak or a crash shows in the exit code.
  async stop() {
    this.child.kill("SIGTERM");
    const late = setTimeout(() => this.child.kill("SIGKILL"), 10000);
    const how = await this.exited;
    clearTimeout(late);
    if (how !== 0) throw new Error(`socle ws echo ended badly (${how}):\n${this.log}`);
  }
}

// A frame as a client sends it.  `length` and `lengthBytes` (0, 2, 8) overrule what fits the payload.
export function frame(opcode, payload = "", { fin = true, rsv = 0, masked = true, length, lengthBytes } = {}) {
  const body = Buffer.from(payload);
  length ??= BigInt(body.length);
  lengthBytes ??= length < 126n ? 0 : length < 65536n ? 2 : 8;
  const head = Buffer.alloc(2 + lengthBytes);
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  head[1] = (masked ? 0x80 : 0) | (lengthBytes === 0 ? Number(length) : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) head.writeUInt16BE(Number(length), 2);
  if (lengthBytes === 8) head.writeBigUInt64BE(length, 2);
  if (!masked) return Buffer.concat([head, body]);
  const key = randomBytes(4);
  const hidden = Buffer.from(body);
  for (let i = 0; i < hidden.length; i++) hidden[i] ^= key[i % 4];
  return Buffer.concat([head, key, hidden]);
}

export function closePayload(code, reason = "") {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code, 0);
  payload.write(reason, 2);
  return payload;
}

export const text = (payload, options) => frame(OP.text, payload, options);
export const binary = (payload, options) => frame(OP.binary, payload, options);
export const more = (payload, options) => frame(OP.continuation, payload, options);
export const ping = (payload, options) => frame(OP.ping, payload, options);
export const pong = (payload, options) => frame(OP.pong, payload, options);
export const close = (code, reason) => frame(OP.close, code === undefined ? "" : closePayload(code, reason));

export function request(headers = {}, { method = "GET", version = "1.1" } = {}) {
  const all = {
    Host: "127.0.0.1",
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
    "Sec-WebSocket-Version": "13",
    ...headers,
  };
  const lines = Object.entries(all)
    .filter(([, value]) => value !== undefined)
    .flatMap(([name, value]) => [].concat(value).map((one) => `${name}: ${one}\r\n`));
  return { key: all["Sec-WebSocket-Key"], bytes: `${method} / HTTP/${version}\r\n${lines.join("")}\r\n` };
}

export const acceptOf = (key) => createHash("sha1").update(key + GUID).digest("base64");

// One connection: `answer` is the handshake's, next() gives frame after frame, null when the peer has closed.
export class RawSocket {
  static async open(port, headers, options) {
    const raw = new RawSocket();
    const { key, bytes } = request(headers, options);
    raw.input = Buffer.alloc(0);
    raw.ended = false;
    raw.wake = () => {};
    raw.socket = connect(port, "127.0.0.1");
    raw.socket.setNoDelay(true);
    raw.socket.on("data", (chunk) => ((raw.input = Buffer.concat([raw.input, chunk])), raw.wake()));
    raw.socket.on("error", (error) => (raw.error = error));
    raw.socket.on("close", () => ((raw.ended = true), raw.wake()));
    raw.socket.on("end", () => raw.socket.end());
    raw.socket.write(bytes);
    await raw.#until(() => raw.input.includes("\r\n\r\n"));
    const end = raw.input.indexOf("\r\n\r\n");
    const lines = raw.input.subarray(0, Math.max(end, 0)).toString("latin1").split("\r\n");
    raw.input = raw.input.subarray(end + 4);
    raw.answer = { status: Number(lines[0].split(" ")[1]), headers: {} };
    for (const line of lines.slice(1)) {
      const colon = line.indexOf(":");
      raw.answer.headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    raw.expectedAccept = acceptOf(key);
    return raw;
  }

  async #until(isThere, limit = 10000) {
    const late = setTimeout(() => ((this.isLate = true), this.wake()), limit);
    while (!isThere() && !this.ended && !this.isLate) await new Promise((wake) => (this.wake = wake));
    clearTimeout(late);
    if (this.isLate) throw new Error("nothing came in time");
    return isThere();
  }

  write(...parts) {
    this.socket.write(Buffer.concat(parts.map((part) => Buffer.from(part))));
  }

  async writeSlowly(bytes, step = 1) {
    for (let at = 0; at < bytes.length && !this.ended; at += step) {
      this.socket.write(bytes.subarray(at, at + step));
      await new Promise((done) => setImmediate(done));
    }
  }

  async next() {
    if (!(await this.#until(() => this.input.length >= 2))) return null;
    let length = this.input[1] & 0x7f;
    let at = 2;
    if (length >= 126) {
      at += length === 126 ? 2 : 8;
      if (!(await this.#until(() => this.input.length >= at))) return null;
      length = length === 126 ? this.input.readUInt16BE(2) : Number(this.input.readBigUInt64BE(2));
    }
    if (this.input[1] & 0x80) throw new Error("the server masks");
    if (!(await this.#until(() => this.input.length >= at + length))) return null;
    const first = this.input[0];
    const payload = this.input.subarray(at, at + length);
    this.input = this.input.subarray(at + length);
    return { fin: (first & 0x80) !== 0, rsv: (first >> 4) & 7, opcode: first & 15, payload };
  }

  // Everything until the server closes, in short: "text:hello", "pong:", "close:1000"; then "end".
  async rest() {
    const all = [];
    for (;;) {
      const got = await this.next();
      if (got === null) return [...all, "end"];
      all.push(describe(got));
      if (all.length > 2000) throw new Error("too many frames");
    }
  }

  destroy() {
    this.socket.destroy();
  }
}

const NAMES = Object.fromEntries(Object.entries(OP).map(([name, opcode]) => [opcode, name]));

export function describe({ opcode, payload, rsv, fin }) {
  const name = `${NAMES[opcode] ?? opcode}${rsv ? `+rsv${rsv}` : ""}${fin ? "" : "+more"}`;
  if (opcode === OP.close) return payload.length === 0 ? "close" : `close:${payload.readUInt16BE(0)}`;
  return `${name}:${payload.length > 64 ? payload.length : payload.toString("utf8")}`;
}
