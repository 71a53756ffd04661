// Content that users wrote, rendered as text and elements. No string is interpreted as HTML.

import { linkTo, type Message, nodesOf } from "@hummdesk/client";
import { t } from "@hummdesk/texts";
import { type ComponentChildren, createElement, type VNode } from "preact";

export function MessageContent({
  message,
}: {
  message: Pick<Message, "content" | "contentType" | "erased" | "withdrawn">;
}) {
  if (message.erased) return <em>{t(message.withdrawn ? "common.withdrawn" : "common.erased")}</em>;
  return <>{nodesOf<VNode>(message, createElement)}</>;
}

export function Link({ href, children }: { href: string; children: ComponentChildren }) {
  const attributes = linkTo(href);
  return attributes.href ? <a {...attributes}>{children}</a> : children;
}
