// auth_mail.test.mjs: the official client's flows that go through a mailbox, with real SMTP on loopback.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";

import { createClient } from "@supabase/supabase-js";
import WebSocket from "ws";

import { ANON_KEY, SERVICE_KEY, Server, makeApp } from "../lib/server.mjs";
import { MailSink } from "../lib/smtp.mjs";
import { makeCertificates } from "../lib/tls.mjs";

const password = "correct horse battery";
const SITE = "http://localhost:3000";
const WELCOME = "http://localhost:3000/welcome";

const client = (server, auth = {}, key = ANON_KEY) =>
  createClient(server.url, key, { auth: { persistSession: false, autoRefreshToken: false, ...auth }, realtime: { transport: WebSocket } });

describe("mail", () => {
  let sink, server, service;
  before(async () => {
    sink = await MailSink.start();
    const dir = makeApp({ files: { "mail/invite.txt": "Subject: Join {{ .SiteURL }}\n\n{{ .ConfirmationURL }}\n\n{{ .Token }}\n" } });
    server = await Server.start({
      dir,
      env: {
        SOCLE_SMTP_URL: sink.url,
        SOCLE_MAIL_FROM: "Bücher <shop@example.com>",
        SOCLE_MAIL_AUTOCONFIRM: "false",
        SOCLE_ANONYMOUS_USERS: "true",
        SOCLE_SITE_URL: SITE,
        SOCLE_REDIRECT_URLS: WELCOME,
      },
    });
    service = client(server, {}, SERVICE_KEY);
  });
  after(async () => {
    await server?.stop();
    await sink?.stop();
  });

  const ok = ({ data, error }) => {
    assert.equal(error, null);
    return data;
  };
  const confirmed = async (email) => {
    const own = client(server);
    ok(await own.auth.signUp({ email, password }));
    const { code } = await sink.next(email);
    ok(await own.auth.verifyOtp({ email, token: code, type: "signup" }));
    return own;
  };
  // What a person does with a mail: opens the link, presses the button.
  const press = async (link) => {
    const page = await fetch(link, { redirect: "manual" });
    assert.equal(page.status, 200);
    assert.match(await page.text(), /<form method="post">/);
    const answer = await fetch(link, { method: "POST", redirect: "manual", headers: { "Content-Type": "application/x-www-form-urlencoded" }, body: "" });
    assert.equal(answer.status, 303);
    return new URL(answer.headers.get("location"));
  };

  it("signUp: confirmation by code", async () => {
    const own = client(server);
    const { user, session } = ok(await own.auth.signUp({ email: "ada@example.com", password, options: { data: { name: "Ada" } } }));
    assert.equal(session, null);
    assert.equal(user.user_metadata.name, "Ada");
    assert.equal((await own.auth.signInWithPassword({ email: "ada@example.com", password })).error.code, "email_not_confirmed");
    const mail = await sink.next("ada@example.com");
    assert.equal(mail.from, "shop@example.com");
    assert.match(mail.headers.from, /=\?UTF-8\?B\?.*<shop@example.com>/);
    assert.ok(mail.link.startsWith(`${server.url}/auth/v1/verify?token=`));
    assert.ok(mail.html.includes(mail.code));
    const done = ok(await own.auth.verifyOtp({ email: "ada@example.com", token: mail.code, type: "email" }));
    assert.ok(done.session.access_token);
    ok(await own.auth.signInWithPassword({ email: "ada@example.com", password }));
    const again = ok(await client(server).auth.signUp({ email: "ada@example.com", password }));
    assert.deepEqual(again.user.identities, []);
  });

  it("resend", async () => {
    const own = client(server);
    ok(await own.auth.signUp({ email: "bob@example.com", password }));
    const first = await sink.next("bob@example.com");
    ok(await own.auth.resend({ type: "signup", email: "bob@example.com" }));
    const second = await sink.next("bob@example.com");
    const verify = (mail) => own.auth.verifyOtp({ token_hash: new URL(mail.link).searchParams.get("token"), type: "signup" });
    assert.equal((await verify(first)).error.code, "otp_expired");
    ok(await verify(second));
  });

  it("signInWithOtp: a link whose button signs in, and lands where the app asked", async () => {
    const own = client(server, { flowType: "implicit" });
    ok(await own.auth.signInWithOtp({ email: "carl@example.com", options: { emailRedirectTo: WELCOME } }));
    const { link } = await sink.next("carl@example.com");
    for (let i = 0; i < 3; i++) await fetch(link); // scanners
    const place = await press(link);
    assert.equal(place.origin + place.pathname, WELCOME);
    const session = Object.fromEntries(new URLSearchParams(place.hash.slice(1)));
    ok(await own.auth.setSession(session));
    assert.equal(ok(await own.auth.getUser()).user.email, "carl@example.com");
    const twice = await press(link);
    assert.equal(new URLSearchParams(twice.hash.slice(1)).get("error_code"), "otp_expired");
  });

  it("signInWithOtp: another place than the allowed ones is not gone to", async () => {
    ok(await client(server).auth.signInWithOtp({ email: "dora@example.com", options: { emailRedirectTo: "https://evil.example/" } }));
    const place = await press((await sink.next("dora@example.com")).link);
    assert.equal(place.origin, SITE);
  });

  it("signInWithOtp without shouldCreateUser", async () => {
    const { error } = await client(server).auth.signInWithOtp({ email: "nobody@example.com", options: { shouldCreateUser: false } });
    assert.equal(error.code, "otp_disabled");
  });

  it("resetPasswordForEmail", async () => {
    await confirmed("eve@example.com");
    const own = client(server);
    ok(await own.auth.resetPasswordForEmail("eve@example.com"));
    ok(await own.auth.resetPasswordForEmail("unknown@example.com"));
    const { code } = await sink.next("eve@example.com");
    ok(await own.auth.verifyOtp({ email: "eve@example.com", token: code, type: "recovery" }));
    ok(await own.auth.updateUser({ password: "another horse battery" }));
    ok(await client(server).auth.signInWithPassword({ email: "eve@example.com", password: "another horse battery" }));
  });

  it("updateUser: a new address when both mailboxes agree", async () => {
    const own = await confirmed("fay@example.com");
    const { user } = ok(await own.auth.updateUser({ email: "fay2@example.com" }));
    assert.equal(user.email, "fay@example.com");
    assert.equal(user.new_email, "fay2@example.com");
    const [old, fresh] = await Promise.all([sink.next("fay@example.com"), sink.next("fay2@example.com")]);
    assert.match((await press(old.link)).hash, /message=Confirmation/);
    ok(await own.auth.verifyOtp({ email: "fay2@example.com", token: fresh.code, type: "email_change" }));
    assert.equal(ok(await own.auth.getUser()).user.email, "fay2@example.com");
  });

  it("updateUser: an anonymous user becomes a permanent one", async () => {
    const own = client(server);
    const before = ok(await own.auth.signInAnonymously()).user;
    ok(await own.auth.updateUser({ email: "gail@example.com" }));
    const { code } = await sink.next("gail@example.com");
    const { user } = ok(await own.auth.verifyOtp({ email: "gail@example.com", token: code, type: "email_change" }));
    assert.equal(user.id, before.id);
    assert.equal(user.is_anonymous, false);
  });

  it("reauthenticate", async () => {
    const own = await confirmed("hal@example.com");
    assert.equal((await own.auth.reauthenticate()).error, null);
    const { code } = await sink.next("hal@example.com");
    assert.equal((await own.auth.updateUser({ password: "another horse battery", nonce: "000" })).error.code, "reauthentication_not_valid");
    ok(await own.auth.updateUser({ password: "another horse battery", nonce: code }));
  });

  it("admin.inviteUserByEmail, with a template of the app's", async () => {
    const { user } = ok(await service.auth.admin.inviteUserByEmail("ina@example.com", { data: { team: 1 } }));
    assert.ok(user.invited_at);
    const mail = await sink.next("ina@example.com");
    assert.equal(mail.subject, `Join ${SITE}`);
    ok(await client(server).auth.verifyOtp({ email: "ina@example.com", token: mail.code, type: "invite" }));
    assert.equal((await service.auth.admin.inviteUserByEmail("ina@example.com")).error.code, "email_exists");
  });

  it("admin.generateLink", async () => {
    const { properties, user } = ok(await service.auth.admin.generateLink({ type: "magiclink", email: "jo@example.com" }));
    assert.equal(user.email, "jo@example.com");
    assert.ok(properties.action_link.includes(properties.hashed_token));
    ok(await client(server).auth.verifyOtp({ token_hash: properties.hashed_token, type: properties.verification_type }));
    assert.equal(sink.mails.length, 0);
  });

  it("PKCE: exchangeCodeForSession in the app that asked", async () => {
    const store = new Map();
    const storage = { getItem: (key) => store.get(key) ?? null, setItem: (key, value) => store.set(key, value), removeItem: (key) => store.delete(key) };
    const own = client(server, { flowType: "pkce", storage, persistSession: true });
    ok(await own.auth.signInWithOtp({ email: "kim@example.com", options: { emailRedirectTo: WELCOME } }));
    const place = await press((await sink.next("kim@example.com")).link);
    assert.equal(place.hash, "");
    const { session } = ok(await own.auth.exchangeCodeForSession(place.searchParams.get("code")));
    assert.equal(session.user.email, "kim@example.com");
  });

  it("PKCE: 50 apps with one code, one session", async () => {
    const verifier = randomBytes(32).toString("base64url");
    const challenge = createHash("sha256").update(verifier).digest("base64url");
    const asked = await server.fetch("/auth/v1/otp", { body: { email: "lea@example.com", code_challenge: challenge, code_challenge_method: "s256" } });
    assert.equal(asked.status, 200);
    const place = await press((await sink.next("lea@example.com")).link);
    const body = { auth_code: place.searchParams.get("code"), code_verifier: verifier };
    const answers = await Promise.all(Array.from({ length: 50 }, () => server.fetch("/auth/v1/token?grant_type=pkce", { body })));
    const statuses = await Promise.all(answers.map(async (answer) => (await answer.text(), answer.status)));
    assert.equal(statuses.filter((status) => status === 200).length, 1);
    assert.equal(statuses.filter((status) => status === 404).length, 49);
  });

  it("links use the configured URL, whatever Host says", async () => {
    await server.fetch("/auth/v1/recover", { body: { email: "ada@example.com" }, headers: { "X-Forwarded-Host": "evil.example" } });
    assert.ok((await sink.next("ada@example.com")).link.startsWith(server.url));
  });
});

describe("mail in development", () => {
  let server;
  before(async () => (server = await Server.start({ env: { SOCLE_MAIL_AUTOCONFIRM: "false" } })));
  after(() => server?.stop());

  it("is caught and shown to this machine only", async () => {
    const own = client(server);
    await own.auth.signUp({ email: "ada@example.com", password });
    const [mail] = await (await server.fetch("/dashboard/mail", { key: null, headers: { Accept: "application/json" } })).json();
    assert.equal(mail.to, "ada@example.com");
    const page = await (await server.fetch("/dashboard/mail", { key: null })).text();
    assert.match(page, /<a href="http[^"]*\/auth\/v1\/verify\?token=/);
    const code = mail.text.match(/code: (\d{6})/)[1];
    assert.equal((await own.auth.verifyOtp({ email: "ada@example.com", token: code, type: "signup" })).error, null);
    const foreign = await server.fetch("/dashboard/mail", { key: null, headers: { Origin: "https://evil.example" } });
    assert.equal(foreign.status, 404);
  });
});

// Each failure takes the pause between two tries: side by side.
describe("mail over TLS", { concurrency: 4 }, () => {
  const password = "s3cret: with\u00e4 accents";
  let certificates;
  before(() => (certificates = makeCertificates()));

  // One sign-up through a server with these settings; gives the mail, or what the log says of its failure.
  const mailThrough = async (options, env = {}) => {
    const sink = await MailSink.start(options);
    const server = await Server.start({
      env: { SOCLE_SMTP_URL: sink.url, SOCLE_MAIL_FROM: "shop@example.com", SOCLE_MAIL_AUTOCONFIRM: "false", SOCLE_CA_FILE: certificates.caFile, ...env },
    });
    try {
      const { error } = await client(server).auth.signUp({ email: "ada@example.com", password: "correct horse battery" });
      assert.equal(error, null);
      const failure = (async () => {
        for (let i = 0; i < 800; i++) {
          const line = /a mail was not sent: .*/.exec(server.log);
          if (line) return { failure: line[0], sink };
          await new Promise((done) => setTimeout(done, 10));
        }
        throw new Error(`neither a mail nor a failure: ${server.log}`);
      })();
      failure.catch(() => {});
      return await Promise.race([sink.next("ada@example.com", 10000).then((mail) => ({ mail, sink })), failure]);
    } finally {
      await server.stop();
      await sink.stop();
      assert.ok(!server.log.includes(password));
    }
  };
  const signedIn = { SOCLE_SMTP_USER: "shop", SOCLE_SMTP_PASSWORD: password };

  it("implicit, with a password", async () => {
    const { mail } = await mailThrough({ tls: certificates.good, user: "shop", password }, signedIn);
    assert.equal(mail.secure, true);
    assert.equal(mail.user, "shop");
  });

  it("by STARTTLS, with a password", async () => {
    const { mail } = await mailThrough({ host: "127.0.0.2", tls: certificates.good, starttls: true, user: "shop", password }, signedIn);
    assert.equal(mail.secure, true);
    assert.equal(mail.user, "shop");
  });

  const refused = {
    "a wrong password": [() => ({ tls: certificates.good, user: "shop", password: "another" }), /Login denied|535/],
    "a certificate of a stranger": [() => ({ tls: certificates.stranger }), /certificate/],
    "an expired certificate": [() => ({ tls: certificates.expired }), /certificate/],
    "a certificate for another host": [() => ({ tls: certificates.elsewhere }), /certificate/],
    "a stranger's certificate after STARTTLS": [() => ({ host: "127.0.0.2", tls: certificates.stranger, starttls: true }), /certificate/],
    "another machine that offers no TLS": [() => ({ host: "127.0.0.2" }), /SSL|TLS/],
  };
  for (const [label, [options, reason]] of Object.entries(refused))
    it(`refuses ${label}, and sends nothing`, async () => {
      const { failure, sink } = await mailThrough(options(), signedIn);
      assert.match(failure ?? "a mail came", reason);
      assert.equal(sink.mails.length, 0);
    });

  it("takes the system's authorities only, unless told otherwise", async () => {
    const { failure } = await mailThrough({ tls: certificates.good }, { SOCLE_CA_FILE: "" });
    assert.match(failure ?? "a mail came", /certificate/);
  });
});
