// smtp.mjs: a mail server on loopback that keeps what it gets: just enough of RFC 5321 for one client, with TLS (RFC 8314), STARTTLS
// (RFC 3207) and a password (RFC 4954) when told so.
import { createServer } from "node:net";
import { TLSSocket, createServer as createTlsServer } from "node:tls";

export class MailSink {
  // tls: {key, cert}; starttls: TLS only when the client asks; user, password: who may send.
  static async start({ host = "127.0.0.1", tls, starttls = false, user, password } = {}) {
    const sink = new MailSink();
    Object.assign(sink, { mails: [], waiting: [], sockets: new Set(), refused: [], user, password });
    sink.offersTls = starttls ? tls : undefined;
    const implicit = tls && !starttls;
    sink.server = implicit ? createTlsServer(tls, (socket) => sink.serve(socket, true)) : createServer((socket) => sink.serve(socket, false));
    sink.server.on("tlsClientError", () => {});
    await new Promise((done) => sink.server.listen(0, host, done));
    sink.url = `${implicit ? "smtps" : "smtp"}://${host}:${sink.server.address().port}`;
    return sink;
  }

  serve(socket, secure) {
    this.sockets.add(socket);
    socket.on("close", () => this.sockets.delete(socket)).on("error", () => {});
    this.talk(socket, secure);
    socket.write("220 sink\r\n");
  }

  talk(socket, secure) {
    let buffer = "", data = null, mail = { to: [] }, user;
    const say = (...lines) => lines.forEach((line) => socket.write(`${line}\r\n`));
    const hello = () => {
      const extensions = [...(this.offersTls && !secure ? ["STARTTLS"] : []), ...(this.user ? ["AUTH PLAIN"] : [])];
      say(...["sink", ...extensions].map((text, i) => `250${i === extensions.length ? " " : "-"}${text}`));
    };
    const startTls = () => {
      socket.removeListener("data", read);
      socket.write("220 go on\r\n");
      const inside = new TLSSocket(socket, { isServer: true, ...this.offersTls });
      inside.on("error", () => {});
      this.talk(inside, true);
    };
    const authenticate = (text) => {
      const [, name, password] = Buffer.from(text, "base64").toString().split("\0");
      if (name !== this.user || password !== this.password) return this.refused.push("password"), say("535 no");
      user = name;
      say("235 welcome");
    };
    let asked = false; // for the password, after a bare AUTH PLAIN
    const command = (line) => {
      if (asked) return (asked = false), authenticate(line);
      if (/^(EHLO|HELO)/i.test(line)) hello();
      else if (/^STARTTLS/i.test(line) && this.offersTls) startTls();
      else if (/^AUTH PLAIN$/i.test(line)) (asked = true), say("334 ");
      else if (/^AUTH PLAIN /i.test(line)) authenticate(line.slice(11));
      else if (/^MAIL FROM:/i.test(line) && this.user && !user) this.refused.push("sender"), say("530 who are you?");
      else if (/^MAIL FROM:/i.test(line)) (mail.from = line.match(/<(.*?)>/)[1]), say("250 ok");
      else if (/^RCPT TO:/i.test(line)) mail.to.push(line.match(/<(.*?)>/)[1]), say("250 ok");
      else if (/^DATA/i.test(line)) (data = ""), say("354 go on");
      else if (/^QUIT/i.test(line)) say("221 bye"), socket.end();
      else say("250 ok");
    };
    const read = (chunk) => {
      buffer += chunk.toString("latin1");
      for (let end; (end = buffer.indexOf("\r\n")) >= 0; ) {
        const line = buffer.slice(0, end);
        buffer = buffer.slice(end + 2);
        if (data === null) {
          command(line);
        } else if (line !== ".") {
          data += `${line.replace(/^\./, "")}\r\n`;
        } else {
          this.take({ ...mail, secure, user, ...parse(data) });
          data = null;
          mail = { to: [] };
          say("250 kept");
        }
      }
    };
    socket.on("data", read);
  }

  take(mail) {
    this.mails.push(mail);
    this.waiting = this.waiting.filter((look) => !look());
  }

  // The first mail to this address, taken out of the box; waits for it.
  next(to, ms = 5000) {
    return new Promise((done, failed) => {
      const late = setTimeout(() => failed(new Error(`no mail to ${to}`)), ms);
      const look = () => {
        const at = this.mails.findIndex((mail) => mail.to.includes(to));
        if (at < 0) return false;
        clearTimeout(late);
        done(this.mails.splice(at, 1)[0]);
        return true;
      };
      if (!look()) this.waiting.push(look);
    });
  }

  async stop() {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((done) => this.server.close(done));
  }
}

// Headers, both parts decoded, and what a person would look for: the code and the link.
function parse(data) {
  const [head, ...rest] = data.split("\r\n\r\n");
  const headers = Object.fromEntries(
    head.replace(/\r\n[ \t]/g, " ").split("\r\n").map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 2)]),
  );
  const boundary = headers["content-type"].match(/boundary="(.*?)"/)[1];
  const part = (type) => {
    const found = rest.join("\r\n\r\n").split(`--${boundary}`).find((text) => text.includes(`Content-Type: ${type}`));
    return Buffer.from(found.slice(found.indexOf("\r\n\r\n") + 4), "base64").toString();
  };
  const text = part("text/plain");
  return {
    headers,
    subject: headers.subject,
    text,
    html: part("text/html"),
    link: text.match(/^https?:\S+$/m)?.[0],
    code: text.replace(/https?:\S+/g, "").match(/\b\d{6}\b/)?.[0],
  };
}
