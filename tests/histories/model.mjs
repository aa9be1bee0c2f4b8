// model.mjs: what each subscriber must hear of the rows that were committed; and the comparison with what it heard.
//
// The truth is the writers' account: for each row its changes one after the other, and what a writer did first.  Nothing of it comes from the
// server's log.  Only the order between the rows of different writers is the server's to choose: it must be the same for everybody.

export const COLUMNS = {
  things: ["id", "history", "owner", "level", "team", "kind", "text", "secret", "rev"],
  notes: ["id", "history", "owner", "text", "rev"],
};
const WRITE_ONLY = "secret";

// ---- who sees what ----

function sees(user, table, row) {
  if (row === null) return false;
  if (user.role === "service") return true;
  const isOwner = user.id !== null && row.owner === user.id;
  return table === "notes" ? isOwner : isOwner || row.level === 0 || user.teams.includes(row.team);
}

const FILTERS = {
  "": () => true,
  "kind=eq.a": (row) => row.kind === "a",
  "kind=in.(a,b)": (row) => row.kind === "a" || row.kind === "b",
  "level=gte.1": (row) => row.level >= 1,
  "kind=neq.c,level=lt.2": (row) => row.kind !== "c" && row.level < 2,
};
export const FILTER_TEXTS = Object.keys(FILTERS).slice(1);

function passes(filter, row) {
  const ofHistory = /^history=eq\.(\d+)$/.exec(filter);
  return ofHistory ? row.history === Number(ofHistory[1]) : FILTERS[filter](row);
}

function pick(row, columns) {
  return Object.fromEntries(columns.map((name) => [name, row[name]]));
}

// docs/changes.md, "Who hears what": what of a change one sees, were there no filter.
function formOf(user, { table, op, old, new: now }) {
  const [before, after] = [sees(user, table, old), sees(user, table, now)];
  if (op === "INSERT") return after && { type: "INSERT", new: "all" };
  if (op === "DELETE") return before && { type: "DELETE", old: "all" };
  if (after) return { type: "UPDATE", new: "all", old: before ? "all" : "key" };
  return before && { type: "DELETE", old: "key", leaves: true };
}

function wants(listener, change, form) {
  const { table, op, old, new: now } = change;
  if (listener.table !== "*" && listener.table !== table) return false;
  if (listener.event !== "*" && listener.event !== form.type) return false;
  const row = form.leaves || op === "DELETE" ? old : now;
  return passes(listener.filter ?? "", row);
}

function columnsOf(user, table, select) {
  const readable = COLUMNS[table].filter((name) => user.role === "service" || name !== WRITE_ONLY);
  return select ? readable.filter((name) => name === "id" || select.includes(name)) : readable;
}

// The messages that one subscriber gets of one change: listeners who get the same columns share one.
export function messagesOf({ user, listeners }, change) {
  const form = formOf(user, change);
  if (!form) return [];
  const groups = new Map();
  listeners.forEach((listener, at) => {
    if (!wants(listener, change, form)) return;
    const columns = columnsOf(user, change.table, listener.select);
    const group = groups.get(columns.join()) ?? { columns, listeners: [] };
    group.listeners.push(at);
    groups.set(columns.join(), group);
  });
  return [...groups.values()].map(({ columns, listeners }) => ({
    table: change.table,
    listeners,
    type: form.type,
    record: form.new ? pick(change.new, columns) : null,
    old: form.old ? pick(change.old, form.old === "all" ? columns : ["id"]) : null,
  }));
}

// ---- the comparison ----

const keyOf = ({ table, id }) => `${table} ${id}`;
const text = (message) => JSON.stringify([message.table, message.listeners, message.type, sorted(message.record), sorted(message.old)]);
const sorted = (row) => row && Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1));

export class Truth {
  constructor() {
    this.byKey = new Map(); // "things 17" -> its changes, in order
    this.writers = []; // what each did: lists of changes, each list committed at once, in their order
    this.newest = 0; // the highest number
  }
  add(changes) {
    for (const change of changes) {
      const key = keyOf(change);
      if (!this.byKey.has(key)) this.byKey.set(key, []);
      this.byKey.get(key).push(change);
    }
  }

  // The auditor hears everything from the beginning: its events say which number each change has.
  takeNumbers(auditor) {
    const number = (change, event) => {
      change.seq = event.seq;
      this.newest = Math.max(this.newest, event.seq);
      return true;
    };
    const problem = this.compare(auditor, () => true, number);
    if (problem) return problem;
    for (const steps of this.writers)
      for (let i = 1; i < steps.length; i++)
        if (Math.min(...steps[i].map(({ seq }) => seq)) <= Math.max(...steps[i - 1].map(({ seq }) => seq)))
          return { what: "a later write of one writer has a lower number", steps: [steps[i - 1], steps[i]] };
    return null;
  }

  // What the subscriber must have heard: number after number.
  compareAll(subscriber) {
    return this.compare(subscriber, (change) => change.seq > subscriber.start, (change, event) => change.seq === event.seq);
  }

  // Row by row.  `isMeant`: whether it is to hear of the change at all; `meets`: what must hold of a change and its event.
  compare(subscriber, isMeant, meets) {
    const { events } = subscriber;
    const heard = new Map();
    for (const [at, event] of events.entries()) {
      const before = events[at - 1];
      if (before && (event.seq < before.seq || (event.seq === before.seq && keyOf(event) !== keyOf(before)))) return { what: "out of order", event, before };
      if (!this.byKey.has(keyOf(event))) return { what: "an event of a row that was never committed", event };
      if (!heard.has(keyOf(event))) heard.set(keyOf(event), []);
      heard.get(keyOf(event)).push(event);
    }
    for (const [key, changes] of this.byKey) {
      const got = heard.get(key) ?? [];
      let at = 0;
      for (const change of changes.filter(isMeant))
        for (const message of messagesOf(subscriber, change)) {
          const event = got[at++];
          if (event === undefined) return { what: "lost", key, change, expected: message, heard: got };
          if (text(event) !== text(message) || !meets(change, event)) return { what: "not what was to be heard", key, change, expected: message, event, heard: got };
        }
      if (got.length > at) return { what: "heard too much: twice, or what is not for it", key, event: got[at], changes };
    }
    return null;
  }

  // How many messages the subscriber is to hear.
  countFor(subscriber) {
    let count = 0;
    for (const changes of this.byKey.values())
      for (const change of changes) if (change.seq === undefined || change.seq > subscriber.start) count += messagesOf(subscriber, change).length;
    return count;
  }
}
