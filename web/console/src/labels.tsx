// Status, priority and assignee of a conversation.

import { words } from "./format";
import { useStore } from "./state/context";
import type { Conversation } from "./types";

export function Labels({ one }: { one: Conversation }) {
  const store = useStore();
  return (
    <>
      <span class={`mark status-${one.status}`}>{words(one.status)}</span>
      {(one.priority === "urgent" || one.priority === "high") && (
        <span class={`mark priority-${one.priority}`}>{words(one.priority)}</span>
      )}
      <span class="mark-quiet">{one.assignedTo ? store.nameOf(one.assignedTo) : "Unassigned"}</span>
    </>
  );
}
