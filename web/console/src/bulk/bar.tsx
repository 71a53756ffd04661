// The actions for the selected conversations.

import { t } from "@hummdesk/texts";
import { Icon } from "../components/icon";
import { IconButton } from "../components/icon-button";
import { type Choice, Menu } from "../components/menu";
import { LabelDot } from "../label-chips";
import { snoozeTimes } from "../snooze";
import { useStore } from "../state/context";
import type { Store } from "../state/store";
import "./bar.css";

export function BulkBar() {
  const store = useStore();
  const { selection } = store;
  const count = selection.selected.length;
  if (count === 0) return null;
  return (
    <fieldset class="bulk-bar" aria-label={t("extras.bulk.label")}>
      <strong role="status">{t("extras.bulk.count", { count })}</strong>
      <Menu class="pill" label={t("extras.bulk.assign")} choices={assignees(store)}>
        <Icon name="person" />
      </Menu>
      {store.inbox.activeLabels.length > 0 && (
        <Menu class="pill" label={t("extras.bulk.labels")} choices={labels(store)}>
          {t("console.label.menu")}
        </Menu>
      )}
      <Menu class="pill" label={t("extras.bulk.snooze")} choices={snoozes(store)}>
        <Icon name="clock" />
      </Menu>
      <button type="button" class="pill" onClick={() => void selection.apply({ status: "closed" })}>
        {t("extras.bulk.close")}
      </button>
      <IconButton icon="close" label={t("console.bulk.clear")} onClick={() => selection.clear()} />
    </fieldset>
  );
}

function assignees({ agents, me, selection }: Store): Choice[] {
  const all = [...agents.values()].sort((a, b) => a.name.localeCompare(b.name));
  const choices = all.map(({ agentId, name, status }) => ({
    label: agentId === me?.userId ? t("console.conversation.you", { name }) : name,
    detail: t(`common.presence.${status}`),
    choose: () => void selection.apply({ assignedTo: agentId }),
  }));
  return [
    ...choices,
    { label: t("console.conversation.unassign"), choose: () => void selection.apply({ assignedTo: null }) },
  ];
}

// A label that all of them have is taken off, any other is put on.
function labels({ inbox, selection }: Store): Choice[] {
  const { selected } = selection;
  return inbox.activeLabels.map(({ labelId, name, color }) => {
    const isOnAll = selected.every(({ labelIds = [] }) => labelIds.includes(labelId));
    return {
      label: name,
      isChosen: isOnAll,
      mark: <LabelDot color={color} />,
      choose: () => void selection.apply(isOnAll ? { removeLabels: [labelId] } : { addLabels: [labelId] }),
    };
  });
}

function snoozes({ selection }: Store): Choice[] {
  const choose = (until: Date | null) => () =>
    void selection.apply({ snoozedUntil: until === null ? null : until.toISOString() });
  return [
    ...snoozeTimes().map(({ time, ...choice }) => ({ ...choice, choose: choose(time) })),
    { label: t("console.snooze.reply"), choose: choose(null) },
  ];
}
