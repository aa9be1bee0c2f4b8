// ws.test.mjs: `socle ws echo` against the cases of the Autobahn testsuite (fuzzingclient, sections 1 to 10, 12 and 13), told
// again for a raw socket, and against npm's ws.
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe as section, it } from "node:test";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import WebSocket from "ws";

import { binary, close, closePayload, Echo, frame, more, OP, ping, pong, RawSocket, text } from "../lib/websocket.mjs";

const hex = (digits) => Buffer.from(digits.replaceAll(" ", ""), "hex");
const KOSME = "κόσμε";
const END = [close(1000)];
const CLOSED = ["close:1000", "end"];
const REFUSED = ["close:1002", "end"];
const GARBLED = ["close:1007", "end"];

// What the server says to `frames`, all at once and, when there are few, a byte at a time.
function says(name, server, frames, want) {
  const bytes = Buffer.concat(frames);
  for (const step of bytes.length <= 600 ? [bytes.length, 1] : [bytes.length, 997])
    it(`${name}, ${step === bytes.length ? "at once" : `${step} byte${step > 1 ? "s" : ""} at a time`}`, async () => {
      const raw = await RawSocket.open(server().port);
      assert.equal(raw.answer.status, 101);
      if (step === bytes.length) raw.write(bytes);
      else raw.writeSlowly(bytes, step);
      const got = await raw.rest();
      raw.destroy();
      assert.deepEqual(got, want);
    });
}

section("ws echo", () => {
  let echo;
  const server = () => echo;
  before(async () => (echo = await Echo.start()));
  after(() => echo.stop());
  const table = (rows) => rows.forEach(([name, frames, want]) => says(name, server, frames, want));

  section("1 framing", () => {
    for (const n of [0, 1, 125, 126, 127, 128, 65535, 65536]) {
      const want = n > 64 ? n : "*".repeat(n);
      says(`1.1 text of ${n}`, server, [text("*".repeat(n)), ...END], [`text:${want}`, ...CLOSED]);
      says(`1.2 binary of ${n}`, server, [binary("*".repeat(n)), ...END], [`binary:${want}`, ...CLOSED]);
    }
  });

  section("2 pings and pongs", () => {
    table([
      ["2.1 ping without payload", [ping(), ...END], ["pong:", ...CLOSED]],
      ["2.2 ping with text", [ping("Hello, world!"), ...END], ["pong:Hello, world!", ...CLOSED]],
      ["2.3 ping with bytes that are no text", [ping(hex("00ffff")), ...END], ["pong:\0\ufffd\ufffd", ...CLOSED]],
      ["2.4 ping of 125", [ping("p".repeat(125)), ...END], ["pong:125", ...CLOSED]],
      ["2.5 ping of 126", [ping("p".repeat(126))], REFUSED],
      ["2.7 unsolicited pong", [pong(), ...END], CLOSED],
      ["2.8 unsolicited pong with payload", [pong("news"), ...END], CLOSED],
      ["2.9 unsolicited pong, then ping", [pong("news"), ping("ping"), ...END], ["pong:ping", ...CLOSED]],
      [
        "2.10 ten pings",
        [...Array(10).keys()].map((i) => ping(`p${i}`)).concat(END),
        [...[...Array(10).keys()].map((i) => `pong:p${i}`), ...CLOSED],
      ],
    ]);
  });

  section("3 reserved bits", () => {
    for (const rsv of [1, 2, 3, 4, 5, 6, 7])
      table([
        [`3 text with RSV ${rsv}`, [text("a"), text("b", { rsv }), ping()], ["text:a", ...REFUSED]],
        [`3 ping with RSV ${rsv}`, [ping("b", { rsv })], REFUSED],
        [`3 close with RSV ${rsv}`, [frame(OP.close, "", { rsv })], REFUSED],
        [`3 continuation with RSV ${rsv}`, [text("a", { fin: false }), more("b", { rsv })], REFUSED],
      ]);
  });

  section("4 reserved opcodes", () => {
    for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
      table([
        [`4 opcode ${opcode}`, [frame(opcode), ping()], REFUSED],
        [`4 opcode ${opcode} with payload, after a message`, [text("a"), frame(opcode, "b"), ping()], ["text:a", ...REFUSED]],
      ]);
  });

  section("5 fragments", () => {
    const part = { fin: false };
    table([
      ["5.1 ping in two", [ping("a", part), more("b")], REFUSED],
      ["5.2 pong in two", [pong("a", part), more("b")], REFUSED],
      ["5.3 text in two", [text("a", part), more("b"), ...END], ["text:ab", ...CLOSED]],
      ["5.6 a ping between", [text("a", part), ping("p"), more("b"), ...END], ["pong:p", "text:ab", ...CLOSED]],
      ["5.9 continuation of nothing", [more("a"), text("b")], REFUSED],
      ["5.10 continuation of nothing that goes on", [more("a", part), text("b")], REFUSED],
      ["5.15 continuation after the end", [text("a", part), more("b"), more("c", part), text("d")], ["text:ab", ...REFUSED]],
      ["5.18 a message within another", [text("a", part), text("b")], REFUSED],
      [
        "5.19 five parts, pings between",
        [text("1", part), more("2", part), ping("p"), more("3", part), more("4", part), ping("q"), more("5"), ...END],
        ["pong:p", "pong:q", "text:12345", ...CLOSED],
      ],
      ["binary in two", [binary("a", part), more("b"), ...END], ["binary:ab", ...CLOSED]],
      ["empty parts", [text("", part), more("", part), more(""), ...END], ["text:", ...CLOSED]],
      ["a close frame in two", [frame(OP.close, closePayload(1000), part)], REFUSED],
      ["a message left open", [text("a", part), ...END], CLOSED],
    ]);
  });

  section("6 UTF-8", () => {
    const part = { fin: false };
    const valid = [
      KOSME, "Hello-µ@ßöäüàá-UTF-8!!", "\u0000", "\u007f", "\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\ufffd", "\uffff",
      "\u{10000}", "\u{10ffff}", "\ufdd0", "\u{1fffe}",
    ];
    const invalid = [
      "80", "bf", "8080", "c0", "c0af", "c1bf", "e080af", "e09fbf", "f08080af", "f08fbfbf", "f888808080", "fc8480808080", "fe", "ff",
      "eda080", "edafbf", "edb080", "edbfbf", "eda080edb080", "f4908080", "f5", "f8", "c220", "e28220", "f0a4ad20", "cebae1bdb9cf83cebcceb5eda080656469746564",
    ];
    const cut = ["c2", "e2", "e282", "f0", "f0a4", "f0a4ad", "cebae1bdb9cf"];
    for (const [i, one] of valid.entries()) {
      const bytes = Buffer.from(one);
      const parts = [...bytes].map((byte, at) => (at === 0 ? text : more)(Buffer.of(byte), { fin: at === bytes.length - 1 }));
      table([
        [`6.2 valid ${i}`, [text(bytes), ...END], [`text:${one}`, ...CLOSED]],
        [`6.2 valid ${i} in parts of a byte`, [...parts, ...END], [`text:${one}`, ...CLOSED]],
      ]);
    }
    for (const one of invalid) says(`6.3 invalid ${one}`, server, [text(hex(one)), ping()], GARBLED);
    for (const one of cut) says(`6.3 cut ${one}`, server, [text(hex(one)), ping()], GARBLED);
    says("6.3 binary may be anything", server, [binary(hex("ff80")), ...END], ["binary:\ufffd\ufffd", ...CLOSED]);

    const failsFast = (name, parts) =>
      it(`6.4 fails fast: ${name}`, async () => {
        const raw = await RawSocket.open(echo.port);
        parts.forEach((one) => raw.write(one)); // and the message's end never comes
        assert.deepEqual(await raw.rest(), GARBLED);
        raw.destroy();
      });
    const bad = hex("f4908080");
    failsFast("a part that is wrong", [text(KOSME, part), more(bad, part)]);
    failsFast("the byte that makes it wrong", [text(KOSME, part), more(bad.subarray(0, 1), part), more(bad.subarray(1, 2), part)]);
    const long = text(Buffer.concat([Buffer.from(KOSME), bad, Buffer.from(KOSME)]));
    failsFast("within a frame", [long.subarray(0, 6 + Buffer.byteLength(KOSME) + 2)]);
  });

  section("7 closing", () => {
    const part = { fin: false };
    table([
      ["7.1.1 a message, then close", [text("Hello World!"), ...END], ["text:Hello World!", ...CLOSED]],
      ["7.1.2 close twice", [...END, ...END], CLOSED],
      ["7.1.3 a ping after close", [...END, ping()], CLOSED],
      ["7.1.4 a message after close", [...END, text("late")], CLOSED],
      ["7.1.5 close within a message", [text("a", part), ...END, more("b")], CLOSED],
      ["7.1.6 256 KiB, close, ping", [text("B".repeat(262144)), text("Hello"), ...END, ping()], ["text:262144", "text:Hello", ...CLOSED]],
      ["7.3.1 empty", [close()], ["close", "end"]],
      ["7.3.2 one byte", [frame(OP.close, "a")], REFUSED],
      ["7.3.4 with reason", [close(1000, "Hello World!")], CLOSED],
      ["7.3.5 with the longest reason", [close(1000, "*".repeat(123))], CLOSED],
      ["7.3.6 with one too long", [close(1000, "*".repeat(124))], REFUSED],
      ["7.5.1 a reason that is not UTF-8", [frame(OP.close, Buffer.concat([closePayload(1000), hex("ceba eda080")]))], GARBLED],
      ["7.5 a reason that is cut", [frame(OP.close, Buffer.concat([closePayload(1000), hex("ceba e1bd")]))], GARBLED],
    ]);
    for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999])
      says(`7.7 code ${code}`, server, [close(code)], [`close:${code}`, "end"]);
    for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
      says(`7.9 code ${code}`, server, [close(code)], REFUSED);
  });

  section("8 lengths that lie", () => {
    table([
      ["125 in two bytes", [text("x".repeat(125), { lengthBytes: 2 })], REFUSED],
      ["126 in eight bytes", [text("x".repeat(126), { lengthBytes: 8 })], REFUSED],
      ["65535 in eight bytes", [text("x".repeat(65535), { lengthBytes: 8 })], REFUSED],
      ["64 bits", [text("", { length: 1n << 63n, lengthBytes: 8 })], REFUSED],
      ["all ones", [text("", { length: (1n << 64n) - 1n, lengthBytes: 8 })], REFUSED],
      ["2^63 - 1", [text("", { length: (1n << 63n) - 1n, lengthBytes: 8 })], ["close:1009", "end"]],
      ["over the limit by one", [binary("", { length: (64n << 20n) + 1n, lengthBytes: 8 })], ["close:1009", "end"]],
      [
        "over the limit in two frames",
        [binary("ab", { fin: false }), more("", { length: 64n << 20n, lengthBytes: 8 })],
        ["close:1009", "end"],
      ],
      ["no mask", [text("a", { masked: false })], REFUSED],
      ["no mask on a ping", [ping("a", { masked: false })], REFUSED],
    ]);
  });

  section("9 and 10 large messages", () => {
    for (const n of [65536, 262144, 1 << 20, 4 << 20, 16 << 20])
      for (const make of [text, binary])
        says(`9 ${make.name} of ${n}`, () => echo, [make("*".repeat(n)), ...END], [`${make.name}:${n}`, ...CLOSED]);
    for (const size of [64, 1300, 65536]) {
      const whole = "*".repeat(size === 64 ? 65536 : 4 << 20);
      const parts = [];
      for (let at = 0; at < whole.length; at += size)
        parts.push((at === 0 ? text : more)(whole.slice(at, at + size), { fin: at + size >= whole.length }));
      says(`9.3 in parts of ${size}`, server, [...parts, ...END], [`text:${whole.length}`, ...CLOSED]);
    }
    it("9.7 a thousand messages, one after the other's answer", async () => {
      const raw = await RawSocket.open(echo.port);
      for (let i = 0; i < 1000; i++) {
        raw.write(text(`m${i}`));
        assert.equal((await raw.next()).payload.toString(), `m${i}`);
      }
      raw.destroy();
    });
    it("9 a thousand messages at once keep their order", async () => {
      const raw = await RawSocket.open(echo.port);
      raw.write(...[...Array(1000).keys()].map((i) => text(`m${i}`)), ...END);
      assert.deepEqual(await raw.rest(), [...[...Array(1000).keys()].map((i) => `text:m${i}`), ...CLOSED]);
      raw.destroy();
    });
    it("a client that does not read is not read from, and loses nothing", async () => {
      const raw = await RawSocket.open(echo.port);
      raw.socket.pause();
      const big = text("x".repeat(1 << 20));
      for (let i = 0; i < 32; i++) raw.write(big);
      raw.write(...END);
      await new Promise((done) => setTimeout(done, 300));
      raw.socket.resume();
      const got = await raw.rest();
      assert.deepEqual(got.slice(-2), CLOSED);
      assert.equal(got.length, 34);
      raw.destroy();
    });
  });
});

section("ws handshake", () => {
  let echo;
  before(async () => (echo = await Echo.start("--deflate")));
  after(() => echo.stop());

  const answers = (name, headers, want, options) =>
    it(name, async () => {
      const raw = await RawSocket.open(echo.port, headers, options);
      raw.destroy();
      assert.equal(raw.answer.status, want.status ?? 101);
      for (const [key, value] of Object.entries(want.headers ?? {})) assert.equal(raw.answer.headers[key], value, key);
      if (raw.answer.status === 101) assert.equal(raw.answer.headers["sec-websocket-accept"], raw.expectedAccept);
    });
  const wants13 = { status: 426, headers: { "sec-websocket-version": "13", upgrade: "websocket" } };

  answers("a plain one", {}, { headers: { upgrade: "websocket", connection: "Upgrade" } });
  answers("lists and any case", { Upgrade: "h2c, WebSocket", Connection: "keep-alive, upGRADE" }, {});
  answers("POST", {}, { status: 405, headers: { allow: "GET" } }, { method: "POST" });
  answers("HTTP/1.0", {}, { status: 400 }, { version: "1.0" });
  answers("no Upgrade", { Upgrade: undefined }, wants13);
  answers("another Upgrade", { Upgrade: "websockets" }, wants13);
  answers("Connection: close", { Connection: "close" }, wants13);
  answers("version 8", { "Sec-WebSocket-Version": "8" }, wants13);
  answers("no version", { "Sec-WebSocket-Version": undefined }, wants13);
  answers("version twice", { "Sec-WebSocket-Version": ["13", "13"] }, wants13);
  answers("no key", { "Sec-WebSocket-Key": undefined }, { status: 400 });
  answers("a key of 15 bytes", { "Sec-WebSocket-Key": Buffer.alloc(15).toString("base64") }, { status: 400 });
  answers("a key that is no base64", { "Sec-WebSocket-Key": "!".repeat(22) + "==" }, { status: 400 });
  answers("two keys", { "Sec-WebSocket-Key": ["AAAAAAAAAAAAAAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAAAAA=="] }, { status: 400 });
  answers("a subprotocol that nobody speaks", { "Sec-WebSocket-Protocol": "chat, superchat" }, { headers: { "sec-websocket-protocol": undefined } });
  answers("a malformed subprotocol", { "Sec-WebSocket-Protocol": "a b" }, { status: 400 });
  answers("a subprotocol twice", { "Sec-WebSocket-Protocol": ["a", "b, a"] }, { status: 400 });
  answers("a malformed extension", { "Sec-WebSocket-Extensions": "permessage-deflate; =8" }, { status: 400 });

  section("incidents", () => {
    const quickly = async (headers) => {
      const from = performance.now();
      const raw = await RawSocket.open(echo.port, headers);
      raw.destroy();
      assert.ok(performance.now() - from < 1000);
      return raw.answer.status;
    };
    it("2,000 headers (CVE-2024-37890)", async () => assert.equal(await quickly({ X: Array(2000).fill("1") }), 431));
    it("32,000 spaces in a subprotocol (CVE-2021-32640)", async () => {
      assert.equal(await quickly({ "Sec-WebSocket-Protocol": `a${" ".repeat(32000)}b` }), 400);
      assert.equal(await quickly({ "Sec-WebSocket-Protocol": `a,${" ".repeat(32000)},b` }), 400);
      assert.equal(await quickly({ "Sec-WebSocket-Protocol": `a,${" ".repeat(32000)}b` }), 101);
    });
    it("30,000 bytes of extensions", async () => {
      assert.equal(await quickly({ "Sec-WebSocket-Extensions": "a;b;".repeat(8000) }), 400);
      assert.equal(await quickly({ "Sec-WebSocket-Extensions": Array(7000).fill("x;y").join(",") }), 101);
      assert.equal(await quickly({ "Sec-WebSocket-Extensions": `a;b="${"\\x".repeat(15000)}"` }), 400);
    });
    it("and after all that it still answers", async () => assert.equal(await quickly({}), 101));
  });

  section("13 permessage-deflate: offers", () => {
    const NONE = undefined;
    const offers = [
      ["permessage-deflate", "permessage-deflate"],
      ["Permessage-Deflate", "permessage-deflate"],
      ["permessage-deflate; client_max_window_bits", "permessage-deflate"],
      ["permessage-deflate; client_max_window_bits=10", "permessage-deflate; client_max_window_bits=10"],
      ['permessage-deflate; client_max_window_bits="10"', "permessage-deflate; client_max_window_bits=10"],
      ["permessage-deflate;server_max_window_bits=9", "permessage-deflate; server_max_window_bits=9"],
      ["permessage-deflate; server_no_context_takeover", "permessage-deflate; server_no_context_takeover"],
      ["permessage-deflate; client_no_context_takeover", "permessage-deflate; client_no_context_takeover"],
      ["permessage-deflate; server_max_window_bits=8", NONE],
      ["permessage-deflate; server_max_window_bits=8, permessage-deflate", "permessage-deflate"],
      ["permessage-deflate; server_max_window_bits=16", NONE],
      ["permessage-deflate; server_max_window_bits=07", NONE],
      ["permessage-deflate; server_max_window_bits=09", NONE],
      ["permessage-deflate; server_max_window_bits", NONE],
      ["permessage-deflate; client_max_window_bits=7", NONE],
      ["permessage-deflate; client_max_window_bits; client_max_window_bits", NONE],
      ["permessage-deflate; server_no_context_takeover=1", NONE],
      ["permessage-deflate; unknown", NONE],
      ["permessage-deflate; unknown, permessage-deflate; client_max_window_bits", "permessage-deflate"],
      ["x-webkit-deflate-frame, permessage-bzip2; a=b", NONE],
    ];
    for (const [offer, want] of offers)
      answers(offer, { "Sec-WebSocket-Extensions": offer }, { headers: { "sec-websocket-extensions": want } });
  });
});

section("12 permessage-deflate", () => {
  let echo;
  before(async () => (echo = await Echo.start("--deflate")));
  after(() => echo.stop());

  const TAIL = hex("0000ffff");
  const shrink = (bytes) => deflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
  const grow = (bytes) => inflateRawSync(Buffer.concat([bytes, TAIL]), { finishFlush: constants.Z_SYNC_FLUSH });
  const ASK = { "Sec-WebSocket-Extensions": "permessage-deflate; server_no_context_takeover; client_no_context_takeover" };
  const open = () => RawSocket.open(echo.port, ASK);
  const SAMPLE = Buffer.from(JSON.stringify([...Array(2000).keys()].map((id) => ({ id, name: `book ${id}`, price: id / 4 }))));

  it("messages come back compressed, in any fragments", async () => {
    const raw = await open();
    const packed = shrink(SAMPLE);
    for (const size of [packed.length, 1, 100]) {
      for (let at = 0; at < packed.length; at += size)
        raw.write(
          (at === 0 ? text : more)(packed.subarray(at, at + size), { rsv: at === 0 ? 4 : 0, fin: at + size >= packed.length }),
        );
      const got = await raw.next();
      assert.equal(got.rsv, 4);
      assert.ok(got.payload.length < SAMPLE.length / 2);
      assert.deepEqual(grow(got.payload), SAMPLE);
    }
    raw.destroy();
  });
  it("a short answer is not compressed, an uncompressed message is welcome, a ping fits between", async () => {
    const raw = await open();
    raw.write(text(shrink(Buffer.from("Hello")), { rsv: 4 }), text("plain"), text(shrink(SAMPLE), { rsv: 4, fin: false }), ping("p"));
    raw.write(more(""), ...END);
    const first = await raw.rest();
    assert.deepEqual(first.slice(0, 3), ["text:Hello", "text:plain", "pong:p"]);
    assert.deepEqual(first.slice(4), CLOSED);
    raw.destroy();
  });
  it("the examples of RFC 7692 section 7.2.3", async () => {
    for (const example of ["f248cdc9c90700", "000500faff48656c6c6f00", "f348cdc9c9070000", "f248050000 00ffff cac9c90700"]) {
      const raw = await open();
      raw.write(text(hex(example), { rsv: 4 }), text(hex("00"), { rsv: 4 }), ...END);
      assert.deepEqual(await raw.rest(), ["text:Hello", "text:", ...CLOSED], example);
      raw.destroy();
    }
  });

  const refuses = (name, frames, want) =>
    it(`refuses ${name}`, async () => {
      const raw = await open();
      raw.write(...frames);
      assert.deepEqual((await raw.rest()).slice(-2), want);
      raw.destroy();
    });
  refuses("the bit on a continuation", [text("", { rsv: 4, fin: false }), more("", { rsv: 4 })], REFUSED);
  refuses("the bit on a ping", [ping("", { rsv: 4 })], REFUSED);
  refuses("RSV2", [text("", { rsv: 6 })], REFUSED);
  refuses("what is not deflate", [text(hex("ffffffff"), { rsv: 4 })], GARBLED);
  refuses("what was cut", [binary(shrink(SAMPLE).subarray(0, 1000), { rsv: 4 })], GARBLED);
  refuses("text that is not UTF-8 once inflated", [text(shrink(hex("c328")), { rsv: 4 })], GARBLED);
  refuses("a bomb", [binary(shrink(Buffer.alloc((64 << 20) + 1)), { rsv: 4 })], ["close:1009", "end"]);
  it("and takes the largest message", async () => {
    const raw = await open();
    raw.write(binary(shrink(Buffer.alloc(64 << 20)), { rsv: 4 }));
    assert.equal(grow((await raw.next()).payload).length, 64 << 20);
    raw.destroy();
  });
});

section("npm's ws", () => {
  let plain, deflating;
  before(async () => ([plain, deflating] = await Promise.all([Echo.start(), Echo.start("--deflate")])));
  after(() => Promise.all([plain.stop(), deflating.stop()]));

  const OFFERS = {
    "without deflate": false,
    "windows kept": { threshold: 0 },
    "no windows kept": { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true },
    "only the server's kept": { threshold: 0, clientNoContextTakeover: true },
    "only the client's kept": { threshold: 0, serverNoContextTakeover: true },
    "windows of 9 bits": { threshold: 0, serverMaxWindowBits: 9, clientMaxWindowBits: 9 },
    "windows of 8 and 12 bits": { threshold: 0, serverMaxWindowBits: 12, clientMaxWindowBits: 8 },
  };
  for (const [name, perMessageDeflate] of Object.entries(OFFERS))
    it(`12, 13: ${name}`, async () => {
      const socket = new WebSocket((perMessageDeflate ? deflating : plain).url, { perMessageDeflate });
      await once(socket, "open");
      assert.equal(socket.extensions.includes("permessage-deflate"), perMessageDeflate !== false);
      const sent = [];
      for (const size of [0, 1, 16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072])
        for (let i = 0; i < 10; i++)
          sent.push(i % 2 ? Buffer.from(Array.from({ length: size }, (_, k) => (k * k * (i + 1)) & 0xff)) : `${i}«`.repeat(size / 4));
      const got = [];
      const all = new Promise((done) => socket.on("message", (...one) => got.push(one) === sent.length && done()));
      sent.forEach((one) => socket.send(one));
      await all;
      for (const [i, want] of sent.entries()) {
        const [data, isBinary] = got[i];
        assert.equal(isBinary, typeof want !== "string");
        assert.ok(data.equals(Buffer.from(want)));
      }
      socket.ping("are you there?");
      assert.equal(String((await once(socket, "pong"))[0]), "are you there?");
      socket.close(4321, "enough");
      assert.deepEqual((await once(socket, "close")).map(String), ["4321", ""]);
    });

  it("a stop says 1001 to everyone", async () => {
    const echo = await Echo.start();
    const sockets = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const socket = new WebSocket(echo.url);
        await once(socket, "open");
        return socket;
      }),
    );
    const codes = sockets.map((socket) => once(socket, "close"));
    await echo.stop();
    for (const [code] of await Promise.all(codes)) assert.equal(code, 1001);
  });
});
