// Somebody else's front end, compiled against the built package as it is, and run.
import { Desk, type Letter, type Message, nodesOf, plain, Refused, type State } from "@hummdesk/client";

export function open(token: string): Desk {
  const desk = new Desk({ url: "https://desk.example", token: async () => token });
  desk.on("message", ({ seq, senderName, content }) => console.log(seq.toFixed(), senderName, content));
  desk.on("state", (state: State) => console.log(state));
  // @ts-expect-error: it tells nothing of this name
  desk.on("mesage", () => undefined);
  return desk;
}

export async function reply(desk: Desk, conversationId: string, content: string): Promise<Letter> {
  const { history, joined } = await desk.join(conversationId);
  const first: Message | undefined = history.messages[0];
  // @ts-expect-error: there is no such status
  if (joined.conversation.status === "asleep") return desk.outbox.write({ conversationId, content: first?.content ?? "" });
  // @ts-expect-error: a message has content
  desk.outbox.write({ conversationId });
  return desk.outbox.write({ conversationId, content });
}

// What people wrote, as HTML would be written; here it is only looked at.
const shown = (content: string, contentType: Message["contentType"]) =>
  nodesOf<string>({ content, contentType }, (tag, { href }, ...parts) => `[${tag} ${href ?? ""}: ${parts.join("")}]`).join("");

function expect<Value>(value: Value, expected: Value): void {
  if (value !== expected) throw new Error(`${value}, not ${expected}`);
}

expect(shown("<b>not bold</b> &amp;", "text"), "<b>not bold</b> &amp;");
expect(shown("See https://a.example/x?y=1.", "text"), "See [a https://a.example/x?y=1: https://a.example/x?y=1].");
expect(shown("javascript:alert(1)", "text"), "javascript:alert(1)");
expect(shown("<B>bold</b> &lt;i&gt; &amp;lt;", "html"), "[b : bold] <i> &lt;");
expect(shown('<a href="javascript:alert(1)">here</a>', "html"), "here");
expect(shown('<a href="https://a.example/?x=1&amp;y=2">here</a>', "html"), "[a https://a.example/?x=1&y=2: here]");
expect(shown("<script>alert(1)</script><img src=x onerror=alert(1)>", "html"), "<script>alert(1)</script><img src=x onerror=alert(1)>");
expect(shown("<ul><li>one<li>two</ul></p> end", "html"), "[ul : [li : one[li : two]]] end");
expect(shown("one<br>two <", "html"), "one[br : ]two <");
expect(plain({ content: "<p>one</p><p>two\n &amp; three</p>", contentType: "html" }), "one two & three");
expect(new Refused({ code: "UNAVAILABLE", message: "", timestamp: "" }).mayPass, true);
console.log("done");
