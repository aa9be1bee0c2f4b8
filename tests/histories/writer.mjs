// writer.mjs: writes rows, one request after the other, and keeps account of what was committed.
//
// A writer has rows of its own, so it knows what each was before and after.  When it does not know whether a request took effect (the
// server died), it leaves those rows alone for the rest of the history, and what is stored in the end tells.
import { setTimeout as pause } from "node:timers/promises";

const LARGE = "x".repeat(20000), HUGE = "y".repeat(40000);

// {table, id, op, old, new}: what the database did to one row.
const changeOf = (table, old, now) => ({ table, id: (now ?? old).id, op: old === null ? "INSERT" : now === null ? "DELETE" : "UPDATE", old, new: now });

export class Writer {
  constructor(history, number) {
    Object.assign(this, { history, random: history.random.fork(`writer ${number}`) });
    this.nextId = history.firstId + 1000 * number;
    this.rows = new Map(); // "things 17" -> the row, of those that exist and may be written
    this.free = []; // ids of rows that were deleted
    this.steps = []; // lists of changes, each committed at once, in their order
    this.unknown = []; // such lists of which nobody knows
  }

  async run(count) {
    for (let n = 0; n < count; n++) {
      await this.#step();
      if (this.random.chance(0.7)) await pause(this.random(25));
    }
  }

  #step() {
    const dice = this.random(100);
    if (this.rows.size < 3 || dice < 30) return this.#insert(this.random.between(1, 4));
    if (dice < 70) return this.#update();
    if (dice < 80) return this.#upsert();
    if (dice < 93) return this.#remove();
    if (dice < 99) return this.#program();
    return this.history.isFlooding ? this.#insert(40, HUGE) : this.#insert(2, LARGE);
  }

  // ---- rows ----

  #fresh(table, text) {
    const { random, history } = this;
    const id = this.free.length > 0 && random.chance(0.5) ? this.free.splice(random(this.free.length), 1)[0] : this.nextId++;
    const row = { id, history: history.seed, owner: history.someOwner(random), text: text ?? `text ${random(1000)} ä€😀"\\`, rev: 0 };
    return table === "notes" ? row : { ...row, level: random(3), team: random.pick(history.teams), kind: random.pick(["a", "b", "c"]), secret: `secret ${random(1000)}` };
  }
  #table() {
    return this.random.chance(0.8) ? "things" : "notes";
  }
  // Up to `most` of those that exist, all of one table.
  #some(most) {
    const table = this.#table();
    const all = [...this.rows.keys()].filter((key) => key.startsWith(table));
    const count = Math.min(all.length, this.random.between(1, most));
    const rows = Array.from({ length: count }, () => all.splice(this.random(all.length), 1)[0]).map((key) => this.rows.get(key));
    return { table, rows };
  }
  // What an update says; it moves rows in and out of people's sight.
  #patch(table) {
    const { random, history } = this;
    const patch = { rev: history.nextRev() };
    const what = table === "notes" ? random.pick(["owner", "text"]) : random.pick(["owner", "owner", "level", "level", "team", "kind", "text", "secret"]);
    if (what === "owner") patch.owner = history.someOwner(random);
    if (what === "level") patch.level = random(3);
    if (what === "team") patch.team = random.pick(history.teams);
    if (what === "kind") patch.kind = random.pick(["a", "b", "c"]);
    if (what === "text") patch.text = `changed ${random(1000)}`;
    if (what === "secret") patch.secret = `changed ${random(1000)}`;
    return patch;
  }

  // ---- what a writer does ----

  #insert(count, text) {
    const table = this.#table();
    const rev = this.history.nextRev();
    const rows = Array.from({ length: count }, () => ({ ...this.#fresh(table, text), rev }));
    return this.#send("POST", `/rest/v1/${table}`, rows, rows.map((row) => changeOf(table, null, row)));
  }
  #update() {
    const { table, rows } = this.#some(3);
    if (rows.length === 0) return;
    const patch = this.#patch(table);
    return this.#send("PATCH", `/rest/v1/${table}?id=in.(${rows.map((row) => row.id)})`, patch, rows.map((row) => changeOf(table, row, { ...row, ...patch })));
  }
  #upsert() {
    const { table, rows } = this.#some(1);
    if (rows.length === 0) return;
    const rev = this.history.nextRev();
    const [now, fresh] = [{ ...rows[0], ...this.#patch(table), rev }, { ...this.#fresh(table), rev }];
    const headers = { Prefer: "resolution=merge-duplicates" };
    return this.#send("POST", `/rest/v1/${table}`, [now, fresh], [changeOf(table, rows[0], now), changeOf(table, null, fresh)], headers);
  }
  #remove() {
    const { table, rows } = this.#some(3);
    if (rows.length === 0) return;
    return this.#send("DELETE", `/rest/v1/${table}?id=in.(${rows.map((row) => row.id)})`, undefined, rows.map((row) => changeOf(table, row, null)));
  }
  // Several statements in a transaction of another program; or taken back.
  async #program() {
    const { table, rows } = this.#some(2);
    if (rows.length === 0) return;
    const literal = (v) => (typeof v === "string" ? `'${v.replaceAll("'", "''")}'` : v === null ? "NULL" : String(v));
    const fresh = { ...this.#fresh(table), rev: this.history.nextRev() };
    const changes = [changeOf(table, null, fresh)];
    let sql = `BEGIN;\nINSERT INTO ${table} (${Object.keys(fresh)}) VALUES (${Object.values(fresh).map(literal)});\n`;
    for (const row of rows) {
      const patch = this.#patch(table);
      sql += `UPDATE ${table} SET ${Object.entries(patch).map(([k, v]) => `${k} = ${literal(v)}`)} WHERE id = ${row.id};\n`;
      changes.push(changeOf(table, row, { ...row, ...patch }));
    }
    if (this.random.chance(0.3)) {
      await this.history.world.sql(`${sql}ROLLBACK;\n`);
      this.free.push(fresh.id);
      return;
    }
    this.#account((await this.history.world.sql(`${sql}COMMIT;\n`)) ? 201 : 0, changes);
  }

  // ---- the account ----

  async #send(method, path, body, changes, headers) {
    const { world } = this.history;
    const { status, body: text } = await world.call(this.random.pick(world.nodes), method, path, body, headers);
    if (status >= 400 && status < 500) throw new Error(`${method} ${path} was answered ${status}: ${text}`);
    this.#account(status, changes);
  }
  #account(status, changes) {
    const isDone = status >= 200 && status < 300;
    (isDone ? this.steps : this.unknown).push(changes);
    for (const { table, id, new: now } of changes) {
      this.rows.delete(`${table} ${id}`);
      if (isDone && now !== null) this.rows.set(`${table} ${id}`, now);
      if (isDone && now === null) this.free.push(id);
    }
  }
}
