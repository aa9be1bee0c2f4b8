// supabase.test.mjs: the official client, unchanged: what a web developer does on the first day.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { createClient } from "@supabase/supabase-js";
import WebSocket from "ws"; // Node has one of its own from 22 on

import { ANON_KEY, SERVICE_KEY, Server } from "../lib/server.mjs";

const options = { auth: { persistSession: false, autoRefreshToken: false }, realtime: { transport: WebSocket } };
const password = "correct horse battery";

describe("supabase-js", () => {
  let server, anon, service;
  before(async () => {
    server = await Server.start();
    anon = createClient(server.url, ANON_KEY, options);
    service = createClient(server.url, SERVICE_KEY, options);
  });
  after(() => server?.stop());

  const signedIn = async (name) => {
    const client = createClient(server.url, ANON_KEY, options);
    const { data, error } = await client.auth.signUp({ email: `${name}@example.com`, password, options: { data: { name } } });
    assert.equal(error, null);
    assert.ok(data.session.access_token);
    return { client, user: data.user };
  };

  it("reads with filters, order and an embedded author", async () => {
    const { data, error } = await anon
      .from("books")
      .select("title, pages, authors(name)")
      .gt("pages", 100)
      .order("pages", { ascending: false })
      .limit(2);
    assert.equal(error, null);
    assert.deepEqual(data, [
      { title: "Letters", pages: 210, authors: { name: "Ada Byrd" } },
      { title: "Winter Book", pages: 190, authors: { name: "Tove Ekholm" } },
    ]);
  });

  it("counts, ranges, single and maybeSingle", async () => {
    const counted = await anon.from("books").select("*", { count: "exact", head: true });
    assert.equal(counted.count, 6);
    const ranged = await anon.from("books").select("isbn").order("isbn").range(1, 2);
    assert.deepEqual(ranged.data.map((row) => row.isbn), ["9780000000002", "9780000000003"]);
    const single = await anon.from("books").select("title").eq("isbn", "9780000000001").single();
    assert.deepEqual(single.data, { title: "Notes on the Engine" });
    const none = await anon.from("books").select("title").eq("isbn", "none").maybeSingle();
    assert.equal(none.data, null);
    assert.equal(none.error, null);
    const failed = await anon.from("books").select("title").eq("isbn", "none").single();
    assert.equal(failed.error.code, "PGRST116");
  });

  it("filters: in, is, or, not, ilike, contains", async () => {
    const isbns = async (query) => {
      const { data, error } = await query.order("isbn");
      assert.equal(error, null);
      return data.map((row) => row.isbn.at(-1)).join("");
    };
    const books = () => anon.from("books").select("isbn");
    assert.equal(await isbns(books().in("isbn", ["9780000000001", "9780000000006"])), "16");
    assert.equal(await isbns(books().is("price", null)), "4");
    assert.equal(await isbns(books().or("pages.lt.20,title.eq.Letters")), "26");
    assert.equal(await isbns(books().not("author_id", "is", null)), "12345");
    assert.equal(await isbns(books().ilike("title", "%book%")), "4");
    assert.equal(await isbns(books().contains("tags", JSON.stringify(["novel"]))), "35");
  });

  it("signs up, inserts with select(), and owns the row", async () => {
    const { client, user } = await signedIn("ada");
    const { data, error, status } = await client
      .from("books")
      .insert({ isbn: "1234567890", title: "Mine", pages: 10 })
      .select()
      .single();
    assert.equal(error, null);
    assert.equal(status, 201);
    assert.equal(data.owner_id, user.id);
    assert.match(data.created_at, /^\d{4}-\d\d-\d\dT/);
    const updated = await client.from("books").update({ pages: 11 }).eq("isbn", "1234567890").select("pages");
    assert.deepEqual(updated.data, [{ pages: 11 }]);
  });

  it("shows every violation of a bad row", async () => {
    const { client } = await signedIn("bob");
    const { data, error, status } = await client.from("books").insert({ isbn: "x", title: "", pages: 0 }).select();
    assert.equal(data, null);
    assert.equal(status, 422);
    for (const word of ["isbn", "title", "pages"]) assert.match(error.details, new RegExp(word));
  });

  it("refuses what a policy forbids", async () => {
    const denied = await anon.from("books").insert({ isbn: "1234567891", title: "No", pages: 1 });
    assert.equal(denied.status, 401);
    assert.equal(denied.error.code, "42501");
    const { client } = await signedIn("eve");
    const other = await client.from("books").update({ pages: 1 }).eq("isbn", "1234567890").select();
    assert.deepEqual(other.data, []);
    const gone = await client.from("books").delete().eq("isbn", "1234567890").select();
    assert.deepEqual(gone.data, []);
    assert.equal((await service.from("books").select("pages").eq("isbn", "1234567890").single()).data.pages, 11);
  });

  it("bulk inserts, upserts and deletes", async () => {
    const { client } = await signedIn("carl");
    const rows = Array.from({ length: 50 }, (_, i) => ({ isbn: `20000000${10 + i}`, title: `Book ${i}`, pages: i + 1 }));
    const inserted = await client.from("books").insert(rows).select("isbn");
    assert.equal(inserted.error, null);
    assert.equal(inserted.data.length, 50);
    const upserted = await client.from("books").upsert({ isbn: "2000000010", title: "Changed", pages: 5 }).select("title").single();
    assert.equal(upserted.error, null);
    assert.equal(upserted.data.title, "Changed");
    const deleted = await client.from("books").delete().like("isbn", "20000000%").select("isbn");
    assert.equal(deleted.data.length, 50);
  });

  it("signs in, refreshes, updates the user and signs out", async () => {
    const { client } = await signedIn("dora");
    const again = createClient(server.url, ANON_KEY, options);
    const wrong = await again.auth.signInWithPassword({ email: "dora@example.com", password: "wrong password" });
    assert.equal(wrong.error.code, "invalid_credentials");
    const right = await again.auth.signInWithPassword({ email: "dora@example.com", password });
    assert.equal(right.error, null);
    assert.equal(right.data.user.user_metadata.name, "dora");
    const refreshed = await again.auth.refreshSession();
    assert.equal(refreshed.error, null);
    assert.notEqual(refreshed.data.session.refresh_token, right.data.session.refresh_token);
    const changed = await again.auth.updateUser({ data: { nick: "d" } });
    assert.equal(changed.data.user.user_metadata.nick, "d");
    const { data: who } = await again.auth.getUser();
    assert.equal(who.user.email, "dora@example.com");
    assert.equal((await again.auth.signOut()).error, null);
    assert.equal((await client.auth.getUser()).error.name, "AuthSessionMissingError"); // what the client makes of session_not_found
  });

  it("verifies claims through the published keys", async () => {
    const { client, user } = await signedIn("fay");
    const { data, error } = await client.auth.getClaims();
    assert.equal(error, null);
    assert.equal(data.claims.sub, user.id);
    assert.equal(data.claims.role, "authenticated");
    assert.equal(data.header.alg, "ES256");
  });

  it("50 parallel refreshes of one token sign nobody out", async () => {
    const { client } = await signedIn("gail");
    const { data } = await client.auth.getSession();
    const answers = await Promise.all(
      Array.from({ length: 50 }, () =>
        server.fetch("/auth/v1/token?grant_type=refresh_token", { body: { refresh_token: data.session.refresh_token } }),
      ),
    );
    for (const answer of answers) assert.equal(answer.status, 200, await answer.text());
  });

  it("lets the service key manage users", async () => {
    const made = await service.auth.admin.createUser({ email: "made@example.com", password, email_confirm: true });
    assert.equal(made.error, null);
    const listed = await service.auth.admin.listUsers();
    assert.ok(listed.data.users.some((user) => user.id === made.data.user.id));
    const found = await service.auth.admin.getUserById(made.data.user.id);
    assert.equal(found.data.user.email, "made@example.com");
    const changed = await service.auth.admin.updateUserById(made.data.user.id, { user_metadata: { team: 1 }, ban_duration: "1h" });
    assert.equal(changed.data.user.user_metadata.team, 1);
    assert.equal((await anon.auth.signInWithPassword({ email: "made@example.com", password })).error.code, "user_banned");
    assert.equal((await service.auth.admin.deleteUser(made.data.user.id)).error, null);
    assert.equal((await anon.auth.signInWithPassword({ email: "made@example.com", password })).error.code, "invalid_credentials");
  });
});
