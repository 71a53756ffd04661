import type { ErrorReport, Message } from "./contract.js";

export type Attachment = Message["attachments"][number];

/** An uploaded file, as `GET /files/{id}` describes it. `link` is an address to read it that expires. */
export interface StoredFile {
  id: string;
  url: string;
  filename: string;
  size: number;
  state: "uploading" | "scanning" | "ready" | "refused";
  /** Whether it can be shown as an image. */
  isImage: boolean;
  contentType?: string;
  width?: number;
  height?: number;
  /** Why it is not ready. */
  reason?: string;
  link?: string;
  /** An address of a small image that expires with `link`, for an image that is large. */
  thumbnail?: string;
  expiresIn?: number;
}

export interface Server {
  /** The origin of the server. */
  server: string;
  token: () => string | Promise<string>;
  /** The language of the page, in which an upload says what is wrong with it. */
  readonly language?: string;
}

export interface UploadOptions extends Server {
  conversationId: string;
  /** Cancels the upload. */
  signal: AbortSignal;
  /** Called with the part of the file that was sent, from 0 to 1. */
  onProgress?: (part: number) => void;
  /** Called with the reason while the file waits, for instance for a virus scanner. */
  onWait?: (reason: string) => void;
}

export type Upload = (file: File, options: UploadOptions) => Promise<StoredFile>;

const PATH = /^\/files\/[0-9a-f-]{36}$/;
const POLL_MS = 2000;
const EARLY_MS = 60_000;

/** Whether an attachment is an uploaded file, not an address elsewhere. */
export function isStored(url: string): boolean {
  return PATH.test(url);
}

/** A source of tokens that asks `token` only when the last one is about to expire: each request for a file needs one. */
export function untilExpiry(token: Server["token"]): () => Promise<string> {
  let known = "";
  let validUntil = 0;
  return async () => {
    if (Date.now() < validUntil) return known;
    known = await token();
    validUntil = expiryOf(known) * 1000 - EARLY_MS;
    return known;
  };
}

/** The time in seconds at which a token expires, by its own word; 0 if it does not say. */
function expiryOf(token: string): number {
  try {
    const claims = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    return Number((JSON.parse(atob(claims)) as { exp?: unknown }).exp) || 0;
  } catch {
    return 0;
  }
}

/** Load the upload module of the server, `upload.js`, a client of the tus protocol. */
export async function loadUpload(server: string): Promise<Upload> {
  const loaded: { upload: Upload } = await import(/* @vite-ignore */ `${server}/upload.js`);
  return loaded.upload;
}

/**
 * Return the state of an uploaded file, with a new link that expires.
 *
 * @throws `{error: ErrorReport}`.
 */
export async function describeFile(url: string, { server, token }: Server): Promise<StoredFile> {
  const headers = { Accept: "application/json", Authorization: `Bearer ${await token()}` };
  const answer = await fetch(server + url, { headers, credentials: "omit" });
  const body = await answer.json();
  if (!answer.ok) throw { error: { code: body.code, message: body.detail, timestamp: "" } satisfies ErrorReport };
  for (const name of ["link", "thumbnail"]) if (body[name] !== undefined) body[name] = server + body[name];
  return body;
}

/**
 * Open an uploaded file, at an address that is requested now: an image in a new tab, another file as a download. To be
 * called by a click itself: Safari blocks a tab that is opened after a response.
 *
 * @throws as {@link describeFile}.
 */
export async function openFile({ url, contentType }: Attachment, server: Server): Promise<void> {
  const tab = contentType.startsWith("image/") ? window.open("", "_blank") : null;
  if (tab) tab.opener = null;
  const { link = "", isImage } = await describeFile(url, server).catch((failure) => {
    tab?.close();
    throw failure;
  });
  if (!link || !isImage) tab?.close();
  if (!link) return;
  if (!isImage) location.assign(link);
  else if (tab) tab.location.replace(link);
  else window.open(link, "_blank", "noopener");
}

/** The size in CSS pixels at which an image is shown, with at most `most` each way; undefined if its own is unknown. */
export function shownSize(
  { width, height }: Pick<Attachment, "width" | "height">,
  most: number,
): { width: number; height: number } | undefined {
  if (!width || !height) return undefined;
  const scale = Math.min(1, most / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** The attachment that refers to an uploaded file. */
export function attachmentTo({ url, filename, contentType, size }: StoredFile): Attachment {
  return { url, filename, contentType: contentType ?? "application/octet-stream", size };
}

/**
 * Wait until an uploaded file can be sent.
 *
 * @throws `{error: ErrorReport}` if the scanner refuses it.
 */
export async function waitUntilReady(url: string, options: UploadOptions): Promise<StoredFile> {
  for (;;) {
    const file = await describeFile(url, options);
    if (file.state === "ready") return file;
    if (file.state === "refused")
      throw { error: { code: "FORBIDDEN", message: file.reason ?? "", timestamp: "" } satisfies ErrorReport };
    options.onWait?.(file.reason ?? "");
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    options.signal.throwIfAborted();
  }
}

/** Why a file could not be uploaded: the error, and the same in the language of the page, if it is known. */
export interface UploadProblem {
  error: ErrorReport;
  text?: string | undefined;
}

/** A file that is being uploaded, or could not be. */
export interface Item {
  readonly conversationId: string;
  /** Whether it was chosen for a private note. */
  readonly isPrivate: boolean;
  readonly name: string;
  /** The part that was sent, from 0 to 1. */
  part: number;
  /** What it waits for after it was sent. */
  reason?: string;
  error?: ErrorReport;
  /** The error in the language of the page, if it is known. */
  text?: string | undefined;
  readonly controller: AbortController;
}

/** The uploads of a page, by conversation. They continue while another conversation is shown. */
export class Uploads {
  private items: Item[] = [];

  constructor(
    private readonly server: Server,
    private readonly changed: () => void,
    private readonly onReady: (conversationId: string, file: StoredFile, isPrivate: boolean) => void,
  ) {}

  of(conversationId: string | undefined): Item[] {
    return this.items.filter((item) => item.conversationId === conversationId);
  }

  add(conversationId: string, files: Iterable<File>, { isPrivate = false } = {}): void {
    for (const file of files) void this.upload(conversationId, file, isPrivate);
  }

  /** Cancel an upload, or remove one that has failed. */
  cancel(item: Item): void {
    item.controller.abort();
    this.items = this.items.filter((other) => other !== item);
    this.changed();
  }

  /** Cancel all uploads: they belong to a person who has signed out. */
  cancelAll(): void {
    for (const item of this.items) this.cancel(item);
  }

  private async upload(conversationId: string, file: File, isPrivate: boolean): Promise<void> {
    const item: Item = { conversationId, isPrivate, name: file.name, part: 0, controller: new AbortController() };
    const change = (more: Partial<Item>) => {
      Object.assign(item, more);
      this.changed();
    };
    this.items.push(item);
    this.changed();
    try {
      const upload = await loadUpload(this.server.server);
      item.controller.signal.throwIfAborted();
      const stored = await upload(file, {
        ...this.server,
        conversationId,
        signal: item.controller.signal,
        onProgress: (part) => change({ part }),
        onWait: (reason) => change({ part: 1, reason }),
      });
      item.controller.signal.throwIfAborted();
      this.cancel(item);
      this.onReady(conversationId, stored, isPrivate);
    } catch (failure) {
      const unknown: ErrorReport = { code: "UNAVAILABLE", message: "The server does not answer", timestamp: "" };
      const { error = unknown, text } = failure as Partial<UploadProblem>;
      if (!item.controller.signal.aborted) change({ error, text });
    }
  }
}

/** The files that a paste or a drop contains; none for one of text. */
export function filesOf(data: DataTransfer | null): File[] {
  return [...(data?.files ?? [])];
}
