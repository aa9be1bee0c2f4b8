// crowd.mjs: a subscriber's place in a room: whom it knows to be there (a state, then diffs), and what is said.
//
// Within one connection nobody leaves who was not there, nobody comes twice, and no word of a speaker is missing or heard twice.
export class Crowd {
  constructor(subscriber) {
    this.s = subscriber;
    this.said = null; // what we told about ourselves
    this.words = 0;
    this.joins = 0;
    this.lost();
  }
  get topic() {
    return `realtime:crowd ${this.s.history.seed}`;
  }
  lost() {
    this.refs = null; // phx_ref -> what was said; null: not known yet
    this.isIn = false;
    this.heard = new Map(); // speaker -> the number of its last word
  }
  join() {
    this.lost();
    this.joinRef = `c${++this.joins}`;
    this.words = 0;
    const config = { presence: { key: this.s.name, enabled: true } };
    this.s.send(this.topic, "phx_join", { config }, this.joinRef, this.joinRef);
  }
  track() {
    if (!this.isIn) return;
    this.said = this.s.random(3);
    this.#say("presence", { type: "presence", event: "track", payload: { n: this.said } });
  }
  untrack() {
    if (!this.isIn) return;
    this.said = null;
    this.#say("presence", { type: "presence", event: "untrack" });
  }
  speak() {
    if (!this.isIn) return;
    for (let i = 0; i < 3; i++)
      this.#say("broadcast", { type: "broadcast", event: "word", payload: { who: `${this.s.name} ${this.s.connections} ${this.joinRef}`, n: ++this.words } });
  }
  #say(event, payload) {
    this.s.send(this.topic, event, payload, undefined, this.joinRef);
  }

  take({ event, payload, ref }) {
    if (event === "phx_reply" && ref === this.joinRef) {
      if (payload.status !== "ok") return this.#fail("may not enter the room", payload);
      this.isIn = true;
      if (this.said !== null) this.track();
    } else if (event === "presence_state") {
      this.refs = new Map();
      this.#add(payload);
    } else if (event === "presence_diff") {
      if (this.refs === null) return; // of before the state, which has it
      for (const { metas } of Object.values(payload.leaves))
        for (const meta of metas) if (!this.refs.delete(meta.phx_ref)) this.#fail("was told that somebody left who was not there", payload);
      this.#add(payload.joins);
    } else if (event === "broadcast") this.#hear(payload.payload);
  }
  #add(people) {
    for (const [key, { metas }] of Object.entries(people))
      for (const { phx_ref, n } of metas) {
        if (this.refs.has(phx_ref)) this.#fail("was told of somebody twice", people);
        this.refs.set(phx_ref, `${key} ${n}`);
      }
  }
  #hear({ who, n }) {
    const last = this.heard.get(who);
    if (last !== undefined && n !== last + 1) this.#fail(`heard word ${n} of "${who}" after word ${last}`);
    this.heard.set(who, n);
  }
  #fail(what, more) {
    this.s.history.fail(`${this.s.name} ${what}`, { more });
  }
  get known() {
    return this.refs === null ? "nothing" : [...this.refs.values()].sort().join(", ");
  }
}
