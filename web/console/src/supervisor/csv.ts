// Downloads of tables as CSV. A link could not carry the token.

import type { Credentials } from "../state/session";

export const MOST_TABLES = 100;

// Save the table of all pages, at most MOST_TABLES. Returns whether these are all.
export async function download(credentials: Credentials, table: "figures" | "items", query: object): Promise<boolean> {
  const given = Object.entries(query).map(([name, value]) => [name, String(value)]);
  const pages: string[] = [];
  let next: string | null = `/api/v1/reports/${table}.csv?${new URLSearchParams(given)}`;
  while (next && pages.length < MOST_TABLES) {
    const response: Response = await fetch(next, {
      headers: { Authorization: `Bearer ${await credentials.token()}` },
    });
    if (!response.ok) throw new Error(`the table was refused with ${response.status}`);
    const text = await response.text();
    pages.push(pages.length === 0 ? text : text.slice(text.indexOf("\n") + 1)); // the header is repeated
    next = nextOf(response);
  }
  save(`${table}.csv`, new Blob(pages, { type: "text/csv" }));
  return next === null;
}

// The address of the next page.
function nextOf({ headers, url }: Response): string | null {
  const [, address] = /<([^>]*)>; rel="next"/.exec(headers.get("Link") ?? "") ?? [];
  return address ? new URL(address, url).href : null;
}

function save(name: string, content: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
