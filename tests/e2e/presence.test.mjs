// presence.test.mjs: a random history of joins, tracks, leaves and lost sockets over several event loops: in the end, and at
// every rest, everybody knows the same: what the model says.
import assert from "node:assert/strict";
import { after, before, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { Phoenix } from "../lib/phoenix.mjs";
import { numbers } from "../lib/random.mjs";
import { Server } from "../lib/server.mjs";

const TOPIC = "realtime:crowd";
const PEOPLE = 16, STEPS = 4000, RESTS = 8;

// A client as Phoenix has it: a state, then diffs.  Fails when somebody leaves who was not there, or comes twice.
class Person {
  constructor(server, name) {
    Object.assign(this, { server, key: `key${name % 4}`, isIn: false });
  }
  async join() {
    this.p ??= await Phoenix.open(this.server, { vsn: this.key === "key1" ? "1.0.0" : "2.0.0" });
    assert.equal((await this.p.join(TOPIC, { presence: { key: this.key, enabled: true } })).status, "ok");
    const { payload } = await this.p.next((m) => m.event === "presence_state");
    this.refs = new Map();
    this.add(payload);
    this.isIn = true;
    this.said = undefined;
  }
  add(people) {
    for (const { metas } of Object.values(people))
      for (const { phx_ref, n } of metas) {
        assert.ok(!this.refs.has(phx_ref), "nobody comes twice");
        this.refs.set(phx_ref, n);
      }
  }
  take(messages) {
    for (const { event, payload } of messages) {
      if (event !== "presence_diff") continue;
      for (const { metas } of Object.values(payload.leaves))
        for (const { phx_ref } of metas) assert.ok(this.refs.delete(phx_ref), "nobody leaves who was not there");
      this.add(payload.joins);
    }
  }
  async catchUp() {
    this.take(await this.p.settled());
  }
  async say(event, n) {
    const ref = this.p.send(TOPIC, "presence", { type: "presence", event, payload: { n } });
    const before = [];
    await this.p.next((m) => (m.event === "phx_reply" && m.ref === ref) || (before.push(m), false));
    this.take(before);
    this.said = event === "track" ? n : undefined;
  }
  async leave() {
    await this.p.call(TOPIC, "phx_leave");
    await this.p.next((m) => m.event === "phx_close");
    this.isIn = false;
    this.said = undefined;
  }
  async vanish() {
    this.p.ws.terminate();
    await this.p.closed;
    this.p = undefined;
    this.isIn = false;
    this.said = undefined;
  }
}

let server;
before(async () => {
  server = await Server.start({ env: { SOCLE_THREADS: "3", SOCLE_REALTIME_PRESENCE_CALLS: "100000", SOCLE_REALTIME_JOINS_PER_SECOND: "100000" } });
});
after(() => server?.stop());

for (const seed of [1, 2, 3])
  it(`everybody knows the same after a random history (seed ${seed})`, async () => {
    const random = numbers(seed);
    const people = Array.from({ length: PEOPLE }, (_, name) => new Person(server, name));
    const step = async (one) => {
      if (!one.isIn) return one.join();
      const what = random(10);
      if (what < 6) return one.say("track", random(3));
      if (what < 7) return one.say("untrack");
      if (what < 8) return one.leave();
      if (what < 9) return one.vanish();
      return one.join(); // again, on the same socket
    };
    for (let rest = 0; rest < RESTS; rest++) {
      // All at once: diffs of some are under way while others are given the state.
      for (let n = 0; n < STEPS / RESTS / PEOPLE; n++) await Promise.all(people.map(step));
      const expected = people.filter((one) => one.said !== undefined).map((one) => one.said).sort();
      for (const one of people.filter((person) => person.isIn)) {
        for (let tries = 0; ; tries++) {
          await one.catchUp();
          const known = [...one.refs.values()].sort();
          if (JSON.stringify(known) === JSON.stringify(expected)) break;
          assert.ok(tries < 100, `${known} instead of ${expected}`);
          await pause(20); // a lost socket is noticed, and notes come from other loops
        }
      }
    }
    for (const one of people.filter((person) => person.p)) await one.p.close();
  });
