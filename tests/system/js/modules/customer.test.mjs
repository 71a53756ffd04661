// The attributes of a customer in the panel: typed, and nothing is lost that the panel cannot edit.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const { changedIn, CustomerProfile, editable, merged, rebased } = await load("console/src/customer/profile.ts");

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

test("a colleague's change of the attributes is kept beside the user's own", () => {
  const row = (name, value) => ({ name, type: "text", value });
  const before = { plan: "gold", city: "Porto", size: "small", color: "red", tags: ["a"] };
  const now = { plan: "silver", city: "Porto", color: "blue", vip: "yes", tags: ["a"] };
  const edited = [row("plan", "gold"), row("city", "Lisbon"), row("size", "small"), row("order", "1"), row("", "")];
  const rows = rebased(before, now, edited);
  assert.deepEqual(rows, [
    row("plan", "silver"),
    row("city", "Lisbon"),
    row("color", "blue"), // removed by the user, and changed by the colleague
    row("vip", "yes"),
    row("order", "1"),
    row("", ""),
  ]);
  assert.deepEqual(changedIn(before, now), [
    ["plan", "silver"],
    ["size", undefined],
    ["color", "blue"],
    ["vip", "yes"],
  ]);
  assert.deepEqual(rebased(before, before, edited), edited);
});

test("pages are loaded again, and only those that are not found are none", async (context) => {
  const boots = { url: "https://shop.example/boots", title: "Boots", visitedAt: "2026-01-01T00:00:00Z" };
  let answer;
  context.mock.method(globalThis, "fetch", async (url) =>
    String(url).endsWith("/pages") ? answer() : Response.json({ id: "c", attributes: {}, conversations: [] }),
  );
  const problem = (status) => () => Response.json({ status }, { status });
  const profile = new CustomerProfile({ credentials: { token: () => "t" }, changed() {} });
  await profile.refreshPages(); // nothing is shown yet
  answer = problem(403);
  await profile.show("c");
  assert.deepEqual([profile.state, profile.pages], ["ready", null]);
  answer = () => Response.json({ pages: [boots] });
  await profile.refreshPages();
  assert.deepEqual(profile.pages, [boots]);
  answer = problem(404);
  await profile.refreshPages();
  assert.deepEqual([profile.state, profile.pages], ["ready", []]);
});

// The REST API with one contact, whose version is its ETag.
function serveContact() {
  const contact = { id: "c", attributes: {} };
  let version = 1;
  return async (_, { method = "GET", headers, body }) => {
    await new Promise((resolve) => setImmediate(resolve));
    if (method === "PATCH") {
      if (headers.get("If-Match") !== `"${version}"`) return Response.json({}, { status: 412 });
      Object.assign(contact, JSON.parse(body));
      version += 1;
    }
    return Response.json({ ...contact, conversations: [] }, { headers: { ETag: `"${version}"` } });
  };
}

test("a save that follows another at once needs the version which that one stores", async (context) => {
  context.mock.method(globalThis, "fetch", serveContact());
  const profile = new CustomerProfile({ credentials: { token: () => "t" }, changed() {} });
  await profile.show("c");
  const saves = [profile.save({ notes: "Calls" }), profile.save({ attributes: { orders: 3 } })];
  assert.deepEqual(await Promise.all(saves), ["stored", "stored"]);
  assert.deepEqual([profile.contact.notes, profile.contact.attributes], ["Calls", { orders: 3 }]);
});
