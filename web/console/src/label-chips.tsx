// The labels of a conversation, and the menu that changes them.

import { t } from "@hummdesk/texts";
import { Icon } from "./components/icon";
import { Menu } from "./components/menu";
import { useStore } from "./state/context";
import type { Label } from "./state/inbox";
import type { Store } from "./state/store";
import type { Conversation } from "./types";

export function LabelDot({ color }: { color: string }) {
  return <span class="label-dot" style={{ background: color }} aria-hidden="true" />;
}

export function LabelChips({ one }: { one: Conversation }) {
  const { inbox } = useStore();
  return (
    <>
      {inbox.of(one.labelIds).map(({ labelId, name, color }) => (
        <span class="mark label-chip" key={labelId}>
          <LabelDot color={color} />
          {name}
        </span>
      ))}
    </>
  );
}

export function LabelMenu({ one }: { one: Conversation }) {
  const store = useStore();
  const labels = store.inbox.activeLabels;
  if (labels.length === 0) return null;
  return (
    <Menu
      class="pill"
      label={t("console.label.change")}
      opensBy="labels"
      choices={labels.map((label) => ({
        label: label.name,
        isChosen: one.labelIds?.includes(label.labelId) ?? false,
        mark: <LabelDot color={label.color} />,
        choose: () => void toggle(store, one, label),
      }))}
    >
      {t("console.label.menu")}
      <Icon name="down" />
    </Menu>
  );
}

function toggle(store: Store, { conversationId, labelIds = [] }: Conversation, { labelId }: Label): Promise<boolean> {
  const change = labelIds.includes(labelId) ? { remove: [labelId] } : { add: [labelId] };
  return store.attempt(async () => {
    const labelled = await store.client.request("label_conversation", { conversationId, ...change });
    store.list.change(conversationId, { labelIds: labelled.labelIds });
  });
}
