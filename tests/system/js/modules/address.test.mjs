// The address of the console: conversation, filters of the list, pages of the settings.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const { parseAddress, pathOf } = await load("console/src/state/address.ts");

const parsed = (url) => parseAddress(new URL(url, "http://desk.example"));

test("an address without filters has the defaults", () => {
  assert.deepEqual(parsed("/"), {
    conversationId: null,
    settings: null,
    supervisor: null,
    filters: { view: "all", status: "open", teamId: "" },
  });
});

test("an address names the conversation and the filters of the list", () => {
  const { conversationId, filters } = parsed("/c/1b?view=unassigned&status=pending&team=2c");
  assert.equal(conversationId, "1b");
  assert.deepEqual(filters, { view: "unassigned", status: "pending", teamId: "2c" });
});

test("unknown filters are ignored", () => {
  assert.deepEqual(parsed("/?view=theirs&status=&other=1").filters, { view: "all", status: "open", teamId: "" });
});

test("the path of an address leads back to it", () => {
  for (const path of ["/", "/c/1b", "/c/1b?view=mine", "/?view=unassigned&team=2c", "/c/1b?view=mine&status=closed"]) {
    const { conversationId, filters } = parsed(path);
    assert.equal(pathOf(conversationId, filters), path);
  }
});

test("the pages of admins have no conversation", () => {
  assert.deepEqual(parsed("/settings/keys").settings, ["keys"]);
  assert.deepEqual(parsed("/supervisor/reports").supervisor, ["reports"]);
  assert.equal(parsed("/settings/keys").conversationId, null);
});

test("a malformed escape is not decoded", () => {
  assert.equal(parsed("/c/%E0%A4%A").conversationId, "%E0%A4%A");
});
