// proxy.mjs: a TCP proxy that breaks what it carries: cuts in the middle of a message, halts, leaves one end open.
import { connect, createServer } from "node:net";

// One connection through the proxy: `client` is the end that came to us, `server` the one that we made.
class Link {
  constructor(client, port) {
    this.client = client;
    this.port = client.remotePort; // how a test finds it
    this.server = connect(port, "127.0.0.1");
    this.left = Infinity; // bytes that still go to the client
    this.isHalfOpen = false;
    for (const socket of [this.client, this.server]) socket.setNoDelay(true).on("error", () => {});
    this.client.on("data", (bytes) => this.#carry(this.client, this.server, bytes));
    this.server.on("data", (bytes) => this.#down(bytes));
    this.client.on("close", () => this.isHalfOpen || this.server.destroy());
    this.server.on("close", () => this.client.destroy());
    this.client.on("end", () => this.server.end());
    this.server.on("end", () => this.client.end());
  }
  #carry(from, to, bytes) {
    if (to.destroyed || to.write(bytes)) return;
    from.pause();
    to.once("drain", () => this.isHalted || from.resume());
  }
  #down(bytes) {
    const some = bytes.subarray(0, this.left);
    this.left -= some.length;
    if (some.length > 0) this.#carry(this.server, this.client, some);
    if (this.left <= 0) this.client.end(() => this.reset());
  }
  // RST to both ends.
  reset() {
    this.client.resetAndDestroy();
    this.server.resetAndDestroy();
  }
  // The client is gone, and the server is not told.
  leaveHalfOpen() {
    this.isHalfOpen = true;
    this.server.pause();
    this.client.destroy();
  }
  // Nothing goes either way until resume().
  halt() {
    this.isHalted = true;
    this.client.pause();
    this.server.pause();
  }
  resume() {
    this.isHalted = false;
    this.client.resume();
    if (!this.isHalfOpen) this.server.resume();
  }
  // The client still gets so many bytes, then the connection is cut.
  cutAfter(bytes) {
    this.left = bytes;
  }
}

export class Proxy {
  // Carries what comes to its own port to `port`.
  static async start(port) {
    const proxy = new Proxy();
    proxy.links = new Map();
    proxy.listener = createServer((client) => {
      const link = new Link(client, port);
      proxy.links.set(link.port, link);
      link.server.on("close", () => proxy.links.get(link.port) === link && proxy.links.delete(link.port));
    });
    await new Promise((done) => proxy.listener.listen(0, "127.0.0.1", done));
    proxy.port = proxy.listener.address().port;
    return proxy;
  }
  // The link of the client's socket; undefined when it is gone.
  linkOf(socket) {
    return this.links.get(socket.localPort);
  }
  stop() {
    for (const link of this.links.values()) link.reset();
    return new Promise((done) => this.listener.close(done));
  }
}
