// oidc.mjs: an OpenID provider on loopback for one client, and GitHub's OAuth 2 beside it.  It asks nobody anything: whoever comes
// is `person`.  What a flow needs is checked as a real one does (client, redirect_uri, PKCE, one use of a code); what a test wants
// wrong it sets: `claims` go over those of every ID token, `respond` takes over a path.
import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";

const base64url = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
const sha256 = (text) => createHash("sha256").update(text).digest();

export class Provider {
  // tls: {key, cert} in PEM
  static async start({ tls, basic = true } = {}) {
    const provider = new Provider();
    Object.assign(provider, { clientId: "socle-app", clientSecret: "s3cr&t: with = signs", basic, codes: new Map(), tokens: new Map(), requests: [] });
    provider.person = { sub: "person-1", email: "ada@example.com", email_verified: true, name: "Ada Byrd", picture: "https://example.com/ada.png" };
    provider.claims = {};
    provider.respond = {};
    provider.rotate();
    const answer = (request, response) => provider.serve(request, response).catch((error) => response.writeHead(500).end(String(error)));
    provider.server = tls ? createTlsServer(tls, answer) : createServer(answer);
    await new Promise((done) => provider.server.listen(0, "127.0.0.1", done));
    provider.url = `${tls ? "https" : "http"}://127.0.0.1:${provider.server.address().port}`;
    provider.issuer = provider.url;
    return provider;
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((done) => this.server.close(done));
  }

  rotate() {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    this.key = privateKey;
    this.kid = randomBytes(6).toString("hex");
    this.jwk = { ...publicKey.export({ format: "jwk" }), kid: this.kid, alg: "ES256", use: "sig" };
  }

  sign(claims, { key = this.key, kid = this.kid, alg = "ES256" } = {}) {
    const signed = `${base64url({ alg, kid, typ: "JWT" })}.${base64url(claims)}`;
    return `${signed}.${sign("sha256", Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
  }

  idToken(more = {}, person = this.person) {
    const now = Math.floor(Date.now() / 1000);
    return this.sign({ iss: this.issuer, aud: this.clientId, iat: now, exp: now + 300, ...person, ...this.claims, ...more });
  }

  async serve(request, response) {
    const url = new URL(request.url, this.url);
    let body = "";
    for await (const chunk of request) body += chunk;
    const form = new URLSearchParams(body);
    this.requests.push({ method: request.method, path: url.pathname, query: url.searchParams, form, headers: request.headers });
    const json = (value, status = 200) => response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(value));
    const person = () => this.tokens.get(request.headers.authorization?.replace(/^Bearer /, ""));
    const doors = {
      "/.well-known/openid-configuration": () =>
        json({
          issuer: this.issuer,
          authorization_endpoint: `${this.url}/authorize`,
          token_endpoint: `${this.url}/token`,
          userinfo_endpoint: `${this.url}/userinfo`,
          jwks_uri: `${this.url}/jwks`,
          token_endpoint_auth_methods_supported: [this.basic ? "client_secret_basic" : "client_secret_post"],
        }),
      "/jwks": () => json({ keys: [this.jwk] }),
      "/authorize": () => this.authorize(url.searchParams, response),
      "/token": () => this.exchange(request, form, json, (code) => ({ id_token: this.idToken({ nonce: code.query.get("nonce"), ...code.extra }, code.person) })),
      "/userinfo": () => (person() ? json(person()) : json({ error: "invalid_token" }, 401)),
      "/login/oauth/authorize": () => this.authorize(url.searchParams, response),
      "/login/oauth/access_token": () => this.exchange(request, form, (value) => json(value), () => ({ scope: "user:email" })),
      "/api/v3/user": () => (person() ? json({ id: 4711, login: "ada", name: "Ada Byrd", avatar_url: "https://example.com/ada.png" }) : json({}, 401)),
      "/api/v3/user/emails": () =>
        person()
          ? json([{ email: "other@example.com", primary: false, verified: true }, { email: person().email, primary: true, verified: person().email_verified }])
          : json({}, 401),
    };
    const door = this.respond[url.pathname] ?? doors[url.pathname];
    if (!door) return json({ error: "not_found" }, 404);
    await door(response, json);
  }

  authorize(query, response) {
    const back = new URL(query.get("redirect_uri"));
    if (query.get("client_id") !== this.clientId || query.get("response_type") !== "code") back.searchParams.set("error", "unauthorized_client");
    else if (this.refuse) back.searchParams.set("error", this.refuse);
    else {
      const code = randomBytes(16).toString("hex");
      this.codes.set(code, { query, person: { ...this.person } });
      back.searchParams.set("code", code);
    }
    back.searchParams.set("state", query.get("state"));
    response.writeHead(302, { Location: back.href }).end();
  }

  exchange(request, form, json, more) {
    const code = this.codes.get(form.get("code"));
    this.codes.delete(form.get("code"));
    const basic = Buffer.from(request.headers.authorization?.replace(/^Basic /, "") ?? "", "base64").toString().split(":").map(decodeURIComponent);
    const [id, secret] = request.headers.authorization ? basic : [form.get("client_id"), form.get("client_secret")];
    if (id !== this.clientId || secret !== this.clientSecret) return json({ error: "invalid_client" }, 401);
    if (!code || form.get("redirect_uri") !== code.query.get("redirect_uri")) return json({ error: "invalid_grant" }, 400);
    if (sha256(form.get("code_verifier") ?? "").toString("base64url") !== code.query.get("code_challenge")) return json({ error: "invalid_grant" }, 400);
    const token = randomBytes(16).toString("hex");
    this.tokens.set(token, code.person);
    const hash = sha256(token).subarray(0, 16).toString("base64url");
    code.extra = { at_hash: hash };
    json({ access_token: token, refresh_token: `refresh-${token}`, token_type: "Bearer", expires_in: 3600, ...more(code) });
  }
}

// A browser for such flows: follows redirects with its own cookies until one leads to `until`; gives that URL, not fetched.
export class Browser {
  cookies = new Map();

  async go(url, until) {
    for (let hops = 0; hops < 10; hops++) {
      if (until.some((start) => url.startsWith(start))) return new URL(url);
      const { host } = new URL(url);
      const jar = this.cookies.get(host) ?? new Map();
      const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
      const answer = await fetch(url, { redirect: "manual", headers: cookie ? { Cookie: cookie } : {} });
      for (const line of answer.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
        this.cookies.set(host, jar.set(name, value));
      }
      const next = answer.headers.get("location");
      if (!next) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
      url = new URL(next, url).href;
    }
    throw new Error("too many redirects");
  }
}
