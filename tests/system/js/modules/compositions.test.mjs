// Unsent text of the console: kept by person, conversation and mode.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const { Compositions } = await load("console/src/state/compositions.ts");
const { separated } = await load("console/src/insertion.ts");

class MemoryStorage {
  items = new Map();
  get length() {
    return this.items.size;
  }
  key = (n) => [...this.items.keys()][n] ?? null;
  getItem = (key) => this.items.get(key) ?? null;
  setItem = (key, value) => this.items.set(key, value);
  removeItem = (key) => this.items.delete(key);
}

const storage = () => new MemoryStorage();
const DAY_MS = 86_400_000;

test("unsent text of a conversation survives a new page", () => {
  const kept = storage();
  new Compositions(kept, "zoe").change("c1", { text: "Hello", seenSeq: 3 });
  const again = new Compositions(kept, "zoe");
  assert.deepEqual(again.of("c1"), { text: "Hello", attachments: [], isNote: false, seenSeq: 3 });
  assert.equal(again.of("c2").text, "");
});

test("unsent text is of one person", () => {
  const kept = storage();
  new Compositions(kept, "zoe").change("c1", { text: "Hello" });
  assert.equal(new Compositions(kept, "kwame").of("c1").text, "");
});

test("reply and note of a conversation are kept apart", () => {
  const unsent = new Compositions(storage(), "zoe");
  unsent.change("c1", { text: "To the customer" });
  unsent.change("c1", { isNote: true });
  assert.equal(unsent.of("c1").text, "");
  unsent.change("c1", { text: "To colleagues" });
  unsent.change("c1", { isNote: false });
  assert.equal(unsent.of("c1").text, "To the customer");
});

test("a sent note turns back to the reply that is still unsent", () => {
  const kept = storage();
  const unsent = new Compositions(kept, "zoe");
  unsent.change("c1", { text: "To the customer" });
  unsent.change("c1", { isNote: true, text: "To colleagues" });
  unsent.discard("c1");
  assert.deepEqual(unsent.of("c1"), { text: "To the customer", attachments: [], isNote: false });
  unsent.discard("c1");
  assert.equal(unsent.of("c1").text, "");
  assert.equal(kept.length, 0);
});

test("the preview is the text that was written last, else the other one", () => {
  const unsent = new Compositions(storage(), "zoe");
  assert.equal(unsent.preview("c1"), undefined);
  unsent.change("c1", { text: "Reply" });
  unsent.change("c1", { isNote: true, text: "  " });
  assert.equal(unsent.preview("c1"), "Reply");
  unsent.change("c1", { text: "Note" });
  assert.equal(unsent.preview("c1"), "Note");
});

test("a reply that began as the draft about an erased message is discarded", () => {
  const unsent = new Compositions(storage(), "zoe");
  unsent.change("c1", { text: "Draft", basedOnSeq: 4 });
  unsent.discardBasedOn("c1", 3);
  assert.equal(unsent.of("c1").text, "Draft");
  unsent.discardBasedOn("c1", 4);
  assert.equal(unsent.of("c1").text, "");
});

test("text that was not touched for 30 days is removed, whoever wrote it", () => {
  const kept = storage();
  let now = 100 * DAY_MS;
  const open = (person) => new Compositions(kept, person, () => now);
  open("zoe").change("c1", { text: "Old" });
  now += 29 * DAY_MS;
  open("zoe").change("c2", { text: "New" });
  now += 2 * DAY_MS;
  open("kwame");
  assert.deepEqual([...kept.items.keys()], ["hummdesk.unsent.zoe.c2"]);
});

test("invalid stored text is ignored", () => {
  const kept = storage();
  kept.setItem("hummdesk.unsent.zoe.c1", '{"writtenAt": 1, "reply": {"text": 3}}');
  kept.setItem("hummdesk.unsent.zoe.c2", "{");
  const unsent = new Compositions(kept, "zoe", () => 1);
  assert.equal(unsent.of("c1").text, "");
  assert.equal(unsent.of("c2").text, "");
});

test("text that another tab has changed is read again", () => {
  const kept = storage();
  const unsent = new Compositions(kept, "zoe");
  assert.equal(unsent.preview("c1"), undefined);
  new Compositions(kept, "zoe").change("c1", { text: "Elsewhere" });
  let changes = 0;
  unsent.subscribe(() => (changes += 1));
  unsent.refresh("hummdesk.unsent.kwame.c1");
  assert.equal(changes, 0);
  unsent.refresh("hummdesk.unsent.zoe.c1");
  assert.equal(changes, 1);
  assert.equal(unsent.preview("c1"), "Elsewhere");
});

test("without storage the text is kept in memory", () => {
  const full = storage();
  full.setItem = () => {
    throw new Error("quota");
  };
  const unsent = new Compositions(full, "zoe");
  unsent.change("c1", { text: "Hello" });
  assert.equal(unsent.of("c1").text, "Hello");
});

test("inserted text becomes a paragraph of its own", () => {
  assert.equal(separated("", 0, "Draft"), "Draft");
  assert.equal(separated("Hi", 2, "Draft"), "\n\nDraft");
  assert.equal(separated("Hi\n", 3, "Draft"), "\nDraft");
  assert.equal(separated("Hi\n\nBye", 4, "Draft"), "Draft\n\n");
  assert.equal(separated("Bye", 0, "Draft"), "Draft\n\n");
});
