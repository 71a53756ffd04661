// The form that attaches a file by its address.

import { t } from "@hummdesk/texts";
import { useEffect, useRef, useState } from "preact/hooks";
import { IconButton } from "../components/icon-button";
import type { Attachment } from "../types";
import { attachmentOf } from "./attachment";

export function AttachLinkForm({ add, close }: { add: (one: Attachment) => void; close: () => void }) {
  const [address, setAddress] = useState("");
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const attachment = attachmentOf(address);
  const attach = () => {
    if (!attachment) return;
    add(attachment);
    close();
  };
  return (
    <span class="attach">
      <input
        ref={field}
        type="url"
        placeholder="https://…"
        aria-label={t("extras.attachLink.address")}
        aria-invalid={address !== "" && !attachment}
        maxLength={2048}
        value={address}
        onInput={(event) => setAddress(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter") attach();
          else if (event.key === "Escape") close();
          else return;
          event.preventDefault();
        }}
      />
      <button type="button" class="quiet" onClick={attach} disabled={!attachment}>
        {t("extras.attachLink.attach")}
      </button>
      <IconButton icon="close" label={t("extras.attachLink.cancel")} onClick={() => close()} />
    </span>
  );
}
