// Editing and withdrawing one's own messages, for a limited time.

import { t } from "@hummdesk/texts";
import { useEffect, useRef, useState } from "preact/hooks";
import { Menu } from "./components/menu";
import { MessageEditor, Withdrawal } from "./extras-loader";
import { useStore } from "./state/context";
import type { Store } from "./state/store";
import type { Message } from "./types";

export function OwnMessage({ message }: { message: Message }) {
  const store = useStore();
  const [mode, setMode] = useState<"edit" | "withdraw" | null>(null);
  const menu = useRef<HTMLDivElement>(null);
  const hasClosed = useRef(false);
  useEffect(() => {
    if (mode === null && hasClosed.current) menu.current?.querySelector("button")?.focus();
  }, [mode]);
  const close = () => {
    hasClosed.current = true;
    setMode(null);
  };
  if (message.erased) return null;
  if (mode === "edit") return <MessageEditor message={message} close={close} />;
  if (mode === "withdraw") return <Withdrawal message={message} close={close} />;
  if (!isChangeable(store, message)) return null;
  const choose = (chosen: "edit" | "withdraw") => {
    if (isChangeable(store, message)) setMode(chosen);
    else store.showToast(t("console.message.tooLate", { minutes: store.inbox.messageChangeSeconds / 60 }));
  };
  return (
    <div class="message-menu" ref={menu}>
      <Menu
        class="icon-button"
        label={t("console.message.change")}
        choices={[
          { label: t("console.message.edit"), choose: () => choose("edit") },
          { label: t("console.message.withdraw"), choose: () => choose("withdraw") },
        ]}
      >
        <span aria-hidden="true">⋯</span>
      </Menu>
    </div>
  );
}

function isChangeable(store: Store, { timestamp }: Message): boolean {
  return store.canReply && Date.now() - Date.parse(timestamp) < store.inbox.messageChangeSeconds * 1000;
}
