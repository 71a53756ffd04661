// The photo of an agent: chosen from a file, made small in the browser, and square by the server.

import { t } from "@hummdesk/texts";
import { useRef, useState } from "preact/hooks";
import { Avatar } from "../components/avatar";
import { Dialog } from "../components/dialog";
import { explain } from "../components/error-text";
import { useChanges, useStore } from "../state/context";
import type { Store } from "../state/store";
import "./photo.css";

// Pixels of the larger side of what is sent.
const SENT = 512;

export function PhotoDialog({ close }: { close: () => void }) {
  const { ownAgent } = useStore();
  if (!ownAgent) return null;
  return (
    <Dialog label={t("console.photo.title")} close={close} class="photo-dialog">
      <p>{t("extras.photo.lead")}</p>
      <PhotoForm userId={ownAgent.agentId} name={ownAgent.name} />
      <button type="button" class="secondary" onClick={close}>
        {t("common.close")}
      </button>
    </Dialog>
  );
}

export function PhotoForm({ userId, name }: { userId: string; name: string }) {
  const store = useStore();
  useChanges(store);
  const field = useRef<HTMLInputElement>(null);
  const [isBusy, setBusy] = useState(false);
  const photo = store.agents.get(userId)?.photo;
  const change = async (file: File | undefined) => {
    setBusy(true);
    await replace(store, userId, file);
    await store.loadAgents();
    setBusy(false);
  };
  return (
    <div class="photo-form">
      <Avatar name={name} photo={photo} />
      <button type="button" class="secondary" disabled={isBusy} onClick={() => field.current?.click()}>
        {t("extras.photo.choose")}
      </button>
      <input
        ref={field}
        type="file"
        accept="image/png,image/jpeg,image/gif,image/webp"
        aria-label={t("console.photo.title")}
        hidden
        onChange={({ currentTarget }) => {
          const [file] = currentTarget.files ?? [];
          if (file) void change(file);
          currentTarget.value = "";
        }}
      />
      {photo && (
        <button type="button" class="quiet" disabled={isBusy} onClick={() => void change(undefined)}>
          {t("extras.photo.remove")}
        </button>
      )}
    </div>
  );
}

// Send a photo, or delete it without a file. A refusal is shown.
async function replace(store: Store, userId: string, file: File | undefined): Promise<void> {
  try {
    const headers = { Authorization: `Bearer ${await store.credentials.token()}` };
    const body = file ? await small(file) : null;
    const answer = await fetch(`/photos/${userId}`, { method: file ? "PUT" : "DELETE", headers, body });
    if (answer.ok) return;
    const { code, detail } = await answer.json();
    store.showToast(explain({ code, message: detail }));
  } catch {
    store.showToast(t("common.noResponse"));
  }
}

// The image, upright and small; the file itself if the browser cannot read it, which the server explains.
async function small(file: File): Promise<Blob> {
  try {
    const image = await createImageBitmap(file);
    const scale = Math.min(1, SENT / Math.max(image.width, image.height));
    const canvas = new OffscreenCanvas(Math.ceil(image.width * scale), Math.ceil(image.height * scale));
    canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await canvas.convertToBlob({ type: "image/png" });
  } catch {
    return file;
  }
}
