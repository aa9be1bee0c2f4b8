// history.mjs: one random history: a few people with different rights listen while rows change and their connections suffer.
import { setTimeout as pause } from "node:timers/promises";

import { numbers } from "../lib/random.mjs";
import { COLUMNS, FILTER_TEXTS } from "./model.mjs";
import { Subscriber } from "./subscriber.mjs";
import { PEACE_MS, SILENCE_MS, uuidOf } from "./world.mjs";
import { Writer } from "./writer.mjs";

const WRITES = 25, LISTENERS = 5, IDS = 10000;

export const SERVICE = { name: "service", role: "service", id: null, teams: [] };
const ANON = { name: "anon", role: "anon", id: null, teams: [] };

export class History {
  constructor(round, seed) {
    Object.assign(this, { round, world: round.world, seed, random: numbers(seed * 7919 + 1), problem: null, revs: 0, lines: [], counts: {}, subscribers: [] });
    this.firstId = (seed % 100000) * IDS + 1;
    this.from = Date.now();
    this.isFlooding = this.random.chance(0.03);
    this.teams = [`t${seed}`, `u${seed}`, "nobody's"];
    const person = (name, teams) => ({ name, role: "authenticated", id: uuidOf(`${name} ${seed}`), teams });
    this.owners = [person("ada", []), person("bob", [this.teams[0]]), person("cyn", this.teams.slice(0, 2))];
    this.people = [...this.owners, ANON, SERVICE];
  }
  someOwner(random) {
    return random.pick(this.owners).id;
  }
  nextRev() {
    return ++this.revs;
  }
  note(text) {
    this.lines.push(`${String(Date.now() - this.from).padStart(6)} ms  ${text}`);
  }
  count(what, by = 1, most = Infinity) {
    this.counts[what] = (this.counts[what] ?? 0) + by;
    if (this.counts[what] > most) this.fail(`too many ${what}`);
  }
  // The first problem is the one that is told.
  fail(what, more = {}) {
    this.problem ??= { what, more };
    this.note(`FAILED: ${what}`);
  }

  // ---- who listens to what ----

  #listener(random) {
    const table = random.chance(0.7) ? "things" : random.pick(["notes", "*"]);
    const listener = { event: random.chance(0.6) ? "*" : random.pick(["INSERT", "UPDATE", "DELETE"]), table };
    if (table !== "*" && random.chance(0.6)) listener.filter = `history=eq.${this.seed}`;
    if (table === "things" && random.chance(0.3)) listener.filter = random.pick(FILTER_TEXTS);
    if (table !== "*" && random.chance(0.25)) listener.select = ["rev", ...COLUMNS[table].filter((name) => !["secret", "rev"].includes(name) && random.chance(0.4))];
    return listener;
  }
  #plan(n) {
    const { random } = this;
    const user = random.pick(this.people);
    // Several ask for exactly the same, so that what they share is shared by people with different rights.
    const some = Array.from({ length: random.between(1, 3) }, () => this.#listener(random));
    const different = [...new Map(some.map((one) => [JSON.stringify(one), one])).values()];
    const listeners = random.chance(0.5) ? [{ event: "*", table: "things" }] : different;
    return { name: `${user.name}${n}`, user, listeners, vsn: random.pick(["1.0.0", "2.0.0"]), isCompressed: random.chance(0.2), isLate: random.chance(0.3) };
  }

  // ---- the course of things ----

  async run() {
    const members = this.owners.flatMap(({ id, teams }) => teams.map((club) => ({ club, member: id })));
    for (let status; !(status >= 200 && status < 300); )
      status = (await this.world.call(this.world.nodes[0], "POST", "/rest/v1/members", members, { Prefer: "resolution=merge-duplicates" })).status;
    const plans = Array.from({ length: LISTENERS }, (_, n) => this.#plan(n));
    for (const plan of plans.filter((one) => !one.isLate)) this.#begin(plan);
    await Promise.all(this.subscribers.map((s) => s.until(() => s.start !== undefined, PEACE_MS)));
    if (this.subscribers.some((s) => s.start === undefined)) return this.fail("not everybody was ready at the beginning");

    let isOver = false;
    const lives = this.subscribers.map((s) => s.live(() => isOver));
    const late = this.#comeLate(plans.filter((plan) => plan.isLate), lives, () => isOver);
    this.writers = [1, 2].map((n) => new Writer(this, n));
    await Promise.all(this.writers.map((writer) => writer.run(WRITES)));
    isOver = true;
    this.note("peace");
    await Promise.all([late, ...lives]);
  }
  #begin(plan) {
    const s = new Subscriber(this, plan);
    this.subscribers.push(s);
    s.connect();
    return s;
  }
  // Some join when much has happened: from then on, or from a number that another has seen.
  async #comeLate(plans, lives, isOver) {
    for (const plan of plans) {
      await pause(this.random(300));
      const { events } = this.round.auditor;
      if (events.length > 0 && this.random.chance(0.5)) plan.since = this.random.pick(events).seq;
      lives.push(this.#begin(plan).live(isOver));
    }
  }

  // ---- when nothing is broken any more ----

  async check(truth) {
    const isWhole = (s) => s.isReady && s.events.length >= truth.countFor(s);
    for (const s of this.subscribers) s.connect();
    // Those who are there hear all, without doing anything.
    await Promise.all(this.subscribers.map((s) => s.until(() => isWhole(s), PEACE_MS)));
    for (const s of this.subscribers) this.judge(s, truth.compareAll(s));
    if (!this.problem) await Promise.all(this.subscribers.map((s) => this.#joinOnceMore(s, truth)));
    if (!this.problem) await this.#meet();
    this.count("events", this.subscribers.reduce((sum, s) => sum + s.events.length, 0));
    this.count("connections", this.subscribers.reduce((sum, s) => sum + s.connections, 0));
  }
  end() {
    for (const s of this.subscribers) s.disconnect();
  }
  judge(s, problem) {
    if (problem) this.fail(`${s.name}: ${problem.what}`, { ...problem, listeners: s.listeners, start: s.start });
  }

  // "Ready" promises that all before it was told: so there is nothing to wait for after it, and nothing may come twice.
  async #joinOnceMore(s, truth) {
    const before = s.readyCount;
    s.join();
    if (!(await s.until(() => s.readyCount > before && s.isReady, PEACE_MS))) return this.fail(`${s.name} was not ready again`);
    if (s.readySeq < truth.newest) return this.fail(`${s.name} is ready after ${s.readySeq}, but ${truth.newest} was committed before`);
    this.judge(s, truth.compareAll(s));
  }

  // Everybody knows who is there, and no ghosts.
  async #meet() {
    const isSettled = () => this.subscribers.every((s) => s.crowd.known === this.#presentFor(s));
    const end = Date.now() + SILENCE_MS + PEACE_MS;
    while (!isSettled() && Date.now() < end) await pause(20);
    for (const s of this.subscribers)
      if (s.crowd.known !== this.#presentFor(s)) return this.fail(`${s.name} knows [${s.crowd.known}] to be present, but [${this.#presentFor(s)}] are`);
  }
  #presentFor(s) {
    const there = this.subscribers.filter((one) => one.isOpen && one.crowd.said !== null);
    return there.map((one) => `${one.name} ${one.crowd.said}`).sort().join(", ");
  }

  // ---- what was committed ----

  async #stored() {
    const stored = new Map();
    for (const table of ["things", "notes"]) {
      const { status, body } = await this.world.call(this.world.nodes[0], "GET", `/rest/v1/${table}?select=id,rev&history=eq.${this.seed}`);
      if (status !== 200) this.fail(`reading the rows was answered ${status}: ${body}`);
      else for (const { id, rev } of JSON.parse(body)) stored.set(`${table} ${id}`, rev);
    }
    return stored;
  }
  async tell(truth) {
    const stored = await this.#stored();
    const isStored = ({ table, id, new: now }) => stored.get(`${table} ${id}`) === now?.rev;
    for (const writer of this.writers) {
      truth.add(writer.steps.flat());
      truth.writers.push(writer.steps);
      for (const [key, row] of writer.rows)
        if (stored.get(key) !== row.rev) this.fail("an acknowledged row is not stored", { row, stored: stored.get(key) });
      for (const unknown of writer.unknown) this.#find(unknown, unknown.filter(isStored).length, truth);
    }
  }
  #find(changes, done, truth) {
    if (done !== 0 && done !== changes.length) this.fail("half a transaction is stored", { changes });
    this.note(`a write of unknown outcome (${changes.map(({ op, id }) => `${op} ${id}`)}) was ${done ? "done" : "not done"}`);
    this.count("writes of unknown outcome");
    if (done) truth.add(changes);
  }

  // The trace: what happened to the one it is about, and to the servers.
  report() {
    const name = this.problem.what.split(/[: ]/)[0];
    const about = this.lines.filter((line) => line.includes(` ms  ${name}: `) || !/ ms {2}[a-z]+\d: /.test(line));
    const more = JSON.stringify(this.problem.more, null, 1).replace(/([xy])\1{1000,}/g, "...");
    return `history ${this.seed}: ${this.problem.what}\n${more.slice(0, 6000)}\n${about.slice(-60).join("\n")}`;
  }
}
