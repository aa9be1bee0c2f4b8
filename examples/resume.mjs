// resume.mjs: supabase-js that hears every change, also those that were made while it was away.
//
//   import { createClient } from "@supabase/supabase-js";
//   import { resumable } from "./resume.mjs";
//
//   const { realtime, last } = resumable({ onGap: ({ topic }) => location.reload() });
//   const client = createClient(url, key, { realtime });
//   client.channel("orders")
//     .on("postgres_changes", { event: "*", schema: "public", table: "orders" }, show)
//     .subscribe();
//
// Socle numbers changes: each carries `seq`.  This keeps the last number of every channel, and tells it to the server when the
// client joins again, after a lost connection or with a number that was kept elsewhere.  The server then sends what was missed,
// in order, and goes on with what happens now: without a gap, without anything twice.  If its log does not reach back so far,
// it says so: onGap({ topic, asked, oldest }) is called, and the app should load its data anew.
//
// `last` is a Map from topics ("realtime:orders") to numbers.  To resume after a reload of the page, keep its entries
// (localStorage) and give them back: resumable({ last: new Map(entries) }).

export function resumable({ last = new Map(), onGap = () => {} } = {}) {
  const joining = new Map(); // topic -> ref of a join that has not been answered
  const begun = new Map(); // topic -> { seq, ids }: the messages of a change that has "more", of which the last has not come

  // A change of the database: whether it is new.  We are as far as the last change of which nothing is missing.
  const take = (topic, { ids, more, data: { seq } }) => {
    const known = begun.get(topic)?.seq === seq ? begun.get(topic).ids : [];
    if (more) {
      begun.set(topic, { seq, ids: [...known, ...ids] });
    } else {
      begun.delete(topic);
      last.set(topic, seq);
    }
    return !ids.some((id) => known.includes(id));
  };

  // What comes in: false when it is to be passed over.
  const note = ({ topic, event, payload, ref }) => {
    if (event === "phx_reply" && ref === joining.get(topic)) joining.delete(topic);
    const isSystem = event === "system" && payload.extension === "postgres_changes";
    if (event !== "postgres_changes" && !isSystem) return true;
    if (joining.has(topic)) return false; // of an earlier membership: the join has said from where it will come again
    if (!isSystem) return take(topic, payload);
    if (payload.gap) {
      last.set(topic, payload.gap.oldest);
      onGap({ topic, ...payload.gap });
    } else if (payload.seq !== undefined && !last.has(topic)) {
      last.set(topic, payload.seq); // "Subscribed": everything after this number will come
    }
    return true;
  };

  // What goes out: a join says where to go on.
  const stamp = (message) => {
    const { topic, event, payload, ref } = message;
    if (event !== "phx_join" || !payload.config?.postgres_changes?.length) return message;
    joining.set(topic, ref);
    if (!last.has(topic)) return message;
    const config = { ...payload.config, postgres_changes_options: { since: last.get(topic) } };
    return { ...message, payload: { ...payload, config } };
  };

  // With the serializer 1.0.0 every message is one JSON text, so there is nothing else to know about it.
  const realtime = {
    vsn: "1.0.0",
    encode: (message, callback) => callback(JSON.stringify(stamp(message))),
    decode: (text, callback) => {
      const message = JSON.parse(text);
      if (note(message)) callback(message);
    },
  };
  return { realtime, last };
}
