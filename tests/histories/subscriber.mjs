// subscriber.mjs: one who listens to changes with the example's helper, is in a room of presence, loses its connection in many ways, and
// goes on where it was.  It notes all that it hears, in order.
import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

import WebSocket from "ws";

import { resumable } from "../../examples/resume.mjs";
import { read4 } from "../lib/phoenix.mjs";
import { Crowd } from "./crowd.mjs";
import { ANON_KEY, SERVICE_KEY, tokenOf } from "./world.mjs";

const HEARTBEAT_MS = 500, PATIENCE_MS = 2000;

export class Subscriber {
  // plan: {name, user, listeners, vsn, isCompressed, since}
  constructor(history, plan) {
    Object.assign(this, { history, world: history.world, ...plan });
    this.random = history.random.fork(`subscriber ${plan.name}`);
    this.events = [];
    this.start = plan.since; // everything after this number is to be heard
    this.last = new Map(plan.since === undefined ? [] : [[this.topic, plan.since]]);
    this.helper = resumable({ last: this.last, onGap: (gap) => history.fail(`${this.name} was told of a gap`, { gap }) });
    this.crowd = new Crowd(this);
    this.isWanted = false;
    this.refs = 0;
    this.tokens = 0;
    this.connections = 0;
    this.readyCount = 0;
    this.watchers = new Set();
  }
  // All of a history share one topic, whoever they are: what one is told must not reach the other.
  get topic() {
    return `realtime:changes ${this.history.seed}`;
  }
  note(text) {
    this.history.note(`${this.name}: ${text}`);
  }
  changed() {
    for (const look of this.watchers) look();
  }
  async until(isThere, ms) {
    if (isThere()) return true;
    return new Promise((done) => {
      const finish = (result) => {
        this.watchers.delete(look);
        clearTimeout(late);
        done(result);
      };
      const look = () => isThere() && finish(true);
      const late = setTimeout(() => finish(isThere()), ms);
      this.watchers.add(look);
    });
  }

  // ---- the connection ----

  connect() {
    this.isWanted = true;
    if (this.ws) return;
    const node = this.random.pick(this.world.nodes);
    const socket = connect(node.proxy.port, "127.0.0.1");
    const key = this.user.role === "service" ? SERVICE_KEY : ANON_KEY;
    const url = `ws://127.0.0.1:${node.proxy.port}/realtime/v1/websocket?apikey=${key}&vsn=${this.vsn}`;
    const ws = new WebSocket(url, { createConnection: () => socket, perMessageDeflate: this.isCompressed, handshakeTimeout: PATIENCE_MS });
    Object.assign(this, { ws, node, socket, isOpen: false, joinRef: null, heardAt: Date.now() });
    ws.on("open", () => this.ws === ws && this.#opened());
    ws.on("message", (data, isBinary) => this.ws === ws && this.#take(data, isBinary));
    ws.on("error", () => {});
    ws.on("close", (code) => this.ws === ws && this.#lost(`closed with ${code}`));
  }
  #opened() {
    this.connections++;
    this.note(`connected to :${this.node.port}`);
    this.isOpen = true;
    this.timer = setInterval(() => this.#beat(), HEARTBEAT_MS);
    this.join();
    this.crowd.join();
  }
  #beat() {
    if (Date.now() - this.heardAt > PATIENCE_MS && !this.isNotReading) {
      this.ws.terminate();
      this.#lost("nothing was heard for too long");
    } else this.send("phoenix", "heartbeat", {});
  }
  // From here on nothing of that connection counts.
  #lost(why) {
    if (!this.ws) return;
    if (this.isOpen) this.note(`${why}; last number ${this.last.get(this.topic)}`);
    clearInterval(this.timer);
    Object.assign(this, { ws: null, isOpen: false, isReady: false, isNotReading: false });
    this.crowd.lost();
    this.changed();
    if (this.isWanted) setTimeout(() => this.isWanted && this.connect(), 5 + this.random(60));
  }
  get link() {
    return this.node?.proxy.linkOf(this.socket);
  }

  // ---- messages ----

  send(topic, event, payload, ref = String(++this.refs), joinRef = this.joinRef) {
    if (this.ws?.readyState !== WebSocket.OPEN) return ref;
    this.helper.realtime.encode({ topic, event, payload, ref, join_ref: joinRef }, (text) => {
      if (this.vsn === "2.0.0") {
        const m = JSON.parse(text);
        text = JSON.stringify([m.join_ref, m.ref, m.topic, m.event, m.payload]);
      }
      this.ws.send(text);
    });
    return ref;
  }
  #take(data, isBinary) {
    this.heardAt = Date.now();
    if (isBinary) return this.crowd.take(read4(data)); // only what others say comes so
    let text = String(data);
    if (this.vsn === "2.0.0") {
      const [join_ref, ref, topic, event, payload] = JSON.parse(text);
      text = JSON.stringify({ join_ref, ref, topic, event, payload });
    }
    this.helper.realtime.decode(text, (message) => {
      if (message.topic === this.topic) this.#hear(message);
      else if (message.topic === this.crowd.topic) this.crowd.take(message);
    });
    this.changed();
  }
  #hear({ event, payload, ref, join_ref }) {
    if (event === "phx_reply" && ref.startsWith("j")) this.#joined(payload);
    else if (event === "system" && payload.extension === "postgres_changes") this.#system(payload);
    else if (event === "postgres_changes") this.#change(payload);
    else if (event === "system" || event === "phx_error") this.history.fail(`${this.name} was told`, { event, payload });
    else if (event === "phx_close" && join_ref === this.joinRef) this.isReady = false;
  }
  #joined({ status, response }) {
    if (status !== "ok") return this.history.fail(`${this.name} may not join`, { response });
    this.ids = response.postgres_changes.map(({ id }) => id);
  }
  #system({ status, message, seq, gap }) {
    if (gap) return; // the helper has told
    if (status !== "ok") {
      this.note(`"${message}"`);
      this.history.count("subscriptions that ended", 1, 30);
      this.isReady = false;
      setTimeout(() => this.isOpen && this.join(), 20);
      return;
    }
    this.note(`ready after ${seq}`);
    this.start ??= seq;
    this.readySeq = seq;
    this.isReady = true;
    this.readyCount++;
  }
  #change({ ids, data }) {
    const { seq, table, type, record = null, old_record: old = null, errors } = data;
    const listeners = ids.map((id) => this.ids.indexOf(id)).sort((a, b) => a - b);
    this.events.push({ seq, table, id: (record ?? old).id, listeners, type, record, old, at: this.connections });
    if (errors !== null || data.schema !== "public") this.history.fail(`${this.name} heard a change with errors`, { data });
    if (this.start === undefined) this.history.fail(`${this.name} heard a change before it was ready`, { data });
  }

  // ---- what it does ----

  join() {
    const config = { postgres_changes: this.listeners.map(({ event, table, filter, select }) => ({ event, schema: "public", table, filter, select })) };
    this.isReady = false;
    this.joinRef = `j${++this.refs}`;
    this.note(`joins after ${this.last.get(this.topic)}`);
    this.send(this.topic, "phx_join", { config, access_token: this.#token() }, this.joinRef);
  }
  #token() {
    return this.user.id === null ? undefined : tokenOf(this.user.id, ++this.tokens);
  }
  disconnect() {
    const { ws } = this;
    this.isWanted = false;
    this.#lost("leaves");
    ws?.close();
  }

  // Things that happen to a client, some of which it does itself.
  static TROUBLES = {
    "closes": (s) => s.ws.close(),
    "is cut off": (s) => s.link?.reset(),
    "is cut off within a message": (s) => s.link?.cutAfter(1 + s.random(2000)),
    "is gone without a word": (s) => s.link?.leaveHalfOpen(),
    "hears nothing for a while": async (s) => {
      const { link } = s;
      link?.halt();
      await pause(s.random(400));
      link?.resume();
    },
    "does not read for a while": async (s) => {
      const { ws } = s;
      s.isNotReading = true;
      ws.pause();
      await pause(s.random(800));
      if (s.ws === ws) s.isNotReading = false;
      ws.resume();
    },
    "gets a new token": (s) => s.user.id !== null && s.send(s.topic, "access_token", { access_token: s.#token() }),
    "joins again": (s) => s.join(),
    "leaves and joins": (s) => {
      s.send(s.topic, "phx_leave", {});
      s.join();
    },
    "says where it is": (s) => s.crowd.track(),
    "says nothing more of itself": (s) => s.crowd.untrack(),
    "speaks": (s) => s.crowd.speak(),
  };
  async live(isOver) {
    const names = Object.keys(Subscriber.TROUBLES);
    while (!isOver()) {
      await pause(this.random.between(20, 250));
      if (!this.isOpen || isOver()) continue;
      const what = this.random.pick(names);
      this.note(what);
      await Subscriber.TROUBLES[what](this);
    }
  }
}
