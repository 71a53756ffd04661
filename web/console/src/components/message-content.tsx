// Content that users wrote, rendered as text and elements. No string is interpreted as HTML.

import { linkTo, type Message, nodesOf } from "@hummdesk/client";
import { type ComponentChildren, createElement, type VNode } from "preact";

export const ERASED_TEXT = "This message was erased";

export function MessageContent({ message }: { message: Pick<Message, "content" | "contentType" | "erased"> }) {
  if (message.erased) return <em>{ERASED_TEXT}</em>;
  return <>{nodesOf<VNode>(message, createElement)}</>;
}

export function Link({ href, children }: { href: string; children: ComponentChildren }) {
  const attributes = linkTo(href);
  return attributes.href ? <a {...attributes}>{children}</a> : children;
}
