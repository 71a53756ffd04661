// Files: chosen by button, paste or drop, uploaded with their progress, and shown in messages.

import {
  attachmentTo,
  describeFile,
  filesOf,
  type Item,
  isStored,
  openFile,
  type StoredFile,
  shownSize,
  Uploads,
} from "@hummdesk/client/files";
import { language, t } from "@hummdesk/texts";
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { explain } from "./components/error-text";
import { Icon } from "./components/icon";
import { IconButton } from "./components/icon-button";
import { Link } from "./components/message-content";
import { useChanges, useComposition, useStore } from "./state/context";
import type { Store } from "./state/store";
import type { Attachment } from "./types";

const MOST_ATTACHED = 10;
const RENEWAL_MS = 10_000;
// The largest side of an image in a message, in CSS pixels.
const MOST_SHOWN = 320;

const uploads = new WeakMap<Store, Uploads>();

function uploadsOf(store: Store): Uploads {
  const known = uploads.get(store);
  if (known) return known;
  const created = new Uploads(serverOf(store), store.changed, (conversationId, file, isNote) =>
    store.compositions.attach(conversationId, isNote, attachmentTo(file)),
  );
  store.ended.addEventListener("abort", () => created.cancelAll());
  uploads.set(store, created);
  return created;
}

function serverOf({ credentials }: Store) {
  return {
    server: location.origin,
    token: credentials.token,
    get language() {
      return language;
    },
  };
}

// The uploads for the reply or the note that is shown.
function shownUploads(store: Store, conversationId: string): Item[] {
  const { isNote } = store.compositionOf(conversationId);
  return uploadsOf(store)
    .of(conversationId)
    .filter((item) => item.isPrivate === isNote);
}

// Whether the reply or the note that is shown waits for a file.
export function isUploading(store: Store, conversationId: string): boolean {
  return shownUploads(store, conversationId).some((item) => !item.error);
}

// Upload files for the reply or the note that is shown, as many as a message can have.
export function uploadTo(store: Store, conversationId: string, files: File[]): void {
  const { isNote, attachments } = store.compositionOf(conversationId);
  const free = MOST_ATTACHED - attachments.length - shownUploads(store, conversationId).length;
  uploadsOf(store).add(conversationId, files.slice(0, Math.max(0, free)), { isPrivate: isNote });
}

// Attributes of an element that takes files by paste and drop.
export function fileTarget(store: Store, conversationId: string) {
  const take = (event: Event, data: DataTransfer | null) => {
    const files = filesOf(data);
    if (files.length === 0) return;
    event.preventDefault();
    uploadTo(store, conversationId, files);
  };
  return {
    onPaste: (event: ClipboardEvent) => take(event, event.clipboardData),
    onDrop: (event: DragEvent) => take(event, event.dataTransfer),
    onDragOver: (event: DragEvent) => {
      if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
    },
  };
}

export function AttachFile({ conversationId }: { conversationId: string }) {
  const store = useStore();
  const field = useRef<HTMLInputElement>(null);
  return (
    <>
      <IconButton icon="file" label={t("console.files.attach")} onClick={() => field.current?.click()} />
      <input
        ref={field}
        type="file"
        multiple
        hidden
        onChange={({ currentTarget }) => {
          uploadTo(store, conversationId, [...(currentTarget.files ?? [])]);
          currentTarget.value = "";
        }}
      />
    </>
  );
}

export function UploadList({ conversationId }: { conversationId: string }) {
  const store = useStore();
  useChanges(store);
  useComposition(conversationId);
  const items = shownUploads(store, conversationId);
  if (items.length === 0) return null;
  return (
    <ul class="plain attachments">
      {items.map((item, n) => (
        <UploadRow key={n} item={item} cancel={() => uploadsOf(store).cancel(item)} />
      ))}
    </ul>
  );
}

function UploadRow({ item, cancel }: { item: Item; cancel: () => void }) {
  const { name, part, reason, error, text } = item;
  return (
    <li class="attachment">
      <Icon name={error ? "warn" : "file"} /> <bdi>{name}</bdi>
      {error ? (
        <small role="alert">{text ?? explain(error)}</small>
      ) : reason ? (
        <small role="status">{reason}</small>
      ) : (
        <progress value={part} aria-label={t("console.files.progress", { filename: name })} />
      )}
      <IconButton icon="close" label={t("console.files.cancel", { filename: name })} onClick={cancel} />
    </li>
  );
}

// An attachment of a message: an image inline, other files as links. The address that expires is requested when it is
// needed.
export function AttachmentLink({ file }: { file: Attachment }) {
  const isImage = isStored(file.url) && file.contentType.startsWith("image/");
  return isImage ? <Picture file={file} /> : <FileLink file={file}>{file.filename}</FileLink>;
}

function FileLink({ file, children }: { file: Attachment; children: ComponentChildren }) {
  const open = useOpening(file);
  if (!isStored(file.url)) return <Link href={file.url}>{children}</Link>;
  return (
    <a href={file.url} onClick={open}>
      <bdi>{children}</bdi>
    </a>
  );
}

// A listener that opens a file, at a new address: those that were requested before may have expired.
function useOpening(file: Attachment) {
  const store = useStore();
  return (event: Event) => {
    event.preventDefault();
    void openFile(file, serverOf(store)).catch(refusedTo(store));
  };
}

function refusedTo(store: Store) {
  return (failure: { error?: { code: string; message: string } }) => {
    store.showToast(explain(failure.error ?? { code: "UNAVAILABLE", message: t("common.noResponse") }));
  };
}

// An image, small, which opens the whole one. Its space is reserved before it is loaded.
function Picture({ file }: { file: Attachment }) {
  const store = useStore();
  const open = useOpening(file);
  const [found, setFound] = useState<StoredFile | null | undefined>(undefined);
  const requestedAt = useRef(0);
  const load = () => {
    if (Date.now() - requestedAt.current < RENEWAL_MS) return setFound(null);
    requestedAt.current = Date.now();
    describeFile(file.url, serverOf(store)).then(setFound, () => setFound(null));
  };
  useEffect(load, [file.url]);
  const space = shownSize(found ?? file, MOST_SHOWN);
  const link = found?.isImage ? found.link : undefined;
  if (!space || (found !== undefined && !link)) return <FileLink file={file}>{file.filename}</FileLink>;
  const style = { width: `${space.width}px`, aspectRatio: `${space.width} / ${space.height}` };
  if (!link) return <span class="picture" style={style} />;
  return (
    <a class="picture" style={style} href={link} onClick={open}>
      <img src={found?.thumbnail ?? link} alt={file.filename} loading="lazy" onError={load} />
    </a>
  );
}
