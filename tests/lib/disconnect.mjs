// disconnect.mjs: ends a supabase-js client's realtime connection.  The client's own disconnect() leaves a timer of ten seconds behind,
// for which a test's process would wait.
export function disconnect(client) {
  const { setTimeout } = globalThis;
  globalThis.setTimeout = (...args) => setTimeout(...args).unref();
  try {
    return client.realtime.disconnect();
  } finally {
    globalThis.setTimeout = setTimeout;
  }
}
