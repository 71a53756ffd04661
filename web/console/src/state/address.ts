// The address of the page: a conversation at /c/ID, a page of the settings at /settings/PAGE, the supervisor's pages at
// /supervisor, else the inbox.

export interface Address {
  conversationId: string | null;
  // The parts of the path after /settings; null outside of the settings.
  settings: string[] | null;
  // The same of /supervisor.
  supervisor: string[] | null;
}

export function readAddress(): Address {
  const [first, ...rest] = location.pathname.split("/").filter(Boolean).map(decodeURIComponent);
  return {
    conversationId: first === "c" ? (rest[0] ?? null) : null,
    settings: first === "settings" ? rest : null,
    supervisor: first === "supervisor" ? rest : null,
  };
}

export function supervisorPath(...parts: string[]): string {
  return ["/supervisor", ...parts].join("/");
}

export function conversationPath(conversationId: string | null): string {
  return conversationId ? `/c/${conversationId}` : "/";
}
