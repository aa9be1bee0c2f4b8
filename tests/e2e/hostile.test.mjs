// hostile.test.mjs: what a stranger can send: broken HTTP, huge and slow input, paths out of the folder.  Each gets a clear answer or a
// closed connection; the server lives, other connections are served, and nothing is written.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, describe, it } from "node:test";

import { ANON_KEY, makeApp, SERVICE_KEY, Server } from "../lib/server.mjs";

let server;
before(async () => {
  server = await Server.start({
    dir: makeApp({ files: { "public/hello.txt": "hello\n", "secret.txt": "not for you\n", "public/.hidden": "no\n" } }),
    env: { SOCLE_BODY_MAX: "65536", SOCLE_HEADER_TIMEOUT_MS: "700", SOCLE_BODY_TIMEOUT_MS: "700", SOCLE_STATEMENT_TIMEOUT_MS: "600" },
  });
});
after(() => server?.stop());

// Sends bytes and collects what comes back until the server closes or `ms` have passed.
function raw(parts, { ms = 3000, gap = 0 } = {}) {
  return new Promise((done) => {
    const socket = connect(server.port, "127.0.0.1");
    let text = "";
    const finish = (closed) => {
      clearTimeout(timer);
      socket.destroy();
      done({ text, closed, status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0) });
    };
    const timer = setTimeout(() => finish(false), ms);
    socket.on("data", (chunk) => (text += chunk.toString("latin1")));
    socket.on("close", () => finish(true));
    socket.on("error", () => {});
    (async () => {
      for (const part of [parts].flat()) {
        socket.write(part);
        if (gap) await new Promise((next) => setTimeout(next, gap));
      }
    })();
  });
}

const HEAD = `Host: x\r\napikey: ${SERVICE_KEY}\r\n`;
const BOOK = '{"isbn":"7777777777","title":"Smuggled","pages":1}';

describe("broken HTTP", () => {
  const CASES = [
    ["a bare LF", `GET /health/live HTTP/1.1\nHost: x\n\n`, 400],
    ["no Host", `GET /health/live HTTP/1.1\r\n\r\n`, 400],
    ["two Hosts", `GET /health/live HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n`, 400],
    ["a folded header", `GET /health/live HTTP/1.1\r\n${HEAD}X: a\r\n b\r\n\r\n`, 400],
    ["a space before the colon", `GET /health/live HTTP/1.1\r\n${HEAD}X : a\r\n\r\n`, 400],
    ["a NUL in a header", `GET /health/live HTTP/1.1\r\n${HEAD}X: a\0b\r\n\r\n`, 400],
    ["Content-Length and chunks", `POST /rest/v1/books HTTP/1.1\r\n${HEAD}Content-Length: ${BOOK.length}\r\nTransfer-Encoding: chunked\r\n\r\n${BOOK}`, 400],
    ["two Content-Lengths", `POST /rest/v1/books HTTP/1.1\r\n${HEAD}Content-Length: 5\r\nContent-Length: ${BOOK.length}\r\n\r\n${BOOK}`, 400],
    ["a signed Content-Length", `POST /rest/v1/books HTTP/1.1\r\n${HEAD}Content-Length: +${BOOK.length}\r\n\r\n${BOOK}`, 400],
    ["an odd chunk size", `POST /rest/v1/books HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n0x32\r\n${BOOK}\r\n0\r\n\r\n`, 400],
    ["an unknown coding", `POST /rest/v1/books HTTP/1.1\r\n${HEAD}Transfer-Encoding: gzip\r\n\r\n`, 501],
    ["HTTP/2 without being asked", `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`, 505],
    ["a line without end", `GET /${"a".repeat(20000)}`, 414],
    ["headers without end", `GET /health/live HTTP/1.1\r\n${HEAD}X: ${"a".repeat(100000)}`, 431],
    ["2,000 headers", `GET /health/live HTTP/1.1\r\n${HEAD}${"X: a\r\n".repeat(2000)}\r\n`, 431],
    ["a body too large by its length", `POST /rest/v1/books HTTP/1.1\r\n${HEAD}Content-Length: 2147483648\r\n\r\n`, 413],
    ["garbage", Buffer.from("\x16\x03\x01\x02\x00\x01\x00", "latin1"), 400],
  ];
  for (const [name, bytes, status] of CASES)
    it(`${name}: ${status} and closed`, async () => {
      const answer = await raw(bytes);
      assert.equal(answer.status, status, answer.text);
      assert.ok(answer.closed, "the connection is closed");
      assert.match(answer.text, /\{"message":"[^"]+"\}/);
    });
  it("chunks that grow too large: 413", async () => {
    const chunk = `4000\r\n${"a".repeat(0x4000)}\r\n`;
    const answer = await raw([`POST /rest/v1/books HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n`, chunk.repeat(5)]);
    assert.equal(answer.status, 413);
  });
  it("headers that never end: 408", async () => assert.equal((await raw(["GET / HTTP/1.1\r\n", "X: a\r\n"], { gap: 100 })).status, 408));
  it("a body that never ends: 408", async () =>
    assert.equal((await raw(`POST /rest/v1/books HTTP/1.1\r\n${HEAD}Content-Length: 100\r\n\r\nabc`)).status, 408));
  it("a request that arrives byte by byte is served", async () => {
    const bytes = [..."GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"];
    assert.equal((await raw(bytes, { gap: 2 })).status, 200);
  });
  it("pipelined requests are answered in order", async () => {
    const one = (path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const { text } = await raw(one("/health/live") + one("/nothing") + one("/hello.txt"), { ms: 500 });
    assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ["HTTP/1.1 200", "HTTP/1.1 404", "HTTP/1.1 200"]);
  });
  it("the connection is of use after an error of the application", async () => {
    const { text } = await raw(`GET /rest/v1/nothing HTTP/1.1\r\n${HEAD}\r\nGET /health/live HTTP/1.1\r\nHost: x\r\n\r\n`, { ms: 500 });
    assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ["HTTP/1.1 404", "HTTP/1.1 200"]);
  });
  it("nothing of it was written", async () => {
    const answer = await server.fetch("/rest/v1/books?isbn=eq.7777777777", { key: SERVICE_KEY });
    assert.deepEqual(await answer.json(), []);
  });
});

describe("files", () => {
  it("serves public/, with an ETag", async () => {
    const answer = await server.fetch("/hello.txt", { key: null });
    assert.equal(await answer.text(), "hello\n");
    const again = await server.fetch("/hello.txt", { key: null, headers: { "If-None-Match": answer.headers.get("etag") } });
    assert.equal(again.status, 304);
  });
  for (const path of ["/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/.hidden", "/%2ehidden", "/a/../../secret.txt", "/hello.txt%00.html", "/..%5csecret.txt"])
    it(`refuses ${path}`, async () => {
      const { text, status } = await raw(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      assert.ok(status === 400 || status === 404, `${status}`);
      assert.doesNotMatch(text, /not for you/);
    });
});

describe("slow and hungry", () => {
  it("a query over its time is 504, and others are served meanwhile", async () => {
    // 250 books of one author, each with the author's books, each with ...: millions of rows.
    const author_id = "00000003-0000-4000-8000-000000000003";
    const rows = Array.from({ length: 250 }, (_, i) => ({ isbn: `88888${10000 + i}`, title: `Volume ${i}`, pages: 1, author_id }));
    assert.equal((await server.fetch("/rest/v1/books", { key: SERVICE_KEY, body: rows })).status, 201);
    const slow = server.fetch("/rest/v1/books?select=isbn,authors(books(authors(books(authors(books(isbn))))))");
    await new Promise((done) => setTimeout(done, 50));
    const from = Date.now();
    assert.equal((await server.fetch("/rest/v1/books?limit=1")).status, 200);
    assert.ok(Date.now() - from < 400, "the quick one did not wait");
    const answer = await slow;
    assert.equal(answer.status, 504);
    assert.equal((await answer.json()).code, "57014");
  });
  it("a client that goes away in the middle disturbs nobody", async () => {
    for (let i = 0; i < 50; i++) {
      const socket = connect(server.port, "127.0.0.1");
      socket.on("error", () => {});
      socket.write(`POST /rest/v1/books HTTP/1.1\r\n${HEAD}Content-Length: 60\r\n\r\n{"isbn"`);
      setTimeout(() => socket.destroy(), i % 7);
    }
    await new Promise((done) => setTimeout(done, 100));
    assert.equal((await server.fetch("/health/ready", { key: null })).status, 200);
  });
  it("a megabyte of dots is no token", async () => {
    const answer = await raw(`GET /rest/v1/books HTTP/1.1\r\nHost: x\r\napikey: ${ANON_KEY}\r\nAuthorization: Bearer ${".".repeat(1 << 20)}\r\n\r\n`);
    assert.equal(answer.status, 431);
  });
  it("the counters are for the service key only", async () => {
    assert.equal((await server.fetch("/metrics")).status, 401);
    const answer = await server.fetch("/metrics", { key: SERVICE_KEY });
    assert.equal(answer.status, 200);
    assert.match(await answer.text(), /socle_db_commits_total \d+/);
  });
});

describe("preflight", () => {
  it("is answered without a key, for any origin", async () => {
    const answer = await server.fetch("/rest/v1/books", {
      key: null, method: "OPTIONS",
      headers: { Origin: "https://app.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "apikey,content-type,prefer" },
    });
    assert.equal(answer.status, 204);
    assert.equal(answer.headers.get("access-control-allow-origin"), "*");
    assert.match(answer.headers.get("access-control-allow-methods"), /PATCH/);
    assert.equal(answer.headers.get("access-control-allow-headers"), "apikey,content-type,prefer");
  });
  it("errors can be read by pages, too", async () => {
    const answer = await server.fetch("/rest/v1/books", { key: null, headers: { Origin: "https://app.example" } });
    assert.equal(answer.status, 401);
    assert.equal(answer.headers.get("access-control-allow-origin"), "*");
    assert.match(answer.headers.get("access-control-expose-headers"), /Content-Range/);
  });
});
