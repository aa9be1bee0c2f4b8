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
  // What comes in: remember how far we are.
  const note = (message) => {
    const { topic, event, payload } = message;
    if (event === "postgres_changes") last.set(topic, payload.data.seq);
    if (event === "system" && payload.extension === "postgres_changes") {
      if (payload.gap) {
        last.set(topic, payload.gap.oldest);
        onGap({ topic, ...payload.gap });
      } else if (payload.seq !== undefined && !last.has(topic)) {
        last.set(topic, payload.seq); // "Subscribed": everything after this number will come
      }
    }
    return message;
  };

  // What goes out: a join says where to go on.
  const stamp = (message) => {
    const { topic, event, payload } = message;
    if (event !== "phx_join" || !payload.config?.postgres_changes?.length || !last.has(topic)) return message;
    const config = { ...payload.config, postgres_changes_options: { since: last.get(topic) } };
    return { ...message, payload: { ...payload, config } };
  };

  // With the serializer 1.0.0 every message is one JSON text, so there is nothing else to know about it.
  const realtime = {
    vsn: "1.0.0",
    encode: (message, callback) => callback(JSON.stringify(stamp(message))),
    decode: (text, callback) => callback(note(JSON.parse(text))),
  };
  return { realtime, last };
}
