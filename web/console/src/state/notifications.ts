// Notifications of a signed-in agent: which events cause one, and in which tab.

import { type DeskClient, plain } from "@hummdesk/client";
import { t } from "@hummdesk/texts";
import type { Conversation, Message } from "../types";
import { claim } from "./alert-claims";
import { type Choices, parseChoices, type Rule, ruleOf, type Signal } from "./notification-rules";
import { restOf } from "./rest";
import { allowDesktop, markIcon, playSound, showDesktop } from "./signals";
import type { Store } from "./store";

const KEY = "hummdesk.notifications";
// A tab in the background waits so long, so that one that shows the conversation decides first.
const BACKGROUND_MS = 300;
const LONGEST_BODY = 140;
const MOST_OWN = 100;

interface Alert {
  id: string;
  rule: Rule;
  conversationId: string;
  title: string;
  body: string;
}

export class Notifications {
  choices: Choices = parseChoices(localStorage.getItem(KEY));
  // The last mention, which the page shows until it is opened or dismissed.
  mention: Alert | null = null;

  // The user's own conversations, also those that the list has not loaded.
  private readonly own = new Set<string>();

  constructor(private readonly store: Store) {
    this.listen(store.client);
    markIcon(false);
    document.addEventListener("visibilitychange", this.onVisible);
    window.addEventListener("storage", this.onStorage);
  }

  end(): void {
    document.removeEventListener("visibilitychange", this.onVisible);
    window.removeEventListener("storage", this.onStorage);
    markIcon(false);
  }

  // Switch a rule or a signal. Notifications of the desktop need a permission of the browser.
  async choose(name: Rule | Signal, isOn: boolean): Promise<void> {
    const isAllowed = name !== "desktop" || !isOn || (await allowDesktop());
    this.choices = { ...this.choices, [name]: isOn && isAllowed };
    localStorage.setItem(KEY, JSON.stringify(this.choices));
    if (!isAllowed) this.store.showToast(t("console.notifications.blocked"));
    this.store.changed();
  }

  dismissMention(): void {
    this.mention = null;
    this.store.changed();
  }

  private listen(client: DeskClient): void {
    client.on("state", (state) => {
      if (state === "online" || state === "resynchronized") void this.loadOwn(client);
    });
    client.on("message", (message) => void this.onMessage(message));
    client.socket.on("mentioned", ({ messageId, conversationId, mentionedByName }) => {
      const title = t("console.notifications.mentioned", { colleague: mentionedByName });
      this.alert({ id: messageId, rule: "mentions", conversationId, title, body: this.customerOf(conversationId) });
    });
    client.socket.on("conversation_unassigned", ({ conversationId }) => this.own.delete(conversationId));
    client.socket.on("conversation_assigned", ({ conversationId, assignedTo, assignedBy, timestamp }) => {
      if (assignedTo === this.userId) this.own.add(conversationId);
      else this.own.delete(conversationId);
      if (assignedTo !== this.userId || assignedBy === this.userId) return;
      const title = t("console.notifications.assigned");
      const id = `${conversationId}/${timestamp}`;
      this.alert({ id, rule: "mine", conversationId, title, body: this.customerOf(conversationId) });
    });
  }

  private async onMessage(message: Message): Promise<void> {
    if (message.senderType !== "customer" || this.userId === "") return;
    const conversation = await this.conversationOf(message.conversationId);
    const rule = conversation && ruleOf(message, conversation, this.userId);
    if (!rule) return;
    const { messageId: id, conversationId, senderName: title } = message;
    this.alert({ id, rule, conversationId, title, body: plain(message).slice(0, LONGEST_BODY) });
  }

  private get userId(): string {
    return this.store.me?.userId ?? "";
  }

  private customerOf(conversationId: string): string {
    return this.store.list.known.get(conversationId)?.customer.name ?? "";
  }

  private async loadOwn(client: DeskClient): Promise<void> {
    try {
      const page = await client.request("list_conversations", { assignedTo: this.userId, limit: MOST_OWN });
      for (const { conversationId } of page.conversations) this.own.add(conversationId);
    } catch {
      // what the list has loaded still counts
    }
  }

  // Who is assigned to a conversation. Only for the unassigned ones is one requested that the list has not loaded.
  private async conversationOf(id: string): Promise<Pick<Conversation, "assignedTo"> | null> {
    const known = this.store.list.known.get(id);
    if (known || this.own.has(id)) return known ?? { assignedTo: this.userId };
    if (!this.choices.unassigned) return null;
    try {
      const { assignedTo } = await (await restOf(this.store.credentials)).getConversation(id);
      return assignedTo === undefined ? {} : { assignedTo };
    } catch {
      return null;
    }
  }

  private alert(alert: Alert): void {
    if (!this.choices[alert.rule]) return;
    const isVisible = document.visibilityState === "visible";
    const isSeen = isVisible && this.store.openId === alert.conversationId;
    if (!isVisible && this.choices.favicon) markIcon(true);
    if (alert.rule === "mentions" && !isSeen) this.mention = alert;
    this.store.changed();
    setTimeout(() => void this.signal(alert, isSeen), isVisible ? 0 : BACKGROUND_MS);
  }

  private async signal(alert: Alert, isSeen: boolean): Promise<void> {
    if (!(await claim(`${this.userId}/${alert.id}`, localStorage)) || isSeen) return;
    if (this.choices.sound) playSound();
    if (this.choices.desktop)
      showDesktop(alert.title, alert.body, alert.id, () => this.store.open(alert.conversationId));
  }

  private onVisible = (): void => {
    if (document.visibilityState === "visible") markIcon(false);
  };

  // Another tab has changed the choices.
  private onStorage = ({ key, newValue }: StorageEvent): void => {
    if (key !== KEY) return;
    this.choices = parseChoices(newValue);
    this.store.changed();
  };
}
