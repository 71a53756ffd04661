// Text that is inserted into the reply, such as an AI draft, and its undo.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const { insertText, noticeUndo, canUndoInsertion } = await load("console/src/insertion.ts");
const { Compositions } = await load("console/src/state/compositions.ts");

const FILE = { url: "/files/1", filename: "invoice.pdf", contentType: "application/pdf", size: 3 };

function storeOf() {
  globalThis.document = { querySelector: () => null };
  const compositions = new Compositions({ length: 0, getItem: () => null, setItem() {}, removeItem() {} }, "zoe");
  return {
    compositions,
    insertions: new Map(),
    compositionOf: (id) => compositions.of(id),
    compose: (id, change) => (change ? compositions.change(id, change) : compositions.discard(id)),
    changed() {},
  };
}

function typed(store, text) {
  store.compose("c1", { text });
  noticeUndo(store, "c1");
}

test("a cleared note does not take back what was inserted into the reply", () => {
  const store = storeOf();
  insertText(store, "c1", "AI draft", { basedOnSeq: 4 });
  assert.equal(canUndoInsertion(store, "c1"), true);
  store.compose("c1", { isNote: true });
  for (const text of ["x", "", "AI draft"]) {
    typed(store, text);
    assert.equal(store.compositionOf("c1").isNote, true, text);
    assert.equal(canUndoInsertion(store, "c1"), false, text);
  }
  store.compose("c1", { isNote: false });
  assert.equal(store.compositionOf("c1").text, "AI draft");
  assert.equal(store.compositionOf("c1").basedOnSeq, 4);
});

test("a reply without the inserted text is as before, and the draft can be chosen again", () => {
  const store = storeOf();
  const undone = [];
  insertText(store, "c1", "AI draft", { basedOnSeq: 4 }, () => undone.push("c1"));
  typed(store, "");
  assert.equal(store.compositionOf("c1").basedOnSeq, undefined);
  assert.deepEqual(undone, ["c1"]);
  typed(store, "");
  assert.deepEqual(undone, ["c1"]);
});

test("an insertion keeps the attachments of a reply without text", () => {
  const store = storeOf();
  store.compose("c1", { attachments: [FILE] });
  insertText(store, "c1", "AI draft", { basedOnSeq: 4 });
  assert.deepEqual(store.compositionOf("c1").attachments, [FILE]);
  const more = { ...FILE, url: "/files/2" };
  insertText(store, "c1", "Refused message", { attachments: [more] });
  assert.deepEqual(store.compositionOf("c1").attachments, [FILE, more]);
});
