// auth_mfa.test.mjs: the official client's second factors, the list of sessions, the audit log, guesses.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { createClient } from "@supabase/supabase-js";
import WebSocket from "ws";

import { ANON_KEY, SERVICE_KEY, Server } from "../lib/server.mjs";
import { totp } from "../lib/totp.mjs";

const password = "correct horse battery";
const client = (server, key = ANON_KEY) =>
  createClient(server.url, key, {
    auth: { persistSession: false, autoRefreshToken: false, experimental: { recoveryCodes: true } },
    realtime: { transport: WebSocket },
  });
const ok = ({ data, error }) => {
  assert.equal(error, null);
  return data;
};

// Codes of one app: each step is good once, and the server lets a clock be one step off, so three in a row need no waiting.
class App {
  constructor(secret) {
    this.secret = secret;
    this.last = 0;
  }
  code() {
    const now = Math.floor(Date.now() / 30000);
    this.last = Math.max(this.last + 1, now - 1);
    assert.ok(this.last <= now + 1, "the test uses codes up faster than the clock makes them");
    return totp(this.secret, this.last);
  }
}

describe("second factors", () => {
  let server, service;
  before(async () => {
    server = await Server.start({ env: { SOCLE_MASTER_KEY: "Zk3-vQ2mR7pL5wZ8tB4nC6dF1gH0sYa_x9", SOCLE_ANONYMOUS_USERS: "true" } });
    service = client(server, SERVICE_KEY);
  });
  after(() => server?.stop());

  const signedUp = async (name) => {
    const own = client(server);
    return { own, user: ok(await own.auth.signUp({ email: `${name}@example.com`, password })).user };
  };
  const signedIn = async (name) => {
    const own = client(server);
    ok(await own.auth.signInWithPassword({ email: `${name}@example.com`, password }));
    return own;
  };
  const protectedBy = async (name) => {
    const { own, user } = await signedUp(name);
    const factor = ok(await own.auth.mfa.enroll({ factorType: "totp", friendlyName: "phone" }));
    const app = new App(factor.totp.secret);
    ok(await own.auth.mfa.challengeAndVerify({ factorId: factor.id, code: app.code() }));
    return { own, user, factor, app };
  };
  const level = async (own) => {
    const { currentLevel, nextLevel } = ok(await own.auth.mfa.getAuthenticatorAssuranceLevel());
    return `${currentLevel} ${nextLevel}`;
  };

  it("mfa.enroll: a secret, its URI and a QR code", async () => {
    const { own } = await signedUp("ada");
    const { id, type, friendly_name, totp } = ok(await own.auth.mfa.enroll({ factorType: "totp", friendlyName: "phone", issuer: "Book shop" }));
    assert.match(id, /^[0-9a-f-]{36}$/);
    assert.equal(type, "totp");
    assert.equal(friendly_name, "phone");
    assert.match(totp.secret, /^[A-Z2-7]{32}$/);
    const uri = new URL(totp.uri);
    assert.equal(uri.protocol + uri.host, "otpauth:totp");
    assert.equal(decodeURIComponent(uri.pathname), "/Book shop:ada@example.com");
    assert.equal(uri.searchParams.get("secret"), totp.secret);
    assert.ok(totp.qr_code.startsWith("data:image/svg+xml;utf-8,<svg "));
    const again = await own.auth.mfa.enroll({ factorType: "totp", friendlyName: "phone" });
    assert.equal(again.error.code, "mfa_factor_name_conflict");
    assert.equal(await level(own), "aal1 aal1");
  });

  it("mfa.challenge, verify, listFactors, getAuthenticatorAssuranceLevel", async () => {
    const { own } = await signedUp("bob");
    const factor = ok(await own.auth.mfa.enroll({ factorType: "totp" }));
    const app = new App(factor.totp.secret);
    assert.equal(ok(await own.auth.mfa.listFactors()).totp.length, 0);
    assert.equal(ok(await own.auth.mfa.listFactors()).all[0].status, "unverified");
    const challenge = ok(await own.auth.mfa.challenge({ factorId: factor.id }));
    assert.ok(challenge.expires_at > Date.now() / 1000);
    const wrong = await own.auth.mfa.verify({ factorId: factor.id, challengeId: challenge.id, code: "000000" });
    assert.equal(wrong.error.code, "mfa_verification_failed");
    const code = app.code();
    const passed = ok(await own.auth.mfa.verify({ factorId: factor.id, challengeId: challenge.id, code }));
    assert.equal(passed.user.factors[0].status, "verified");
    assert.equal(await level(own), "aal2 aal2");
    assert.equal(ok(await own.auth.mfa.listFactors()).totp[0].id, factor.id);
    const replay = await own.auth.mfa.challengeAndVerify({ factorId: factor.id, code });
    assert.equal(replay.error.code, "mfa_verification_failed");
    const { claims } = ok(await own.auth.getClaims());
    assert.equal(claims.aal, "aal2");
    assert.deepEqual(claims.amr.map((entry) => entry.method), ["totp", "password"]);
    ok(await own.auth.refreshSession());
    assert.equal(await level(own), "aal2 aal2");
  });

  it("a second sign-in is at aal1, may do little, and is lifted by challengeAndVerify", async () => {
    const { factor, app } = await protectedBy("carl");
    const own = await signedIn("carl");
    assert.equal(await level(own), "aal1 aal2");
    assert.equal((await own.auth.mfa.enroll({ factorType: "totp", friendlyName: "evil" })).error.code, "insufficient_aal");
    assert.equal((await own.auth.mfa.unenroll({ factorId: factor.id })).error.code, "insufficient_aal");
    assert.equal((await own.auth.updateUser({ password: "another horse" })).error.code, "insufficient_aal");
    ok(await own.auth.mfa.challengeAndVerify({ factorId: factor.id, code: app.code() }));
    assert.equal(await level(own), "aal2 aal2");
    ok(await own.auth.updateUser({ password: "another horse battery" }));
  });

  it("20 requests with one code: one passes", async () => {
    const { factor, app } = await protectedBy("kim");
    const own = await signedIn("kim");
    const { session } = ok(await own.auth.getSession());
    const [code, token] = [app.code(), session.access_token];
    const challenges = await Promise.all(Array.from({ length: 20 }, () => own.auth.mfa.challenge({ factorId: factor.id })));
    const answers = await Promise.all(
      challenges.map(({ data }) => server.fetch(`/auth/v1/factors/${factor.id}/verify`, { token, body: { challenge_id: data.id, code } })),
    );
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
  });

  it("mfa.unenroll takes the session down at its next refresh", async () => {
    const { own, factor } = await protectedBy("dora");
    assert.equal(ok(await own.auth.mfa.unenroll({ factorId: factor.id })).id, factor.id);
    ok(await own.auth.refreshSession());
    assert.equal(await level(own), "aal1 aal1");
    assert.deepEqual(ok(await own.auth.mfa.listFactors()).all, []);
  });

  it("mfa.recoveryCodes: generate, getStatus, verify, regenerate, unenroll", async () => {
    const { own } = await protectedBy("eve");
    const { codes } = ok(await own.auth.mfa.recoveryCodes.generate({ friendlyName: "paper" }));
    assert.equal(new Set(codes).size, 10);
    const lost = await signedIn("eve");
    ok(await lost.auth.mfa.recoveryCodes.verify({ code: codes[0].toUpperCase().match(/.{4}/g).join("-") }));
    assert.equal(await level(lost), "aal2 aal2");
    assert.equal((await lost.auth.mfa.recoveryCodes.verify({ code: codes[0] })).error.code, "mfa_verification_failed");
    assert.equal(ok(await lost.auth.mfa.recoveryCodes.getStatus()).remaining, 9);
    assert.equal(ok(await lost.auth.mfa.listFactors()).recovery_code.length, 1);
    assert.equal(ok(await lost.auth.mfa.recoveryCodes.regenerate()).codes.length, 10);
    assert.equal((await lost.auth.mfa.recoveryCodes.verify({ code: codes[1] })).error.code, "mfa_verification_failed");
    ok(await lost.auth.mfa.recoveryCodes.unenroll());
    assert.equal((await lost.auth.mfa.recoveryCodes.getStatus()).error.code, "mfa_factor_not_found");
  });

  it("admin.mfa.listFactors and deleteFactor", async () => {
    const { own, user, factor } = await protectedBy("fay");
    const { factors } = ok(await service.auth.admin.mfa.listFactors({ userId: user.id }));
    assert.deepEqual(factors.map(({ id, status, factor_type }) => [id, status, factor_type]), [[factor.id, "verified", "totp"]]);
    ok(await service.auth.admin.mfa.deleteFactor({ userId: user.id, id: factor.id }));
    assert.deepEqual(ok(await service.auth.admin.mfa.listFactors({ userId: user.id })).factors, []);
    ok(await own.auth.refreshSession());
    assert.equal(await level(own), "aal1 aal1");
  });

  it("anonymous users have no second factor", async () => {
    const own = client(server);
    ok(await own.auth.signInAnonymously());
    assert.equal((await own.auth.mfa.enroll({ factorType: "totp" })).error.code, "no_authorization");
  });

  it("sessions are listed and ended one by one", async () => {
    const { own } = await signedUp("gail");
    const other = await signedIn("gail");
    const token = async (from) => (await from.auth.getSession()).data.session.access_token;
    const list = async () => (await (await server.fetch("/auth/v1/user/sessions", { token: await token(own) })).json()).sessions;
    const sessions = await list();
    assert.deepEqual(sessions.map((session) => session.current), [false, true]);
    const ended = await server.fetch(`/auth/v1/user/sessions/${sessions[0].id}`, { method: "DELETE", token: await token(own) });
    assert.equal(ended.status, 200);
    assert.equal((await server.fetch("/rest/v1/books?limit=1", { token: await token(other) })).status, 401);
    assert.equal((await list()).length, 1);
  });

  it("signOut: others, then admin.signOut", async () => {
    const { own } = await signedUp("hal");
    const [one, two] = [await signedIn("hal"), await signedIn("hal")];
    assert.equal((await one.auth.signOut({ scope: "others" })).error, null);
    assert.equal((await own.auth.getUser()).error.name, "AuthSessionMissingError");
    assert.equal((await two.auth.getUser()).error.name, "AuthSessionMissingError");
    const { session } = ok(await one.auth.getSession());
    assert.equal((await service.auth.admin.signOut(session.access_token, "global")).error, null);
    assert.equal((await one.auth.getUser()).error.name, "AuthSessionMissingError");
  });

  it("the audit log tells what happened", async () => {
    await protectedBy("ina");
    const answer = await server.fetch("/auth/v1/admin/audit?query=author:ina@&per_page=100", { key: SERVICE_KEY });
    const actions = (await answer.json()).map((entry) => entry.payload.action).reverse();
    assert.deepEqual(actions, ["user_signedup", "login", "factor_in_progress", "challenge_created", "verification_attempted"]);
  });
});

describe("settings of sessions and passwords", () => {
  let server;
  before(async () => {
    const env = { SOCLE_SESSION_LIFETIME: "1000", SOCLE_SESSION_INACTIVITY: "500", SOCLE_SINGLE_SESSION: "true", SOCLE_PASSWORD_CURRENT: "true", SOCLE_ARGON2_PASSES: "1", SOCLE_MFA_FACTORS: "1" };
    server = await Server.start({ env });
  });
  after(() => server?.stop());

  it("are those of the environment", async () => {
    const [first, second] = [client(server), client(server)];
    ok(await first.auth.signUp({ email: "ada@example.com", password }));
    const { session } = ok(await second.auth.signInWithPassword({ email: "ada@example.com", password }));
    assert.equal(session.expires_in, 500);
    assert.equal((await first.auth.refreshSession()).error.code, "session_expired");
    assert.equal((await second.auth.updateUser({ password: "another horse" })).error.code, "current_password_required");
    ok(await second.auth.updateUser({ password: "another horse", current_password: password }));
    ok(await second.auth.mfa.enroll({ factorType: "totp", friendlyName: "one" }));
    assert.equal((await second.auth.mfa.enroll({ factorType: "totp", friendlyName: "two" })).error.code, "too_many_enrolled_mfa_factors");
  });
});

describe("guessing", () => {
  let server;
  before(async () => (server = await Server.start({ env: { SOCLE_RATE_LIMITS: "true" } })));
  after(() => server?.stop());

  it("ends after ten wrong passwords, and the answer says how long to wait", async () => {
    await server.user("bob");
    const guess = () => server.fetch("/auth/v1/token?grant_type=password", { body: { email: "bob@example.com", password: "wrong" } });
    for (let i = 0; i < 10; i++) assert.equal((await guess()).status, 400);
    const answer = await guess();
    assert.equal(answer.status, 429);
    const wait = Number(answer.headers.get("retry-after"));
    assert.ok(wait > 200 && wait <= 300);
  });
});
