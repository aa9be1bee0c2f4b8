// smtp.mjs: a mail server on loopback that keeps what it gets: just enough of RFC 5321 for one client.
import { createServer } from "node:net";

export class MailSink {
  static async start() {
    const sink = new MailSink();
    sink.mails = [];
    sink.waiting = [];
    sink.sockets = new Set();
    sink.server = createServer((socket) => sink.serve(socket));
    await new Promise((done) => sink.server.listen(0, "127.0.0.1", done));
    sink.url = `smtp://127.0.0.1:${sink.server.address().port}`;
    return sink;
  }

  serve(socket) {
    this.sockets.add(socket);
    socket.on("close", () => this.sockets.delete(socket)).on("error", () => {});
    let buffer = "", data = null, mail = { to: [] };
    const say = (line) => socket.write(`${line}\r\n`);
    say("220 sink");
    socket.on("data", (chunk) => {
      buffer += chunk.toString("latin1");
      for (let end; (end = buffer.indexOf("\r\n")) >= 0; ) {
        const line = buffer.slice(0, end);
        buffer = buffer.slice(end + 2);
        if (data !== null) {
          if (line !== ".") {
            data += `${line.replace(/^\./, "")}\r\n`;
            continue;
          }
          this.take({ ...mail, ...parse(data) });
          data = null;
          mail = { to: [] };
          say("250 kept");
        } else if (/^(EHLO|HELO)/i.test(line)) say("250 sink");
        else if (/^MAIL FROM:/i.test(line)) (mail.from = line.match(/<(.*?)>/)[1]), say("250 ok");
        else if (/^RCPT TO:/i.test(line)) mail.to.push(line.match(/<(.*?)>/)[1]), say("250 ok");
        else if (/^DATA/i.test(line)) (data = ""), say("354 go on");
        else if (/^QUIT/i.test(line)) say("221 bye"), socket.end();
        else say("250 ok");
      }
    });
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
