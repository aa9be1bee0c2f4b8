// phoenix.mjs: a channel client that says exactly what a test wants: messages out as arrays, messages in as objects, for both
// serializers.  For the official client see the tests with supabase-js.
import WebSocket from "ws";

import { ANON_KEY } from "./server.mjs";

// A binary "user broadcast push" (PROTOCOL.md section 7.2).
export function push3({ joinRef = "", ref = "", topic, event, meta = "", encoding = 1, payload }) {
  const texts = [joinRef, ref, topic, event, meta].map((text) => Buffer.from(text));
  return Buffer.concat([Buffer.from([3, ...texts.map((text) => text.length), encoding]), ...texts, Buffer.from(payload)]);
}

export function read4(bytes) {
  if (bytes[0] !== 4) throw new Error(`a binary frame of kind ${bytes[0]}`);
  let at = 5;
  const take = (n) => bytes.subarray(at, (at += n)).toString();
  const [topic, event, meta] = [take(bytes[1]), take(bytes[2]), take(bytes[3])];
  const body = bytes.subarray(at);
  const payload = bytes[4] === 1 ? JSON.parse(body) : [...body];
  return { topic, event: "broadcast", binary: true, payload: { type: "broadcast", event, payload, ...(meta && { meta: JSON.parse(meta) }) } };
}

export class Phoenix {
  static async open(server, { vsn = "2.0.0", key = ANON_KEY, ...options } = {}) {
    const p = new Phoenix();
    p.vsn = vsn;
    p.inbox = [];
    p.wake = () => {};
    p.refs = 0;
    p.ws = new WebSocket(`ws://127.0.0.1:${server.port}/realtime/v1/websocket?apikey=${key}&vsn=${vsn}`, options);
    p.closed = new Promise((done) => p.ws.on("close", (code, reason) => done({ code, reason: reason.toString() })));
    p.closed.then(() => ((p.isClosed = true), p.wake()));
    p.ws.on("message", (data, isBinary) => (p.inbox.push(p.#read(data, isBinary)), p.wake()));
    await new Promise((ready, failed) => {
      p.ws.on("open", ready);
      p.ws.on("unexpected-response", async (request, answer) => {
        let body = "";
        for await (const chunk of answer) body += chunk;
        failed(Object.assign(new Error(`refused with ${answer.statusCode}: ${body}`), { status: answer.statusCode, body }));
      });
      p.ws.on("error", failed);
    });
    return p;
  }

  #read(data, isBinary) {
    if (isBinary) return read4(data);
    const message = JSON.parse(data);
    if (this.vsn.startsWith("1")) return message;
    const [join_ref, ref, topic, event, payload] = message;
    return { join_ref, ref, topic, event, payload };
  }

  send(topic, event, payload = {}, { ref = String(++this.refs), joinRef = null } = {}) {
    const message = this.vsn.startsWith("1")
      ? { topic, event, payload, ref, join_ref: joinRef }
      : [joinRef, ref, topic, event, payload];
    this.ws.send(JSON.stringify(message));
    return ref;
  }

  // The first message that fits; those before it are dropped unless `keep`.
  async next(fits = () => true, limit = 5000) {
    const end = Date.now() + limit;
    for (;;) {
      while (this.inbox.length > 0) {
        const message = this.inbox.shift();
        if (fits(message)) return message;
      }
      if (this.isClosed) return null;
      const left = end - Date.now();
      if (left <= 0) throw new Error("nothing that fits came in time");
      let late;
      await Promise.race([new Promise((wake) => (this.wake = wake)), new Promise((done) => (late = setTimeout(done, left)))]);
      clearTimeout(late);
    }
  }

  async call(topic, event, payload, options) {
    const ref = this.send(topic, event, payload, options);
    const { payload: answer } = await this.next((m) => m.event === "phx_reply" && m.ref === ref);
    return answer;
  }

  // Joins with ref = join_ref, and returns the reply's payload.
  async join(topic, config = {}, more = {}) {
    const ref = `j${++this.refs}`;
    this.joinRef = ref;
    this.send(topic, "phx_join", { config, ...more }, { ref, joinRef: ref });
    const { payload } = await this.next((m) => m.event === "phx_reply" && m.ref === ref);
    return payload;
  }

  // What has come once everything that was sent before has been handled: the server answers in order.
  async settled() {
    const ref = this.send("phoenix", "heartbeat");
    const before = [];
    await this.next((m) => (m.event === "phx_reply" && m.ref === ref && m.topic === "phoenix") || (before.push(m), false));
    return before;
  }

  close() {
    this.ws.close();
    return this.closed;
  }
}
