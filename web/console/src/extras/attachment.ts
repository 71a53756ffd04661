// A file elsewhere that is attached by its address.

import type { Attachment } from "../types";

const CONTENT_TYPES: Record<string, string> = {
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

// The attachment that a URL refers to; null if it is not an http or https URL.
export function attachmentOf(address: string): Attachment | null {
  let url: URL;
  try {
    url = new URL(address.trim());
  } catch {
    return null;
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") return null;
  const filename = decode(url.pathname.split("/").filter(Boolean).at(-1) ?? url.hostname).slice(0, 255);
  const contentType = CONTENT_TYPES[filename.split(".").at(-1)?.toLowerCase() ?? ""] ?? "application/octet-stream";
  return { url: url.href, filename, contentType, size: 0 };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
