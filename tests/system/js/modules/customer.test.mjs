// The attributes of a customer in the panel: typed, and nothing is lost that the panel cannot edit.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const { editable, merged } = await load("console/src/customer/profile.ts");

const stored = { plan: "gold", orders: 3, newsletter: false, address: { city: "Porto" }, tags: ["a"] };

test("texts, numbers and booleans can be edited", () => {
  assert.deepEqual(editable(stored), [
    { name: "plan", type: "text", value: "gold" },
    { name: "orders", type: "number", value: "3" },
    { name: "newsletter", type: "yesNo", value: "false" },
  ]);
});

test("attributes keep their types, and those that cannot be edited", () => {
  assert.deepEqual(merged(stored, editable(stored)), stored);
  const edited = [
    { name: " orders ", type: "number", value: "4.5" },
    { name: "vip", type: "yesNo", value: "true" },
    { name: "", type: "text", value: "without a name" },
  ];
  assert.deepEqual(merged(stored, edited), { address: { city: "Porto" }, tags: ["a"], orders: 4.5, vip: true });
});

test("a number that is none is refused", () => {
  for (const value of ["", " ", "many", "Infinity"])
    assert.equal(merged({}, [{ name: "orders", type: "number", value }]), null, value);
});
