// Downloads of tables as CSV. A link could not carry the token.

import type { Credentials } from "../state/session";

export async function download(credentials: Credentials, table: "figures" | "items", query: object): Promise<void> {
  const given = Object.entries(query).map(([name, value]) => [name, String(value)]);
  const response = await fetch(`/api/v1/reports/${table}.csv?${new URLSearchParams(given)}`, {
    headers: { Authorization: `Bearer ${await credentials.token()}` },
  });
  if (!response.ok) throw new Error(`the table was refused with ${response.status}`);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = `${table}.csv`;
  link.click();
  URL.revokeObjectURL(link.href);
}
