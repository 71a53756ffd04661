// Connection state recovery as the official client does it, on both transports.
import assert from "node:assert/strict";
import { once } from "node:events";
import { afterEach, test } from "node:test";
import { closeAll, connect, cut, desk, done, hears, join, names, open } from "./desk.mjs";

const CUTS = 100;
const quick = { reconnectionDelay: 5, reconnectionDelayMax: 20 };
const conversationId = desk.conversation;

afterEach(closeAll);

for (const transport of ["websocket", "polling"]) {
  test(`${CUTS} cuts over ${transport}: no gap, no repeat, recovered each time`, async () => {
    const sender = await join("agent", { transports: ["websocket"] });
    const socket = await join("customer", { transports: [transport], ...quick });
    const { id } = socket;
    let sending = true;
    const sent = (async () => {
      let last;
      while (sending) {
        last = (await done(sender, "send_message", { conversationId, content: "tick" })).seq;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      return last;
    })();
    for (let number = 0; number < CUTS; number += 1) {
      const back = once(socket, "connect");
      cut(socket);
      await back;
      assert.equal(socket.recovered, true, `cut ${number}`);
      assert.equal(socket.id, id);
    }
    sending = false;
    const last = await sent;
    await hears(socket, "new_message", { seq: last, content: "tick" }, { keep: true });
    const seqs = socket.heard.filter(({ event }) => event === "new_message").map(({ payload }) => payload.seq);
    assert.ok(seqs.length > 10);
    assert.deepEqual(seqs, seqs.map((_, place) => seqs[0] + place));
  });
}

test("what was missed is heard before connect, by handlers that know of no offset", async () => {
  const sender = await join("agent");
  const socket = await join("customer", { transports: ["websocket"], ...quick, reconnection: false });
  const order = [];
  socket.on("new_message", ({ content }) => order.push(content));
  socket.on("connect", () => order.push("connect"));
  cut(socket);
  await once(socket, "disconnect");
  for (const content of ["first", "second"]) await done(sender, "send_message", { conversationId, content });
  await hears(sender, "new_message", { content: "second" });
  socket.connect();
  await once(socket, "connect");
  await done(sender, "send_message", { conversationId, content: "third" });
  await hears(socket, "new_message", { content: "third" });
  assert.deepEqual(order, ["first", "second", "connect", "third"]);
  assert.equal(socket.recovered, true);
  await done(socket, "typing_start", { conversationId });
});

test("what was sent while it was away is sent once it is back", async () => {
  const sender = await join("agent");
  const socket = await join("customer", { transports: ["websocket"], ...quick });
  cut(socket);
  await once(socket, "disconnect");
  await done(socket, "send_message", { conversationId, content: "from the buffer" });
  assert.equal(socket.recovered, true);
  await hears(sender, "new_message", { content: "from the buffer" });
});

test("who says disconnect comes back as somebody new", async () => {
  const socket = await connect("customer");
  socket.disconnect();
  socket.connect();
  await once(socket, "connect");
  assert.equal(socket.recovered, false);
});

test("with the token of another person it is another socket", async () => {
  const socket = await connect("customer", { ...quick, transports: ["websocket"] });
  const { id } = socket;
  socket.auth = { token: desk.tokens.agent };
  cut(socket);
  await once(socket, "connect");
  assert.equal(socket.recovered, false);
  assert.notEqual(socket.id, id);
  await hears(socket, "authenticated", { userId: desk.people.agent.userId });
});

test("a pid or an offset that was changed brings nothing back", async () => {
  for (const field of ["_pid", "_lastOffset"]) {
    const socket = await join("customer", { ...quick, transports: ["websocket"] });
    assert.equal(typeof socket[field], "string");
    cut(socket);
    socket[field] = `${socket[field]}0`;
    await once(socket, "connect");
    assert.equal(socket.recovered, false, field);
    assert.deepEqual(names(socket).filter((name) => name === "new_message"), []);
  }
});

test("who has not authenticated is not recovered", async () => {
  const socket = open(null, { ...quick, transports: ["websocket"] });
  await hears(socket, "authentication_error");
  cut(socket);
  await once(socket, "connect");
  assert.equal(socket.recovered, false);
});
