// Files of the composer: each belongs to the reply or the note for which it was chosen.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const { isUploading, uploadTo } = await load("console/src/files.tsx");
const { Compositions } = await load("console/src/state/compositions.ts");

const FILE = { url: "/files/1", filename: "internal.pdf", contentType: "application/pdf", size: 3 };

// The server whose module `/upload.js` is the upload of the test.
const ORIGIN = "data:text/javascript,export const upload = (...all) => globalThis.upload(...all);//";

function storeOf() {
  globalThis.location = { origin: ORIGIN };
  const compositions = new Compositions({ length: 0, getItem: () => null, setItem() {}, removeItem() {} }, "zoe");
  return {
    compositions,
    credentials: { token: async () => "" },
    compositionOf: (id) => compositions.of(id),
    ended: new AbortController().signal,
    changed() {},
  };
}

// Begin an upload. Returns the function that ends it, once the file is attached.
async function begin(store, conversationId) {
  let end;
  const stored = new Promise((resolve) => {
    end = resolve;
  });
  await new Promise((resolve) => {
    globalThis.upload = () => {
      resolve();
      return stored;
    };
    uploadTo(store, conversationId, [{ name: FILE.filename }]);
  });
  return () =>
    new Promise((resolve) => {
      store.compositions.subscribe(resolve);
      end(FILE);
    });
}

test("a file that was chosen for a note does not become one of the reply", async () => {
  const store = storeOf();
  store.compositions.change("c1", { isNote: true, text: "See log" });
  const end = await begin(store, "c1");
  assert.equal(isUploading(store, "c1"), true);
  store.compositions.change("c1", { isNote: false });
  assert.equal(isUploading(store, "c1"), false);
  await end();
  assert.deepEqual(store.compositionOf("c1").attachments, []);
  assert.equal(store.compositionOf("c1").isNote, false);
  store.compositions.change("c1", { isNote: true });
  assert.deepEqual(store.compositionOf("c1"), { text: "See log", attachments: [FILE], isNote: true });
  assert.equal(isUploading(store, "c1"), false);
});
