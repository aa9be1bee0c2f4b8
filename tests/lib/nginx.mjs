// nginx.mjs: nginx in front of several servers, as many people run them: round robin, WebSockets passed on.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { freePort } from "./server.mjs";

const CONFIG = ({ port, ports }) => `
daemon off; master_process off; pid nginx.pid; error_log stderr error;
events { worker_connections 256; }
http {
  access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  upstream nodes { ${ports.map((one) => `server 127.0.0.1:${one} max_fails=1 fail_timeout=1s;`).join(" ")} }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://nodes; proxy_http_version 1.1; proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
      proxy_connect_timeout 1s; proxy_read_timeout 1h;
    }
  }
}`;

const PATH = `${process.env.PATH}:/usr/sbin`; // where Debian has it

const answers = (port) =>
  new Promise((done) => {
    const socket = connect(port, "127.0.0.1", () => (socket.destroy(), done(true))).on("error", () => done(false));
  });

// Runs until stop(); `url` is where it listens.
export async function startNginx(servers) {
  const dir = mkdtempSync(join(tmpdir(), "socle-proxy-"));
  const port = await freePort();
  writeFileSync(join(dir, "nginx.conf"), CONFIG({ port, ports: servers.map((server) => server.port) }));
  const child = spawn("nginx", ["-p", dir, "-c", "nginx.conf"], { env: { ...process.env, PATH }, stdio: ["ignore", "ignore", "inherit"] });
  const exited = new Promise((done) => child.on("exit", done));
  let isOver = false;
  exited.then(() => (isOver = true));
  while (!(await answers(port))) {
    if (isOver) throw new Error("nginx ended at once");
    await pause(20);
  }
  const stop = async () => {
    child.kill("SIGTERM");
    await exited;
    rmSync(dir, { recursive: true, force: true });
  };
  return { url: `http://127.0.0.1:${port}`, port, stop };
}
