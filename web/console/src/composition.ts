// What is being written in a conversation, kept when another one is looked at.

import type { Attachment } from "./types";

export interface Composition {
  text: string;
  isNote: boolean;
  attachments: Attachment[];
  // Of the draft that it began with.
  basedOnSeq?: number;
}

export const EMPTY: Composition = { text: "", isNote: false, attachments: [] };

const TYPES: Record<string, string> = {
  csv: "text/csv",
  gif: "image/gif",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  pdf: "application/pdf",
  png: "image/png",
  txt: "text/plain",
  webp: "image/webp",
  zip: "application/zip",
};

// null for what is no web address.
export function attachmentOf(address: string): Attachment | null {
  let url: URL;
  try {
    url = new URL(address.trim());
  } catch {
    return null;
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") return null;
  const filename = decoded(url.pathname.split("/").filter(Boolean).at(-1) ?? url.hostname).slice(0, 255);
  const contentType = TYPES[filename.split(".").at(-1)?.toLowerCase() ?? ""] ?? "application/octet-stream";
  return { url: url.href, filename, contentType, size: 0 };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
