// ws_fanout.mjs: what a Node server with `ws` can do at best: each message goes to all others as it is.
import { WebSocketServer } from "ws";

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]), perMessageDeflate: false });
server.on("connection", (socket) => {
  socket.on("message", (data) => {
    for (const other of server.clients) if (other !== socket) other.send(data, { binary: false });
  });
});
server.on("listening", () => console.log("ready"));
process.on("SIGTERM", () => process.exit(0));
