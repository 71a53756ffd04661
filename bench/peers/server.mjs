// Socket.IO on Node.js or on Bun as documented. JOB is `fan-out` for that alone, or `desk` for a complete desk.
import { createServer } from "node:http";
import { Server } from "socket.io";

const { PORT, JOB, EVENT } = process.env;
const [event, payload] = JSON.parse(EVENT);
const ROOM = "all";

const io = new Server({ serveClient: false });

if (JOB === "desk") {
  const { serveDesk } = await import("./desk.mjs");
  await serveDesk(io, process.env);
} else {
  io.on("connection", (socket) => {
    socket.join(ROOM);
    socket.on("publish", (number) => {
      for (let count = 0; count < number; count++) io.to(ROOM).emit(event, payload);
    });
  });
}

if (globalThis.Bun) {
  const { Server: Engine } = await import("./bun/engine.mjs");
  const engine = new Engine({ path: "/socket.io/" });
  io.bind(engine);
  Bun.serve({ hostname: "127.0.0.1", port: Number(PORT), ...engine.handler() });
} else {
  const server = createServer();
  io.attach(server);
  // https://socket.io/docs/v4/memory-usage/
  io.engine.on("connection", (raw) => {
    raw.request = null;
  });
  server.listen(Number(PORT), "127.0.0.1", 4096);
}
