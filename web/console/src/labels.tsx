// Status, priority, labels and assignee of a conversation.

import { t } from "@hummdesk/texts";
import { LabelChips } from "./label-chips";
import { SnoozeMark } from "./snooze";
import { useStore } from "./state/context";
import type { Conversation } from "./types";

// In a list of one status, only another status is shown.
export function Labels({ one, isInList = false }: { one: Conversation; isInList?: boolean }) {
  const store = useStore();
  const isShown = !isInList || store.list.criteria.status !== one.status;
  return (
    <>
      {isShown && <span class={`mark status-${one.status}`}>{t(`common.status.${one.status}`)}</span>}
      {(one.priority === "urgent" || one.priority === "high") && (
        <span class={`mark priority-${one.priority}`}>{t(`common.priority.${one.priority}`)}</span>
      )}
      <LabelChips one={one} />
      <SnoozeMark one={one} />
      <span class="mark-quiet">{store.nameOf(one.assignedTo)}</span>
    </>
  );
}
