// Connection state recovery of the official client, on both transports.
import assert from "node:assert/strict";
import { once } from "node:events";
import { afterEach, test } from "node:test";
import { closeAll, connect, cut, desk, done, receives, join, names, open } from "./sockets.mjs";

const CUTS = Number(process.env.CUTS ?? 20);
const fast = { reconnectionDelay: 5, reconnectionDelayMax: 20 };
const conversationId = desk.conversation;

afterEach(closeAll);

for (const transport of ["websocket", "polling"]) {
  test(`session cut ${CUTS} times over ${transport} is recovered each time without gap or repeat`, async () => {
    const sender = await join("agent", { transports: ["websocket"] });
    const socket = await join("customer", { transports: [transport], ...fast });
    const { id } = socket;
    let sending = true;
    let ticks = 0;
    const sent = (async () => {
      let last;
      while (sending) {
        last = (await done(sender, "send_message", { conversationId, content: "tick" })).seq;
        ticks += 1;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      return last;
    })();
    for (let number = 0; number < CUTS || ticks < 3; number += 1) {
      const back = once(socket, "connect");
      cut(socket);
      await back;
      assert.equal(socket.recovered, true, `cut ${number}`);
      assert.equal(socket.id, id);
    }
    sending = false;
    const last = await sent;
    await receives(socket, "new_message", { seq: last, content: "tick" }, { keep: true });
    const seqs = socket.received.filter(({ event }) => event === "new_message").map(({ payload }) => payload.seq);
    assert.equal(seqs.length, ticks);
    assert.deepEqual(seqs, seqs.map((_, index) => seqs[0] + index));
  });
}

test("missed events are received before connect, without the offset argument", async () => {
  const sender = await join("agent");
  const socket = await join("customer", { transports: ["websocket"], ...fast, reconnection: false });
  const order = [];
  socket.on("new_message", ({ content }) => order.push(content));
  socket.on("connect", () => order.push("connect"));
  cut(socket);
  await once(socket, "disconnect");
  for (const content of ["first", "second"]) await done(sender, "send_message", { conversationId, content });
  await receives(sender, "new_message", { content: "second" });
  socket.connect();
  await once(socket, "connect");
  await done(sender, "send_message", { conversationId, content: "third" });
  await receives(socket, "new_message", { content: "third" });
  assert.deepEqual(order, ["first", "second", "connect", "third"]);
  assert.equal(socket.recovered, true);
  await done(socket, "typing_start", { conversationId });
});

test("request buffered while disconnected is sent after recovery", async () => {
  const sender = await join("agent");
  const socket = await join("customer", { transports: ["websocket"], ...fast });
  cut(socket);
  await once(socket, "disconnect");
  await done(socket, "send_message", { conversationId, content: "from the buffer" });
  assert.equal(socket.recovered, true);
  await receives(sender, "new_message", { content: "from the buffer" });
});

test("client that disconnects on purpose gets a new session", async () => {
  const socket = await connect("customer");
  socket.disconnect();
  socket.connect();
  await once(socket, "connect");
  assert.equal(socket.recovered, false);
});

test("reconnecting with the token of another user gets a new session", async () => {
  const socket = await connect("customer", { ...fast, transports: ["websocket"] });
  const { id } = socket;
  socket.auth = { token: desk.tokens.agent };
  cut(socket);
  await once(socket, "connect");
  assert.equal(socket.recovered, false);
  assert.notEqual(socket.id, id);
  await receives(socket, "authenticated", { userId: desk.people.agent.userId });
});

test("modified pid or offset is not recovered", async () => {
  for (const field of ["_pid", "_lastOffset"]) {
    const socket = await join("customer", { ...fast, transports: ["websocket"] });
    assert.equal(typeof socket[field], "string");
    cut(socket);
    socket[field] = `${socket[field]}0`;
    await once(socket, "connect");
    assert.equal(socket.recovered, false, field);
    assert.deepEqual(names(socket).filter((name) => name === "new_message"), []);
  }
});

test("unauthenticated socket is not recovered", async () => {
  const socket = open(null, { ...fast, transports: ["websocket"] });
  await receives(socket, "authentication_error");
  cut(socket);
  await once(socket, "connect");
  assert.equal(socket.recovered, false);
});
