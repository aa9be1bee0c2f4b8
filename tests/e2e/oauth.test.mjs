// oauth.test.mjs: sign-in with other accounts, by the official client, against providers on loopback; and what attackers try.
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync } from "node:crypto";
import { after, before, beforeEach, describe, it } from "node:test";

import { createClient } from "@supabase/supabase-js";
import WebSocket from "ws";

import { Browser, Provider } from "../lib/oidc.mjs";
import { ANON_KEY, SERVICE_KEY, Server } from "../lib/server.mjs";
import { makeCertificates } from "../lib/tls.mjs";
import { totp } from "../lib/totp.mjs";

const password = "correct horse battery";
const SITE = "http://localhost:3000";
const WELCOME = "http://localhost:3000/welcome";

function client(server, { flowType = "implicit", key = ANON_KEY } = {}) {
  const store = new Map();
  const storage = { getItem: (name) => store.get(name) ?? null, setItem: (name, value) => store.set(name, value), removeItem: (name) => store.delete(name) };
  return createClient(server.url, key, { auth: { flowType, storage, persistSession: true, autoRefreshToken: false }, realtime: { transport: WebSocket } });
}

const ok = ({ data, error }) => {
  assert.equal(error, null);
  return data;
};
const fragment = (place) => Object.fromEntries(new URLSearchParams(place.hash.slice(1)));
const settings = (provider, more = {}) => ({
  SOCLE_AUTH_PROVIDERS: "acme,google,github",
  SOCLE_AUTH_ACME_ISSUER: provider.issuer,
  SOCLE_AUTH_GOOGLE_ISSUER: provider.issuer,
  SOCLE_AUTH_GITHUB_URL: provider.url,
  ...Object.fromEntries(["ACME", "GOOGLE", "GITHUB"].flatMap((name) => [[`SOCLE_AUTH_${name}_CLIENT_ID`, `${provider.clientId}, socle-phone`], [`SOCLE_AUTH_${name}_CLIENT_SECRET`, provider.clientSecret]])),
  SOCLE_OUTBOUND_PRIVATE: "true",
  SOCLE_MANUAL_LINKING: "true",
  SOCLE_ANONYMOUS_USERS: "true",
  SOCLE_SITE_URL: SITE,
  SOCLE_REDIRECT_URLS: WELCOME,
  ...more,
});

describe("other providers", () => {
  let provider, server, service, people = 0;
  before(async () => {
    provider = await Provider.start();
    server = await Server.start({ env: settings(provider) });
    service = client(server, { key: SERVICE_KEY });
  });
  after(async () => {
    await server?.stop();
    await provider?.stop();
  });
  beforeEach(() => {
    people += 1;
    Object.assign(provider, { claims: {}, respond: {}, refuse: undefined, requests: [] });
    provider.person = { sub: `person-${people}`, email: `person${people}@example.com`, email_verified: true, name: "Ada Byrd", picture: "https://example.com/ada.png" };
  });

  // What signInWithOAuth() does in a browser; gives the place where it ends.
  const visit = async (own, name = "acme", { browser = new Browser(), ...options } = {}) => {
    const { url } = ok(await own.auth.signInWithOAuth({ provider: name, options: { skipBrowserRedirect: true, redirectTo: WELCOME, ...options } }));
    return browser.go(url, [SITE]);
  };
  const signIn = async (name, options) => {
    const own = client(server);
    const place = await visit(own, name, options);
    const { access_token, refresh_token } = fragment(place);
    assert.ok(access_token, place.href);
    ok(await own.auth.setSession({ access_token, refresh_token }));
    return { own, place, user: ok(await own.auth.getUser()).user };
  };
  const adminUser = async (id) => ok(await service.auth.admin.getUserById(id)).user;

  it("are shown by /settings", async () => {
    const { external } = await (await server.fetch("/auth/v1/settings")).json();
    assert.deepEqual([external.acme, external.google, external.github, external.apple], [true, true, true, false]);
  });

  it("signInWithOAuth, implicit: session and the provider's tokens in the fragment", async () => {
    const { place, user } = await signIn("acme");
    assert.equal(place.origin + place.pathname, WELCOME);
    assert.equal(place.search, "");
    const session = fragment(place);
    assert.equal(session.token_type, "bearer");
    assert.equal(session.expires_in, "3600");
    assert.ok(provider.tokens.has(session.provider_token));
    assert.match(session.provider_refresh_token, /^refresh-/);
    assert.equal(user.email, provider.person.email);
    assert.ok(user.email_confirmed_at);
    assert.deepEqual(user.app_metadata, { provider: "acme", providers: ["acme"] });
    assert.equal(user.user_metadata.full_name, "Ada Byrd");
    assert.equal(user.user_metadata.avatar_url, "https://example.com/ada.png");
    assert.equal(user.identities[0].id, provider.person.sub);
    assert.equal(user.identities[0].identity_data.email_verified, true);
    const { amr } = JSON.parse(Buffer.from(session.access_token.split(".")[1], "base64url"));
    assert.equal(amr[0].method, "oauth");
    assert.equal((await signIn("acme")).user.id, user.id);
  });

  it("signInWithOAuth, pkce: exchangeCodeForSession gives session and the provider's tokens", async () => {
    const own = client(server, { flowType: "pkce" });
    const place = await visit(own);
    assert.equal(place.hash, "");
    const { session } = ok(await own.auth.exchangeCodeForSession(place.searchParams.get("code")));
    assert.equal(session.user.email, provider.person.email);
    assert.ok(provider.tokens.has(session.provider_token));
    assert.match(session.provider_refresh_token, /^refresh-/);
    assert.equal((await own.auth.exchangeCodeForSession(place.searchParams.get("code"))).error.name, "AuthPKCECodeVerifierMissingError");
  });

  it("is bound to the provider by PKCE, state and nonce, and passes the app's wishes on, but no more", async () => {
    const own = client(server);
    await visit(own, "acme", { scopes: "calendar,mail", queryParams: { prompt: "consent", redirect_uri: "https://evil.example/", nonce: "mine", Client_Id: "x" } });
    const { query } = provider.requests.find(({ path }) => path === "/authorize");
    assert.equal(query.get("prompt"), "consent");
    assert.equal(query.get("scope"), "openid email profile calendar mail");
    assert.deepEqual(query.getAll("redirect_uri"), [`${server.url}/auth/v1/callback`]);
    assert.deepEqual(query.getAll("client_id"), [provider.clientId]);
    assert.equal(query.has("Client_Id"), false);
    assert.notEqual(query.get("nonce"), "mine");
    assert.equal(query.get("code_challenge_method"), "S256");
    const { form } = provider.requests.find(({ path }) => path === "/token");
    assert.equal(createHash("sha256").update(form.get("code_verifier")).digest("base64url"), query.get("code_challenge"));
  });

  it("github: the primary address, from the list of addresses", async () => {
    const { user } = await signIn("github");
    assert.equal(user.email, provider.person.email);
    assert.equal(user.identities[0].id, "4711");
    assert.equal(user.user_metadata.user_name, "ada");
    const api = provider.requests.find(({ path }) => path === "/api/v3/user");
    assert.match(api.headers["user-agent"], /^socle\//);
  });

  it("an address that only the userinfo endpoint knows", async () => {
    provider.claims = { email: undefined, email_verified: undefined };
    assert.equal((await signIn("acme")).user.email, provider.person.email);
    provider.respond["/userinfo"] = (response, json) => json({ sub: "somebody-else", email: "boss@example.com", email_verified: true });
    const place = await visit(client(server));
    assert.equal(fragment(place).error_code, "unexpected_failure");
  });

  it("email_verified as text or number, as some providers have it", async () => {
    for (const email_verified of ["true", 1, "1"]) {
      provider.person = { ...provider.person, sub: `verified-${email_verified}-${typeof email_verified}`, email: `v${typeof email_verified}${email_verified}@example.com`, email_verified };
      assert.equal((await signIn("acme")).user.email, provider.person.email);
    }
    provider.person = { ...provider.person, sub: "unverified", email: "unverified@example.com", email_verified: "false" };
    assert.equal(fragment(await visit(client(server))).error_code, "provider_email_needs_verification");
  });

  it("errors come back to the app, in fragment and query", async () => {
    provider.refuse = "access_denied";
    const refused = await visit(client(server));
    assert.equal(refused.origin + refused.pathname, WELCOME);
    assert.equal(fragment(refused).error, "access_denied");
    assert.equal(refused.searchParams.get("error_description"), "access_denied");
    provider.refuse = undefined;
    provider.respond["/token"] = (response, json) => json({ error: "server_error" }, 500);
    const failed = await visit(client(server));
    assert.equal(fragment(failed).error, "server_error");
    assert.equal(fragment(failed).error_description, "Unable to exchange external code");
    assert.doesNotMatch(server.log, new RegExp(provider.clientSecret.slice(0, 5)));
    const unknown = await server.fetch("/auth/v1/authorize?provider=nobody", { key: null });
    assert.equal(unknown.status, 400);
    assert.equal((await unknown.json()).error_code, "validation_failed");
  });

  it("a sign-in is finished once, by the browser that began it", async () => {
    const own = client(server);
    const { url } = ok(await own.auth.signInWithOAuth({ provider: "acme", options: { skipBrowserRedirect: true, redirectTo: WELCOME } }));
    const mine = new Browser();
    const back = await mine.go(url, [`${server.url}/auth/v1/callback`]);
    const forced = await new Browser().go(back.href, [SITE]);
    assert.equal(fragment(forced).error_code, "bad_oauth_state");
    const late = await mine.go(back.href, [SITE]);
    assert.equal(fragment(late).error_code, "bad_oauth_state");
    assert.equal(fragment(late).access_token, undefined);
    const made_up = await mine.go(`${server.url}/auth/v1/callback?state=x&code=y`, [SITE]);
    assert.equal(made_up.searchParams.get("error_code"), "bad_oauth_state");
  });

  it("the answer of a provider may come by a form", async () => {
    const own = client(server, { flowType: "pkce" });
    const { url } = ok(await own.auth.signInWithOAuth({ provider: "acme", options: { skipBrowserRedirect: true, redirectTo: WELCOME } }));
    const back = await new Browser().go(url, [`${server.url}/auth/v1/callback`]);
    const answer = await fetch(`${server.url}/auth/v1/callback`, { method: "POST", redirect: "manual", body: back.searchParams });
    const place = new URL(answer.headers.get("location"));
    ok(await own.auth.exchangeCodeForSession(place.searchParams.get("code")));
  });

  it("only allowed places are gone to", async () => {
    const places = ["https://evil.example/", `${WELCOME}@evil.example/`, "http://user@localhost:3000/welcome", `${WELCOME}#x`, `${WELCOME}?x`, "http://localhost:3000.evil.example/welcome", "http://127.0.0.1:3000/welcome", "myapp://welcome", "http://LOCALHOST:3000/welcome"];
    for (const redirectTo of places) {
      const { url } = ok(await client(server).auth.signInWithOAuth({ provider: "acme", options: { skipBrowserRedirect: true, redirectTo } }));
      const place = await new Browser().go(url, ["http://localhost:3000", "https://evil", "myapp:", "http://127.0.0.1:3000", "http://user@"]);
      assert.equal(place.origin + place.pathname + place.search, `${SITE}/`, redirectTo);
    }
  });

  it("the way back is the configured one, whatever the request's headers say", async () => {
    const headers = { "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", Forwarded: "host=evil.example" };
    const answer = await server.fetch("/auth/v1/authorize?provider=acme", { key: null, headers });
    assert.equal(new URL(answer.headers.get("location")).searchParams.get("redirect_uri"), `${server.url}/auth/v1/callback`);
  });

  it("50 apps with one code, one session", async () => {
    const verifier = "v".repeat(64);
    const challenge = createHash("sha256").update(verifier).digest("base64url");
    const place = await new Browser().go(`${server.url}/auth/v1/authorize?provider=acme&code_challenge=${challenge}&code_challenge_method=s256`, [SITE]);
    const body = { auth_code: place.searchParams.get("code"), code_verifier: verifier };
    const answers = await Promise.all(Array.from({ length: 50 }, () => server.fetch("/auth/v1/token?grant_type=pkce", { body })));
    const statuses = await Promise.all(answers.map(async (answer) => (await answer.text(), answer.status)));
    assert.equal(statuses.filter((status) => status === 200).length, 1);
    assert.equal(statuses.filter((status) => status === 404).length, 49);
  });

  describe("signInWithIdToken", () => {
    const give = (more = {}, rest = {}) => client(server).auth.signInWithIdToken({ provider: "google", token: provider.idToken(more), ...rest });
    const hashed = (nonce) => createHash("sha256").update(nonce).digest("hex");

    it("signs in, with and without a nonce", async () => {
      const { user } = ok(await give());
      assert.equal(user.email, provider.person.email);
      assert.deepEqual(user.app_metadata.providers, ["google"]);
      assert.equal(ok(await give({ nonce: hashed("n-1") }, { nonce: "n-1" })).user.id, user.id);
    });

    it("takes tokens of the app's other clients", async () => {
      ok(await give({ aud: "socle-phone" }));
      ok(await give({ aud: [provider.clientId, "other"], azp: "socle-phone" }));
    });

    it("allows for clocks that differ a little", async () => {
      const now = Math.floor(Date.now() / 1000);
      ok(await give({ exp: now - 20 }));
      ok(await give({ nbf: now + 20 }));
    });

    const refused = {
      "of another issuer": () => give({ iss: "https://evil.example" }),
      "of an issuer that looks alike": () => give({ iss: `${provider.issuer}/` }),
      "of an issuer that the client names": () => give({ iss: "https://evil.example" }, { issuer: "https://evil.example", client_id: provider.clientId }),
      "for another audience": () => give({ aud: "another-app" }),
      "for several audiences without azp": () => give({ aud: [provider.clientId, "another-app"] }),
      "with another azp": () => give({ azp: "another-app" }),
      "with a nonce that was not passed": () => give({ nonce: hashed("n-1") }),
      "without the nonce that was passed": () => give({}, { nonce: "n-1" }),
      "with another nonce": () => give({ nonce: hashed("n-2") }, { nonce: "n-1" }),
      "with the nonce itself instead of its hash": () => give({ nonce: "n-1" }, { nonce: "n-1" }),
      "expired": () => give({ exp: Math.floor(Date.now() / 1000) - 90 }),
      "that never expires": () => give({ exp: undefined }),
      "without sub": () => give({ sub: undefined }),
      "with another access token": () => give({ at_hash: "AAAAAAAAAAAAAAAAAAAAAA" }, { access_token: "token" }),
      "signed by somebody else": () => {
        const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
        return client(server).auth.signInWithIdToken({ provider: "google", token: provider.sign({ iss: provider.issuer, aud: provider.clientId, exp: 9999999999, sub: "x" }, { key: privateKey }) });
      },
      "not signed": () => client(server).auth.signInWithIdToken({ provider: "google", token: `${Buffer.from('{"alg":"none"}').toString("base64url")}.${provider.idToken().split(".")[1]}.` }),
      "that is none": () => client(server).auth.signInWithIdToken({ provider: "google", token: "abc" }),
    };
    for (const [label, attempt] of Object.entries(refused))
      it(`refuses a token ${label}`, async () => {
        const { data, error } = await attempt();
        assert.equal(data.session, null);
        assert.equal(error.status, 400);
        assert.equal(error.code, "validation_failed");
        assert.match(error.message, /^Bad ID token/);
      });

    it("refuses providers that are not set up or give no such tokens", async () => {
      assert.equal((await client(server).auth.signInWithIdToken({ provider: "apple", token: provider.idToken() })).error.code, "provider_disabled");
      assert.equal((await client(server).auth.signInWithIdToken({ provider: "github", token: provider.idToken() })).error.code, "validation_failed");
    });
  });

  describe("one person, several ways in", () => {
    it("two providers with one verified address are one account", async () => {
      const { user } = await signIn("acme");
      const again = await signIn("google");
      assert.equal(again.user.id, user.id);
      assert.deepEqual(again.user.app_metadata.providers, ["acme", "google"]);
      assert.equal(again.user.identities.length, 2);
    });

    it("an account somebody else made with the address before is emptied: password and sessions are dead", async () => {
      const { email } = provider.person;
      const thief = client(server);
      const planted = ok(await thief.auth.signUp({ email, password, options: { data: { planted: true } } })).session;
      ok(await thief.auth.mfa.enroll({ factorType: "totp" }));
      const { user, own } = await signIn("acme");
      assert.equal(user.id, planted.user.id);
      assert.equal(user.factors, undefined);
      assert.deepEqual(user.identities.map((identity) => identity.provider), ["acme"]);
      assert.deepEqual(user.app_metadata.providers, ["acme"]);
      assert.equal(user.user_metadata.planted, undefined);
      assert.equal((await client(server).auth.signInWithPassword({ email, password })).error.code, "invalid_credentials");
      assert.equal((await thief.auth.refreshSession()).error.code, "refresh_token_not_found");
      const rest = await server.fetch("/rest/v1/books?select=isbn", { token: planted.access_token });
      assert.equal(rest.status, 401);
      assert.equal((await server.fetch("/auth/v1/user", { token: planted.access_token })).status, 403);
      ok(await own.auth.getUser());
    });

    it("an account whose owner proved the address keeps its password", async () => {
      const { email } = provider.person;
      const { user } = ok(await service.auth.admin.createUser({ email, password, email_confirm: true }));
      assert.equal((await signIn("acme")).user.id, user.id);
      ok(await client(server).auth.signInWithPassword({ email, password }));
      assert.deepEqual((await adminUser(user.id)).app_metadata.providers, ["email", "acme"]);
    });

    it("an unverified address joins no account and makes none", async () => {
      const { user } = await signIn("acme");
      provider.person = { ...provider.person, sub: "thief", email_verified: false };
      assert.equal(fragment(await visit(client(server), "google")).error_code, "provider_email_needs_verification");
      assert.equal(fragment(await visit(client(server), "google")).error, "access_denied");
      assert.equal((await adminUser(user.id)).identities.length, 1);
      provider.person = { ...provider.person, email: "new-unverified@example.com" };
      assert.equal(fragment(await visit(client(server), "google")).error_code, "provider_email_needs_verification");
      const { users } = ok(await service.auth.admin.listUsers({ perPage: 1000 }));
      assert.equal(users.some(({ email }) => email === "new-unverified@example.com"), false);
    });

    it("an address that changes at the provider moves nobody to another account", async () => {
      const victim = await signIn("acme");
      provider.person = { sub: "mover", email: "mover@example.com", email_verified: true };
      const mover = await signIn("acme");
      provider.person.email = victim.user.email;
      const again = await signIn("acme");
      assert.equal(again.user.id, mover.user.id);
      assert.equal(again.user.email, "mover@example.com");
      assert.equal((await adminUser(victim.user.id)).identities.length, 1);
    });

    it("a banned user stays out", async () => {
      const { user } = await signIn("acme");
      ok(await service.auth.admin.updateUserById(user.id, { ban_duration: "1h" }));
      assert.equal(fragment(await visit(client(server))).error_code, "user_banned");
    });
  });

  describe("linking by hand", () => {
    const link = async (own, name = "acme") => {
      const { url } = ok(await own.auth.linkIdentity({ provider: name, options: { redirectTo: WELCOME, skipBrowserRedirect: true } }));
      return new Browser().go(url, [SITE]);
    };
    const member = async (flowType) => {
      const own = client(server, { flowType });
      const { user } = ok(await own.auth.signUp({ email: `member${people}@example.com`, password }));
      return { own, user };
    };

    it("linkIdentity, getUserIdentities, unlinkIdentity", async () => {
      const { own, user } = await member("pkce");
      const place = await link(own);
      ok(await own.auth.exchangeCodeForSession(place.searchParams.get("code")));
      const { identities } = ok(await own.auth.getUserIdentities());
      assert.deepEqual(identities.map(({ provider: name }) => name), ["email", "acme"]);
      assert.equal(ok(await own.auth.getUser()).user.email, user.email);
      assert.equal((await signIn("acme")).user.id, user.id);
      ok(await own.auth.unlinkIdentity(identities[1]));
      assert.deepEqual(ok(await own.auth.getUser()).user.app_metadata.providers, ["email"]);
      assert.notEqual((await signIn("acme")).user.id, user.id);
    });

    it("the last identity stays, and only one's own goes", async () => {
      const { own } = await member();
      const [identity] = ok(await own.auth.getUserIdentities()).identities;
      assert.equal((await own.auth.unlinkIdentity(identity)).error.code, "single_identity_not_deletable");
      await link(own);
      const other = await signIn("google");
      assert.equal((await own.auth.unlinkIdentity(other.user.identities[0])).error.code, "identity_not_found");
    });

    it("when the account's address goes, another verified one takes its place", async () => {
      const { own } = await member();
      await link(own);
      const [first] = ok(await own.auth.getUserIdentities()).identities;
      ok(await own.auth.unlinkIdentity(first));
      const { user } = ok(await own.auth.getUser());
      assert.equal(user.email, provider.person.email);
    });

    it("an identity has one owner", async () => {
      const first = await signIn("acme");
      const { own } = await member();
      assert.equal(fragment(await link(own)).error_code, "identity_already_exists");
      assert.equal((await adminUser(first.user.id)).identities.length, 1);
    });

    it("an anonymous user becomes a permanent one", async () => {
      const own = client(server);
      const { user } = ok(await own.auth.signInAnonymously());
      const { access_token, refresh_token } = fragment(await link(own));
      ok(await own.auth.setSession({ access_token, refresh_token }));
      const after = ok(await own.auth.getUser()).user;
      assert.equal(after.id, user.id);
      assert.equal(after.is_anonymous, false);
      assert.equal(after.email, provider.person.email);
    });

    it("an anonymous user does not get the address of another account", async () => {
      await signIn("google");
      const own = client(server);
      ok(await own.auth.signInAnonymously());
      assert.equal(fragment(await link(own)).error_code, "email_exists");
    });

    it("with an ID token", async () => {
      const { own, user } = await member();
      const linked = ok(await own.auth.linkIdentity({ provider: "google", token: provider.idToken() }));
      assert.equal(linked.user.id, user.id);
      assert.deepEqual(linked.user.app_metadata.providers, ["email", "google"]);
    });

    it("needs the second factor of an account that has one", async () => {
      const { own, user } = await member();
      const { id, totp: app } = ok(await own.auth.mfa.enroll({ factorType: "totp" }));
      ok(await own.auth.mfa.challengeAndVerify({ factorId: id, code: totp(app.secret, Math.floor(Date.now() / 30000)) }));
      await link(own);
      const weak = client(server);
      ok(await weak.auth.signInWithPassword({ email: user.email, password }));
      assert.equal((await weak.auth.linkIdentity({ provider: "google", options: { skipBrowserRedirect: true } })).error.code, "insufficient_aal");
      const [identity] = ok(await weak.auth.getUserIdentities()).identities;
      assert.equal((await weak.auth.unlinkIdentity(identity)).error.code, "insufficient_aal");
    });

    it("needs a signed-in user", async () => {
      const answer = await server.fetch("/auth/v1/user/identities/authorize?provider=acme");
      assert.equal(answer.status, 401);
    });
  });
});

describe("what is off or out of reach", () => {
  let provider, server;
  before(async () => {
    provider = await Provider.start({ basic: false });
    server = await Server.start({ env: settings(provider, { SOCLE_OUTBOUND_PRIVATE: "false", SOCLE_MANUAL_LINKING: "false" }) });
  });
  after(async () => {
    await server?.stop();
    await provider?.stop();
  });

  it("providers on this machine or a private network are not called unless that is allowed", async () => {
    const answer = await server.fetch("/auth/v1/authorize?provider=acme", { key: null });
    assert.equal(answer.status, 500);
    assert.equal((await client(server).auth.signInWithIdToken({ provider: "acme", token: provider.idToken() })).error.status, 500);
    assert.equal(provider.requests.length, 0);
    assert.match(server.log, /may not be called|private network/);
  });

  it("a provider's certificate is checked", async () => {
    const certificates = makeCertificates();
    for (const [name, caFile, fine] of [["good", certificates.caFile, true], ["good", "", false], ["stranger", certificates.caFile, false], ["elsewhere", certificates.caFile, false]]) {
      const secure = await Provider.start({ tls: certificates[name] });
      const other = await Server.start({ env: settings(secure, { SOCLE_CA_FILE: caFile }) });
      const { error } = await client(other).auth.signInWithIdToken({ provider: "acme", token: secure.idToken() });
      await other.stop();
      await secure.stop();
      assert.equal(error?.status, fine ? undefined : 500, name);
      if (!fine) assert.equal(secure.requests.length, 0);
    }
  });

  it("manual linking is off unless it is turned on", async () => {
    const own = client(server);
    const { user } = ok(await own.auth.signUp({ email: "ada@example.com", password }));
    assert.equal((await own.auth.linkIdentity({ provider: "acme" })).error.code, "manual_linking_disabled");
    assert.equal((await own.auth.unlinkIdentity(user.identities[0])).error.code, "manual_linking_disabled");
  });
});

describe("a provider that takes the secret in the form, and people without address", () => {
  let provider, server;
  before(async () => {
    provider = await Provider.start({ basic: false });
    server = await Server.start({ env: settings(provider, { SOCLE_AUTH_ACME_EMAIL_OPTIONAL: "true" }) });
  });
  after(async () => {
    await server?.stop();
    await provider?.stop();
  });
  const place = () => new Browser().go(`${server.url}/auth/v1/authorize?provider=custom:acme`, [SITE]);

  it("lets them in, without an address", async () => {
    provider.person = { sub: "nameless", email: "not-mine@example.com", email_verified: false };
    const { access_token } = fragment(await place());
    const user = await (await server.fetch("/auth/v1/user", { token: access_token })).json();
    assert.equal(user.email, "");
    assert.equal(user.identities[0].identity_data.email_verified, false);
    const { form, headers } = provider.requests.find(({ path }) => path === "/token");
    assert.equal(form.get("client_secret"), provider.clientSecret);
    assert.equal(headers.authorization, undefined);
  });

  it("does not follow redirects, and refuses answers that are too large or another issuer's", async () => {
    for (const [label, answer] of Object.entries({
      redirect: (response) => response.writeHead(302, { Location: `${provider.url}/jwks` }).end(),
      large: (response) => response.writeHead(200).end(Buffer.alloc(600 * 1024, 32)),
      "no JSON": (response) => response.writeHead(200).end("<html>"),
      "another issuer": (response, json) => json({ issuer: "https://evil.example", jwks_uri: `${provider.url}/jwks`, authorization_endpoint: `${provider.url}/authorize` }),
    })) {
      const fresh = await Provider.start();
      fresh.respond["/.well-known/openid-configuration"] = answer;
      const other = await Server.start({ env: settings(fresh) });
      const { status } = await other.fetch("/auth/v1/authorize?provider=acme", { key: null });
      await other.stop();
      await fresh.stop();
      assert.equal(status, 500, label);
    }
  });
});

describe("tokens of other issuers", () => {
  let provider, server;
  const until = async (what) => {
    for (let i = 0; i < 500; i++) {
      const answer = await what();
      if (answer) return answer;
      await new Promise((done) => setTimeout(done, 10));
    }
    throw new Error(`it never came: ${server.log}`);
  };
  before(async () => (provider = await Provider.start()));
  after(() => provider?.stop());
  beforeEach(() => (provider.requests = []));
  const start = (more) => Server.start({ env: { SOCLE_JWT_ISSUERS: `${provider.issuer}=${provider.url}/jwks aud=socle-app`, ...more } });
  const third = (token) => createClient(server.url, ANON_KEY, { accessToken: async () => token, realtime: { transport: WebSocket } });
  const sub = "8c5ea1a5-6a0e-4b1a-9f0a-7a8f5d2b1c3e";

  it("accessToken of createClient: the policies see who asks; accounts and other audiences do not", async () => {
    server = await start({ SOCLE_OUTBOUND_PRIVATE: "true" });
    try {
      await until(() => provider.requests.some(({ path }) => path === "/jwks"));
      const own = third(provider.idToken({ sub }));
      const { data } = await until(async () => {
        const answer = await own.from("books").insert({ isbn: "1234567890", title: "Mine", pages: 10 }).select().single();
        return answer.error ? undefined : answer;
      });
      assert.equal(data.owner_id, sub);
      const other = await third(provider.idToken({ sub, aud: "another-app" })).from("books").select("isbn");
      assert.equal(other.error.code, "PGRST301");
      const account = await server.fetch("/auth/v1/user", { token: provider.idToken({ sub }) });
      assert.equal(account.status, 403);
      assert.equal(provider.requests.filter(({ path }) => path === "/jwks").length, 1);
    } finally {
      await server.stop();
    }
  });

  it("keys on this machine are not read unless that is allowed, and the log says so", async () => {
    server = await start();
    try {
      await until(() => /keys of another issuer could not be read.*(private network|may not be called)/.test(server.log));
      const { error } = await third(provider.idToken({ sub })).from("books").select("isbn");
      assert.equal(error.code, "PGRST301");
      assert.equal(provider.requests.length, 0);
    } finally {
      await server.stop();
    }
  });
});
