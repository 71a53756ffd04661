import { linkTo } from "@hummdesk/client";
import {
  type Attachment,
  attachmentTo,
  describeFile,
  filesOf,
  isStored,
  openFile,
  type StoredFile,
  shownSize,
  Uploads,
} from "@hummdesk/client/files";
import { t } from "@hummdesk/texts";
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Chat } from "./chat.js";
import { CROSS, Drawing } from "./drawing.js";
import { explain } from "./notices.js";

const CLIP = "M19 11l-7.5 7.5a4.5 4.5 0 0 1-6.4-6.4L13 4.3a3 3 0 0 1 4.2 4.2l-7.7 7.8a1.5 1.5 0 0 1-2.2-2.2L14.5 7";
const AGAIN_MS = 10_000;
const MOST_SHOWN = 240;

/** The uploads of the visitor. Each file is sent as a message when it has arrived. */
export class ChatFiles {
  readonly uploads: Uploads;

  constructor(chat: Chat) {
    this.uploads = new Uploads(
      chat.server,
      () => chat.changed(),
      (conversationId, file) => chat.sendFile(conversationId, attachmentTo(file)),
    );
  }

  /** Files that were chosen before the chat was connected, or the conversation had started. */
  waiting: File[] = [];

  /** Upload what waits. */
  start(conversationId: string): void {
    this.uploads.add(conversationId, this.waiting.splice(0));
  }
}

/** Upload what is pasted into the field, if it is a file. */
export function onPaste(chat: Chat) {
  return (event: ClipboardEvent) => {
    const files = filesOf(event.clipboardData);
    if (files.length === 0) return;
    event.preventDefault();
    chat.attach(files);
  };
}

export function AttachButton({ chat }: { chat: Chat }) {
  const field = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" class="plain attach" aria-label={t("widget.attach")} onClick={() => field.current?.click()}>
        <Drawing path={CLIP} />
      </button>
      <input
        ref={field}
        type="file"
        multiple
        hidden
        onChange={({ currentTarget }) => {
          chat.attach([...(currentTarget.files ?? [])]);
          currentTarget.value = "";
        }}
      />
    </>
  );
}

export function UploadList({ chat }: { chat: Chat }) {
  const items = chat.files.uploads.of(chat.conversationId);
  const { waiting } = chat.files;
  if (items.length + waiting.length === 0) return null;
  return (
    <ul class="uploads">
      {waiting.map(({ name }, n) => (
        <li key={`waiting ${n}`}>
          <bdi>{name}</bdi> <small>{t("widget.waiting")}</small>
        </li>
      ))}
      {items.map((item, n) => (
        <li key={n}>
          <bdi>{item.name}</bdi>
          {item.error ? (
            <small role="alert">{item.text ?? explain(item.error)}</small>
          ) : item.reason ? (
            <small role="status">{item.reason}</small>
          ) : (
            <progress value={item.part} aria-label={t("widget.uploading", { filename: item.name })} />
          )}
          <button
            type="button"
            class="plain"
            aria-label={t("widget.cancelUpload", { filename: item.name })}
            onClick={() => chat.files.uploads.cancel(item)}
          >
            <Drawing path={CROSS} />
          </button>
        </li>
      ))}
    </ul>
  );
}

/** A link to an attachment, or the image that it is. The address of an uploaded file is requested when it is needed. */
export function FileView({ chat, file, children }: { chat: Chat; file: Attachment; children: ComponentChildren }) {
  const [found, setFound] = useState<StoredFile | null | undefined>();
  const requestedAt = useRef(0);
  const isPicture = isStored(file.url) && file.contentType.startsWith("image/");
  const load = () => {
    if (Date.now() - requestedAt.current < AGAIN_MS) return setFound(null);
    requestedAt.current = Date.now();
    describeFile(file.url, chat.server).then(setFound, () => setFound(null));
  };
  useEffect(() => {
    if (isPicture) load();
  }, [file.url]);
  if (!isStored(file.url)) return <a {...linkTo(file.url)}>{children}</a>;
  const open = (event: Event) => {
    event.preventDefault();
    openFile(file, chat.server).catch(() => undefined);
  };
  const space = isPicture && shownSize(found ?? file, MOST_SHOWN);
  const link = found?.isImage ? found.link : undefined;
  if (space && (found === undefined || link)) {
    const style = { width: `${space.width}px`, aspectRatio: `${space.width} / ${space.height}` };
    if (!link) return <span class="picture" style={style} />;
    return (
      <a class="picture" style={style} href={link} onClick={open}>
        <img src={found?.thumbnail ?? link} alt={file.filename} onError={load} />
      </a>
    );
  }
  return (
    <a href={chat.server.server + file.url} onClick={open}>
      {children}
    </a>
  );
}
