// A third-party front end, compiled against the built package and run.
import {
  Desk,
  DeskClient,
  type Letter,
  type Message,
  nodesOf,
  type PendingMessage,
  plain,
  Refused,
  RequestError,
  type State,
} from "@hummdesk/client";
import { etagOf, type KeyPage, NoResponseError, ProblemError, RestClient } from "@hummdesk/client/rest";

export function open(token: string): DeskClient {
  const client = new DeskClient({ url: "https://desk.example", token: async () => token });
  client.on("message", ({ seq, senderName, content }) => console.log(seq.toFixed(), senderName, content));
  client.on("state", (state: State) => console.log(state));
  // @ts-expect-error: no event has this name
  client.on("mesage", () => undefined);
  return client;
}

export async function reply(client: DeskClient, conversationId: string, content: string): Promise<PendingMessage> {
  const { history, joined } = await client.join(conversationId);
  const first: Message | undefined = history.messages[0];
  // @ts-expect-error: no such status
  if (joined.conversation.status === "asleep") return client.outbox.write({ conversationId, content: first?.content ?? "" });
  // @ts-expect-error: a message has content
  client.outbox.write({ conversationId });
  return client.outbox.write({ conversationId, content });
}

// Deprecated names still compile.
export async function replyByOldNames(desk: Desk, conversationId: string): Promise<readonly Letter[]> {
  await desk.ask("get_messages", { conversationId });
  for (const letter of desk.outbox.letters) desk.outbox.again(letter);
  return desk.outbox.letters;
}

// The REST API.
export async function listKeys(client: RestClient): Promise<string[]> {
  const page: KeyPage = await client.listKeys({ limit: 10 });
  // @ts-expect-error: a limit is a number
  await client.listKeys({ limit: "10" });
  // @ts-expect-error: a key has a scope
  await client.createKey({ name: "shop" });
  const names = page.keys.map(({ name, lastUsedAt }) => `${name} ${lastUsedAt ?? etagOf(page)}`);
  for await (const { name } of client.allKeys()) names.push(name);
  return names;
}

// Message content as HTML source, so that it can be compared.
const html = (content: string, contentType: Message["contentType"]) =>
  nodesOf<string>({ content, contentType }, (tag, { href }, ...parts) => `[${tag} ${href ?? ""}: ${parts.join("")}]`).join("");

function expect<Value>(value: Value, expected: Value): void {
  if (value !== expected) throw new Error(`${value}, not ${expected}`);
}

expect(html("<b>not bold</b> &amp;", "text"), "<b>not bold</b> &amp;");
expect(html("See https://a.example/x?y=1.", "text"), "See [a https://a.example/x?y=1: https://a.example/x?y=1].");
expect(html("javascript:alert(1)", "text"), "javascript:alert(1)");
expect(html("<B>bold</b> &lt;i&gt; &amp;lt;", "html"), "[b : bold] <i> &lt;");
expect(html('<a href="javascript:alert(1)">here</a>', "html"), "here");
expect(html('<a href="https://a.example/?x=1&amp;y=2">here</a>', "html"), "[a https://a.example/?x=1&y=2: here]");
expect(html("<script>alert(1)</script><img src=x onerror=alert(1)>", "html"), "<script>alert(1)</script><img src=x onerror=alert(1)>");
expect(html("<ul><li>one<li>two</ul></p> end", "html"), "[ul : [li : one[li : two]]] end");
expect(html("one<br>two <", "html"), "one[br : ]two <");
expect(plain({ content: "<p>one</p><p>two\n &amp; three</p>", contentType: "html" }), "one two & three");
expect(new RequestError({ code: "UNAVAILABLE", message: "", timestamp: "" }).isTransient, true);
expect(new RequestError({ code: "CONFLICT", message: "", timestamp: "" }) instanceof Refused, true);
expect<unknown>(Desk, DeskClient);
const gone = { type: "about:blank", title: "Not found", status: 404, code: "NOT_FOUND", detail: "Not found" };
expect(new ProblemError(gone).isTransient, false);
expect<unknown>(new NoResponseError() instanceof ProblemError, false);
console.log("done");
