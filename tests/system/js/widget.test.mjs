// Modules of the widget that need no browser.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { runnerImport } from "../../../web/node_modules/vite/dist/node/index.js";

const SOURCE = new URL("../../../web/widget/src/", import.meta.url);
const CLIENT = fileURLToPath(new URL("../../../web/client/src/", import.meta.url));
const STUBS = {
  "/stubs/client.js": `export * from "${CLIENT}errors.ts"; export const DeskClient = globalThis.FakeClient;`,
  "/stubs/texts.js": "export const t = (key) => key; export const language = 'en'; export const date = String;",
};
const ALIAS = [
  { find: "@hummdesk/client/files", replacement: `${CLIENT}files.ts` },
  { find: "@hummdesk/client", replacement: "/stubs/client.js" },
  { find: "@hummdesk/texts", replacement: "/stubs/texts.js" },
];
const stubs = {
  name: "stubs",
  enforce: "pre",
  resolveId: (id) => (id in STUBS ? id : null),
  load: (id) => STUBS[id],
  /** The runner is closed when the tests begin: what the page imports later comes from the test. */
  transform: (code) => code.replace(/ import\(.*?\);/, " Promise.resolve({ upload: globalThis.upload });"),
};

/** A connection on which the test decides what the server answers. */
globalThis.FakeClient = class {
  static last;
  socket = { on: () => undefined };
  requests = [];
  written = [];
  outbox = { on: () => undefined, of: () => [], write: (message) => this.written.push(message) };
  handlers = {};
  histories = new Map();
  answers = { list_conversations: () => ({ conversations: [] }) };

  constructor() {
    FakeClient.last = this;
  }

  on(event, handler) {
    this.handlers[event] = handler;
  }

  async request(name, payload) {
    this.requests.push([name, payload]);
    return this.answers[name]?.(payload);
  }

  async join(id) {
    this.histories.set(id, { messages: [] });
    return { history: this.histories.get(id), joined: { conversation: conversation(id, 0, 0) } };
  }

  history(id) {
    return this.histories.get(id);
  }

  close() {}
};

async function load(name) {
  const config = { configFile: false, logLevel: "error", plugins: [stubs], resolve: { alias: ALIAS } };
  return (await runnerImport(fileURLToPath(new URL(name, SOURCE)), config)).module;
}

const [
  { isAtEnd, scrolledTo, topAfter },
  { daysBetween, isOtherDay },
  { Conversations },
  { Drafts },
  { WidgetStorage },
  { Visitor },
  { PAUSE_MS, proactiveFor },
  { Chat },
] = await Promise.all(
  [
    "scrolling.ts",
    "days.ts",
    "conversations.ts",
    "drafts.ts",
    "storage.ts",
    "visitor.ts",
    "proactive.ts",
    "chat.ts",
  ].map(load),
);

class FakeStorage {
  items = new Map();
  getItem = (key) => this.items.get(key) ?? null;
  setItem = (key, value) => this.items.set(key, String(value));
  removeItem = (key) => this.items.delete(key);
}

beforeEach(() => {
  globalThis.localStorage = new FakeStorage();
  globalThis.sessionStorage = new FakeStorage();
});

const BEFORE = { firstSeq: 51, own: 3, height: 2000, top: 100, isAtEnd: false };

test("older messages keep the place of the reader", () => {
  assert.equal(topAfter(BEFORE, { firstSeq: 1, own: 20, height: 5000 }), 3100);
  assert.equal(topAfter({ ...BEFORE, top: 0 }, { firstSeq: 1, own: 3, height: 5000 }), 3000);
});

test("arrivals move the view only if its end was shown, own messages always", () => {
  assert.equal(topAfter(BEFORE, { firstSeq: 51, own: 3, height: 2060 }), 100);
  assert.equal(topAfter({ ...BEFORE, isAtEnd: true }, { firstSeq: 51, own: 3, height: 2060 }), 2060);
  assert.equal(topAfter(BEFORE, { firstSeq: 51, own: 4, height: 2060 }), 2060);
});

test("a reader who has scrolled up keeps that place, though its event has not come yet", () => {
  const atEnd = { ...BEFORE, top: 1600, isAtEnd: true };
  const arrived = { firstSeq: 51, own: 3, height: 2060 };
  const after = (top, height) => topAfter(scrolledTo(atEnd, { top, shown: 400, height }), { ...arrived, height });
  assert.equal(after(700, 2060), 700);
  assert.equal(after(1600, 2060), 2060);
  assert.equal(after(1560, 1960), 1960); // moved by the browser, since the end is shorter
});

test("the first messages are shown from their end", () => {
  assert.equal(topAfter({ firstSeq: 0, own: 0, height: 0, top: 0, isAtEnd: true }, { ...BEFORE, own: 0 }), 2000);
});

test("a part of a line below the fold is still the end", () => {
  assert.equal(isAtEnd(1561, 400, 2000), true);
  assert.equal(isAtEnd(1500, 400, 2000), false);
});

test("days are those of the device", () => {
  const day = (...parts) => new Date(2026, 2, ...parts);
  assert.equal(daysBetween(day(28, 23, 59), day(29, 0, 1)), -1);
  assert.equal(daysBetween(day(29, 0, 1), day(30, 0, 1)), -1); // a day of 23 hours in much of Europe
  assert.equal(daysBetween(day(29, 8), day(29, 20)), 0);
  assert.equal(isOtherDay(day(29, 8).toISOString(), day(29, 20).toISOString()), false);
  assert.equal(isOtherDay(day(29, 8).toISOString(), day(28, 20).toISOString()), true);
  assert.equal(isOtherDay(day(29, 8).toISOString(), undefined), true);
});

const conversation = (id, lastSeq, unreadCount, updatedAt = "2026-11-30T10:00:00.000Z") => ({
  conversationId: id,
  lastSeq,
  unreadCount,
  updatedAt,
  status: "open",
});
const message = (id, seq, senderType = "agent") => ({
  conversationId: id,
  seq,
  senderType,
  timestamp: "2026-11-30T11:00:00.000Z",
});

test("unread messages are counted once, in any order of answers and events", () => {
  const conversations = new Conversations();
  conversations.load(conversation("a", 3, 2));
  for (const seq of [3, 4, 4]) conversations.add(message("a", seq));
  conversations.add(message("a", 5, "customer"));
  assert.equal(conversations.unreadIn("a"), 3);
  conversations.load(conversation("a", 4, 3));
  assert.equal(conversations.unread, 3);
});

test("what was seen is not unread again by an answer that is older", () => {
  const conversations = new Conversations();
  conversations.load(conversation("a", 3, 2));
  conversations.add(message("a", 4));
  conversations.see("a", 4);
  assert.equal(conversations.unread, 0);
  conversations.load(conversation("a", 4, 3));
  assert.equal(conversations.unread, 0);
  conversations.add(message("a", 5));
  assert.equal(conversations.unread, 1);
});

test("the conversation with the newest message is the first", () => {
  const conversations = new Conversations();
  conversations.load(conversation("a", 1, 0, "2026-11-30T09:00:00.000Z"));
  conversations.load(conversation("b", 1, 0, "2026-11-30T10:00:00.000Z"));
  conversations.add(message("unknown", 1));
  assert.deepEqual(
    conversations.all.map(({ conversationId }) => conversationId),
    ["b", "a"],
  );
  conversations.add(message("a", 2));
  assert.equal(conversations.all[0].conversationId, "a");
  assert.equal(conversations.all[0].lastMessage.seq, 2);
});

function token(claims) {
  return `x.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.x`;
}

const ZOE = token({ userId: "zoe", role: "customer" });
const storage = () => new WidgetStorage("hummdesk.account.");
const visitor = () => new Visitor("https://desk.example", "account", storage(), () => undefined);

async function identified(identity) {
  const found = visitor();
  found.identify(identity);
  await found.settle();
  return found;
}

test("drafts are kept by conversation", () => {
  const drafts = new Drafts(storage());
  drafts.write("for a new one");
  drafts.write("for a", "a");
  assert.deepEqual([new Drafts(storage()).read(), drafts.read("a"), drafts.read("b")], ["for a new one", "for a", ""]);
  drafts.write("");
  drafts.write("", "a");
  assert.equal(storage().read("drafts"), null);
  localStorage.setItem("hummdesk.account.drafts", "[1");
  assert.equal(drafts.read(), "");
});

test("what a customer has written remains when the page identifies the same customer again", async () => {
  await identified(ZOE);
  new Drafts(storage()).write("half a sent");
  storage().write("letters", "[]");
  await identified(async () => token({ userId: "zoe", exp: 1 }));
  assert.equal(new Drafts(storage()).read(), "half a sent");
  assert.equal(storage().read("letters"), "[]");
});

test("nothing of a customer remains for another one, or for a visitor who is not identified", async () => {
  for (const other of [() => identified(token({ externalId: "kwame" })), () => visitor().settle()]) {
    await identified(ZOE);
    new Drafts(storage()).write("secret");
    storage().write("letters", '["secret"]');
    await other();
    assert.ok(![...localStorage.items.values()].some((value) => value.includes("secret")));
  }
});

test("a visitor who is identified keeps what was sent, not the text in the field", async () => {
  storage().write("pass", "credential");
  storage().write("letters", '["sent"]');
  new Drafts(storage()).write("not sent");
  await identified(ZOE);
  assert.equal(storage().read("letters"), '["sent"]');
  assert.equal(new Drafts(storage()).read(), "");
});

test("a failing function of the page is reported and may be called again", async () => {
  let calls = 0;
  const found = visitor();
  found.identify(() => {
    calls += 1;
    return calls === 1 ? Promise.reject(new Error("offline")) : ZOE;
  });
  await assert.rejects(found.settle(), /offline/);
  await found.settle();
  assert.equal(await found.token(), ZOE);
  assert.equal(calls, 2);
});

const VISIT = { path: "/boots/scree", isReturning: false, shown: {}, now: 10 * PAUSE_MS };

test("the first proactive rule that applies decides", () => {
  const rules = [
    { page: "/tents", texts: { en: "Tents?" } },
    { visitors: "returning", texts: { en: "Back again?" } },
    { page: "/boots", afterSeconds: 5, visitors: "new", texts: { en: "Which size?", de: "Welche Größe?" } },
    { texts: { en: "Hello" } },
  ];
  assert.deepEqual(proactiveFor(rules, "de", VISIT), { text: "Welche Größe?", delayMs: 5000 });
  assert.equal(proactiveFor(rules, "en", { ...VISIT, isReturning: true }).text, "Back again?");
  assert.deepEqual(proactiveFor(rules, "de", { ...VISIT, path: "/" }), { text: "Hello", delayMs: 0 });
  assert.equal(proactiveFor([], "en", VISIT), undefined);
});

test("each proactive message is shown once, and one a day", () => {
  const rules = [{ texts: { en: "One" } }, { texts: { en: "Two" } }];
  const shown = { One: VISIT.now - 2 * PAUSE_MS };
  assert.equal(proactiveFor(rules, "en", { ...VISIT, shown }).text, "Two");
  assert.equal(proactiveFor(rules, "en", { ...VISIT, shown: { One: VISIT.now - 1 } }), undefined);
  assert.equal(proactiveFor(rules, "en", { ...VISIT, shown: { ...shown, Two: 0 } }), undefined);
});

test("the look is loaded once in a while, and kept if the server does not answer", async () => {
  globalThis.location = { pathname: "/boots" };
  const asked = [];
  globalThis.fetch = async (url, { body }) => {
    asked.push([url, JSON.parse(body)]);
    return asked.length > 1 ? Promise.reject(new TypeError()) : Response.json({ look: { color: "#7c3aed" } });
  };
  const looks = [];
  const found = new Visitor("https://desk.example", "account", storage(), (look) => looks.push(look));
  await found.loadLook();
  await found.loadLook();
  assert.deepEqual(asked, [["https://desk.example/widget/look", { accountId: "account" }]]);
  storage().write("lookAt", "0");
  await found.loadLook();
  assert.deepEqual(looks, [{}, { color: "#7c3aed" }]);
  assert.deepEqual(storage().readObject("look"), { color: "#7c3aed" });
});

const settled = () => new Promise(setImmediate);

/** The chat of a page, connected. `conversations`: those of the visitor. */
async function chatOf(conversations = [], { identity = ZOE } = {}) {
  globalThis.document = { hidden: false, addEventListener: () => undefined };
  const chat = new Chat("https://desk.example", visitor());
  chat.identify(identity);
  return online(chat, conversations);
}

async function online(chat, conversations = []) {
  await settled();
  const client = FakeClient.last;
  client.answers.list_conversations = () => ({ conversations });
  client.handlers.state("online");
  await settled();
  return { chat, client };
}

/** The uploads that begin, each with its file and options. */
function uploadsOf() {
  const begun = [];
  let notify = () => undefined;
  globalThis.upload = (file, options) => {
    begun.push({ file, options });
    notify();
    return new Promise((_, reject) => options.signal.addEventListener("abort", () => reject(options.signal.reason)));
  };
  return async (count) => {
    while (begun.length < count) {
      await new Promise((resolve) => {
        notify = resolve;
      });
    }
    return begun;
  };
}

const started = (client) => client.requests.filter(([name]) => name === "start_conversation");

test("unsent text for a new conversation survives a reload beside that of another one", async () => {
  const { chat } = await chatOf([conversation("a", 1, 0)]);
  chat.setDraft("for a");
  chat.show(undefined);
  chat.setDraft("for a new one");
  const { chat: reloaded } = await chatOf([conversation("a", 1, 0)]);
  assert.deepEqual([reloaded.conversationId, reloaded.draft], [undefined, "for a new one"]);
  assert.equal(new Drafts(storage()).read("a"), "for a");
  reloaded.show("a");
  assert.equal(reloaded.draft, "for a");
  assert.equal((await chatOf([conversation("a", 1, 0)])).chat.conversationId, "a");
});

test("a new conversation in two tabs loses no message", async () => {
  const one = await chatOf();
  one.chat.show(undefined);
  const other = await chatOf();
  for (const { chat, client } of [one, other]) {
    client.answers.start_conversation = () => ({ conversation: conversation(crypto.randomUUID(), 1, 0) });
    chat.write("hello");
  }
  await settled();
  const [[, first], [, second]] = [one, other].flatMap(({ client }) => started(client));
  assert.notEqual(first.clientMessageId, second.clientMessageId); // else the server takes the second for a repetition
});

test("text that is written before the list arrives replaces no unsent text", async () => {
  new Drafts(storage()).write("for a", "a");
  globalThis.document = { hidden: false, addEventListener: () => undefined };
  storage().write("owner", "zoe");
  const chat = new Chat("https://desk.example", visitor());
  chat.identify(ZOE);
  chat.setDraft("typed");
  await online(chat, [conversation("a", 1, 0)]);
  const drafts = new Drafts(storage());
  assert.deepEqual([chat.draft, drafts.read("a"), drafts.read()], ["for a", "for a", "typed"]);
});

test("text in the field goes to the conversation that continues the shown one, and replaces none", async () => {
  const { chat, client } = await chatOf([conversation("a", 1, 0), conversation("b", 1, 0, "2026-11-30T09:00:00.000Z")]);
  const drafts = new Drafts(storage());
  drafts.write("kept", "b");
  chat.setDraft("typed");
  client.handlers.continued({ conversationId: "a", continuedIn: "b" });
  assert.deepEqual([chat.conversationId, chat.draft, drafts.read("a")], ["b", "kept\ntyped", ""]);
});

test("a message that is changed is changed beside the closed chat and in the list", async () => {
  const { chat, client } = await chatOf([conversation("a", 0, 0)]);
  chat.close();
  const sent = { ...message("a", 1), messageId: "m", content: "It arives" };
  client.handlers.message(sent);
  const change = (now) => {
    client.histories.set("a", { messages: [{ ...sent, ...now }] });
    client.handlers.updated({ conversationId: "a", messageId: "m" });
    return [chat.preview?.content, chat.conversations.get("a").lastMessage.content];
  };
  assert.deepEqual(change({ content: "It arrives" }), ["It arrives", "It arrives"]);
  assert.deepEqual(change({ content: "", erased: true, withdrawn: true }), [undefined, ""]);
});

test("files and messages that are added while a conversation starts belong to it", async () => {
  const begun = uploadsOf();
  const { chat, client } = await chatOf();
  let answer;
  client.answers.start_conversation = () =>
    new Promise((resolve) => {
      answer = () => resolve({ conversation: conversation("a", 0, 0) });
    });
  chat.attach([{ name: "one.png" }]);
  await settled();
  chat.attach([{ name: "two.png" }]);
  chat.write("hello");
  await settled();
  answer();
  const uploads = await begun(2);
  assert.equal(started(client).length, 1);
  assert.deepEqual(client.written, [{ conversationId: "a", content: "hello" }]);
  assert.deepEqual(
    uploads.map(({ file, options }) => [file.name, options.conversationId]),
    [
      ["one.png", "a"],
      ["two.png", "a"],
    ],
  );
  assert.equal(storage().read("beginning"), null);
});

test("a conversation for files that could not start is requested again with the same id", async (context) => {
  const begun = uploadsOf();
  const { chat, client } = await chatOf();
  context.mock.timers.enable({ apis: ["setTimeout"] });
  client.answers.start_conversation = () => Promise.reject(new Error("offline"));
  chat.attach([{ name: "one.png" }]);
  await settled();
  chat.write("hello");
  await settled();
  client.answers.start_conversation = () => ({ conversation: conversation("a", 0, 0) });
  context.mock.timers.tick(60_000);
  await begun(1);
  const requests = started(client).map(([, payload]) => payload);
  assert.equal(new Set(requests.map(({ clientMessageId }) => clientMessageId)).size, 1);
  assert.equal(requests.at(-1).content, "hello");
  assert.deepEqual(client.written, []); // the conversation started with it
});

test("uploads end when the person signs out or another one signs in, and request no token", async () => {
  const others = [(chat) => chat.logout(), (chat) => chat.identify(token({ userId: "kwame", role: "customer" }))];
  for (const leave of others) {
    const begun = uploadsOf();
    const { chat } = await chatOf([conversation("a", 1, 0)]);
    chat.attach([{ name: "secret.png" }]);
    const [{ options }] = await begun(1);
    globalThis.fetch = () => assert.fail("a session was requested");
    leave(chat);
    await settled();
    assert.ok(options.signal.aborted);
    assert.deepEqual(chat.files.uploads.of("a"), []);
    if (storage().read("owner") === null) await assert.rejects(options.token());
  }
});

test("uploads continue when the page identifies the same customer again", async () => {
  const begun = uploadsOf();
  const { chat } = await chatOf([conversation("a", 1, 0)]);
  chat.attach([{ name: "one.png" }]);
  const [{ options }] = await begun(1);
  chat.identify(token({ userId: "zoe", exp: 1 }));
  await settled();
  assert.ok(!options.signal.aborted);
});

test("an upload that is cancelled before it begins does not begin", async () => {
  const begun = uploadsOf();
  const { chat } = await chatOf([conversation("a", 1, 0)]);
  chat.attach([{ name: "one.png" }]);
  chat.files.uploads.cancelAll();
  chat.attach([{ name: "two.png" }]);
  assert.equal((await begun(1))[0].file.name, "two.png");
});

test("a proactive message is for visitors without conversations, also when the list arrives late", async () => {
  globalThis.document = { hidden: false, addEventListener: () => undefined };
  for (const conversations of [[], [conversation("a", 1, 0)]]) {
    const chat = new Chat("https://desk.example", visitor());
    chat.identify(ZOE);
    const shown = chat.propose("Which size?");
    await online(chat, conversations);
    assert.equal(await shown, conversations.length === 0);
  }
  const late = new Chat("https://desk.example", visitor()); // the page has not identified the customer yet
  assert.equal(await late.propose("Which size?"), false);
});

test("the open page is reported once, without its query", async ({ mock }) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  globalThis.location = { origin: "https://shop.example", pathname: "/boots", search: "?token=secret" };
  const { chat, client } = await chatOf();
  document.title = "🥾".repeat(201);
  const visit = async () => {
    chat.visit();
    mock.timers.tick(1000);
    await settled();
    return client.requests.filter(([name]) => name === "visit_page").map(([, page]) => page.url);
  };
  assert.deepEqual(await visit(), ["https://shop.example/boots"]);
  assert.equal([...client.requests.at(-1)[1].title].length, 200);
  assert.equal((await visit()).length, 1);
  globalThis.location.pathname = "/sale";
  chat.visit();
  globalThis.location.pathname = "/tents"; // within a second
  client.answers.visit_page = () => Promise.reject(new Error("lost"));
  assert.deepEqual((await visit()).slice(1), ["https://shop.example/tents"]);
  assert.equal((await visit()).length, 3); // again, since it was lost
  client.handlers.state("offline");
  assert.equal((await visit()).length, 3);
});

test("the page is reported again each time the chat is connected", async () => {
  const { chat, client } = await chatOf();
  let reports = 0;
  chat.onSession = () => {
    reports += 1;
  };
  for (const state of ["offline", "recovered", "offline", "connecting", "online", "resynchronized"])
    client.handlers.state(state);
  assert.equal(reports, 3);
});
