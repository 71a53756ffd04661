// Writing in the composer: completion, slots of canned replies, Markdown, and actions that can be undone.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { load } from "./load.mjs";

const { completionAt, matching } = await load("console/src/state/completion.ts");
const { fillSlots } = await load("console/src/state/slots.ts");
const { htmlOf, toggleMark } = await load("console/src/state/markdown.ts");
const { markdownOf } = await load("console/src/extras/markdown-source.ts");
const { Undo } = await load("console/src/state/undo.ts");

const completed = (text) => completionAt(text, text.length, "/@");

test("a trigger at the beginning of a word is completed", () => {
  assert.deepEqual(completed("/ret"), { trigger: "/", start: 0, end: 4, query: "ret" });
  assert.deepEqual(completed("Hi @Zoe Ch"), { trigger: "@", start: 3, end: 10, query: "Zoe Ch" });
  assert.equal(completed("Hi\n/").start, 3);
});

test("a trigger inside of a word, before a space or on another line is not completed", () => {
  for (const text of ["and/or", "ada@acme.example", "5 / 2", "/ret\nurn", "https://x"]) assert.equal(completed(text), null, text);
  assert.equal(completionAt("/return", 0, "/"), null);
  assert.equal(completionAt("@zoe", 4, "/"), null);
  assert.equal(completed(`/${"x".repeat(60)}`), null);
});

test("the best matches come first, regardless of case and accents", () => {
  const names = ["Late delivery", "Return label", "Delivery délai", "No match"];
  const found = matching(names, "DELI", (name) => name);
  assert.deepEqual(found, ["Delivery délai", "Late delivery"]);
  assert.deepEqual(matching(names, "delai", (name) => name), ["Delivery délai"]);
  assert.deepEqual(matching(names, "pole", (name) => name, () => "The tent pole"), names);
});

test("slots have the customer's name, and gaps for what is not known", () => {
  assert.equal(fillSlots("Dear {{name}}, hi {{first_name}}", "Hugo Silva"), "Dear Hugo Silva, hi Hugo");
  assert.equal(fillSlots("{{ customer.name }}: {order-number}", "Hugo"), "Hugo: [order number]");
  assert.equal(fillSlots("Dear {{name}}", " "), "Dear [name]");
  assert.equal(fillSlots("{{name}}", "$& {{name}}"), "$& {{name}}");
});

test("Markdown becomes the elements that messages may have", () => {
  assert.equal(htmlOf("a **bold** and *italic* `co<de`"), "a <strong>bold</strong> and <em>italic</em> <code>co&lt;de</code>");
  assert.equal(htmlOf("See [our page](https://shop.example/a?b=1&c=2)."), 'See <a href="https://shop.example/a?b=1&amp;c=2">our page</a>.');
  assert.equal(htmlOf("Do:\n1. one\n2. *two*\nThen\nrest"), "Do:<ol><li>one</li><li><em>two</em></li></ol>Then<br>rest");
  assert.equal(htmlOf("- a\n- b"), "<ul><li>a</li><li>b</li></ul>");
  assert.equal(htmlOf("> quoted\n> more\nreply"), "<blockquote>quoted<br>more</blockquote>reply");
});

test("text without Markdown stays text", () => {
  for (const text of ["2 * 3 * 4", "5*3*2", "snake_case_name", "Regards\n- Zoe", "** no **", "a < b && c", "1. only one", "***", ""])
    assert.equal(htmlOf(text), null, text);
});

test("Markdown cannot become other HTML", () => {
  const html = htmlOf('**<img src=x onerror=alert(1)>** [x](javascript:alert(1)) [y](https://a"onclick="b)');
  assert.equal(/<(?!\/?(?:strong|a)\b)/.test(html), false, html);
  assert.equal(html.includes("javascript:alert(1)"), true);
  assert.equal(/<a [^>]*javascript/.test(html), false);
  assert.equal(html.includes('"onclick'), false, html);
});

test("a message can be edited as Markdown again", () => {
  for (const text of ["a **b** c *d* `e`", "Do:\n1. one\n2. two", "- a\n- b", "[x](https://a.example)", "> a\n> b", "x & y **z**"])
    assert.equal(markdownOf({ content: htmlOf(text), contentType: "html" }), text);
  assert.equal(markdownOf({ content: "2 < 3", contentType: "text" }), "2 < 3");
});

test("marks around the selection are added and removed", () => {
  assert.deepEqual(toggleMark("a b c", 2, 3, "**"), { start: 2, end: 3, text: "**b**", selection: [4, 5] });
  assert.deepEqual(toggleMark("a **b** c", 4, 5, "**"), { start: 2, end: 7, text: "b", selection: [2, 3] });
});

function offered() {
  const calls = [];
  const undo = new Undo(() => calls.push("changed"));
  const action = { label: "", ms: 5000, undo: () => calls.push("undo"), finish: () => calls.push("finish") };
  undo.offer(action);
  calls.length = 0;
  return { undo, action, calls };
}

test("an action becomes final when its time is over", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { undo, calls } = offered();
  mock.timers.tick(4999);
  assert.deepEqual(calls, []);
  mock.timers.tick(1);
  mock.timers.reset();
  assert.deepEqual(calls, ["changed", "finish"]);
  undo.undo();
  undo.finish();
  assert.deepEqual(calls, ["changed", "finish"]);
});

test("an undone action does not become final", () => {
  const { undo, calls } = offered();
  undo.undo();
  undo.finish();
  assert.deepEqual(calls, ["changed", "undo"]);
});

test("a newer action makes the older one final", () => {
  const { undo, action, calls } = offered();
  undo.offer({ ...action, finish: () => calls.push("second") });
  assert.deepEqual(calls, ["changed", "finish", "changed"]);
  undo.finish();
  assert.deepEqual(calls.at(-1), "second");
});

test("a failed action is not offered any more", () => {
  const { undo, action, calls } = offered();
  undo.withdraw({ ...action });
  assert.equal(undo.current, action);
  undo.withdraw(action);
  assert.equal(undo.current, null);
  assert.deepEqual(calls, ["changed"]);
});
