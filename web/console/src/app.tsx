// The console once somebody has signed in.

import { useEffect, useState } from "preact/hooks";
import { Help, Palette, useKeys } from "./commands";
import { ConversationPane } from "./conversation";
import type { Desk, Notice } from "./desk";
import { Details } from "./details";
import { Icon, type IconName } from "./icons";
import { Sidebar } from "./sidebar";
import { DeskContext, useChanges } from "./use";

const NOTICES: Record<Exclude<Notice, null>, [IconName, string]> = {
  connecting: ["clock", "Connecting …"],
  offline: ["warn", "Offline. What you write waits here and is sent when the connection is back."],
  recovered: ["check", "Connection recovered. Nothing was missed."],
  resynchronized: ["check", "Connected again. Everything was brought up to date."],
};

export function App({ desk }: { desk: Desk }) {
  const [above, show] = useState<"palette" | "help" | null>(null);
  useChanges(desk);
  const palette = () => show("palette");
  const help = () => show("help");
  useKeys(desk, palette, help);
  useTitle(desk);
  useReading(desk);
  return (
    <DeskContext.Provider value={desk}>
      <Banner desk={desk} />
      <div class={`console ${desk.openId ? "has-open" : ""}`}>
        <Sidebar palette={palette} help={help} />
        <ConversationPane />
        <Details />
      </div>
      <Toast desk={desk} />
      {above === "palette" && <Palette close={() => show(null)} help={help} />}
      {above === "help" && <Help close={() => show(null)} />}
    </DeskContext.Provider>
  );
}

function Banner({ desk }: { desk: Desk }) {
  const waiting = desk.connection.outbox.letters.filter((letter) => !letter.refusal).length;
  const [icon, text] = desk.notice ? NOTICES[desk.notice] : [null, ""];
  return (
    <div class={`banner ${desk.notice ?? "none"}`} role="status">
      {icon && (
        <p>
          <Icon name={icon} /> {text}
          {desk.notice === "offline" && (
            <>
              {waiting > 0 && <strong> {waiting === 1 ? "1 message waits." : `${waiting} messages wait.`}</strong>}
              <button type="button" class="quiet" onClick={desk.retry}>
                Try now
              </button>
            </>
          )}
        </p>
      )}
    </div>
  );
}

function Toast({ desk }: { desk: Desk }) {
  return (
    <div class="toasts" role="status">
      {desk.toast && (
        <p class="toast">
          {desk.toast}
          <button type="button" class="icon-button" aria-label="Dismiss" onClick={() => desk.tell(null)}>
            <Icon name="close" />
          </button>
        </p>
      )}
    </div>
  );
}

function useTitle(desk: Desk): void {
  const unread = [...desk.list.known.values()].filter((one) => one.unreadCount > 0).length;
  useEffect(() => {
    document.title = unread ? `(${unread}) HummDesk` : "HummDesk";
  }, [unread]);
}

// What came while the tab was in the background is read when one comes back to it.
function useReading(desk: Desk): void {
  useEffect(() => {
    const look = () => desk.openId && desk.list.known.get(desk.openId)?.unreadCount && desk.markRead(desk.openId);
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, [desk]);
}
