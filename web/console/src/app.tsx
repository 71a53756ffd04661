// The console of a signed-in user.

import { type PlainKey, t } from "@hummdesk/texts";
import { useEffect } from "preact/hooks";
import { Icon, type IconName } from "./components/icon";
import { ConversationPane } from "./conversation";
import { Details } from "./details";
import { Help, NotificationSettings, Transfer, Why } from "./extras-loader";
import { lazily, loadAll } from "./lazy";
import { MentionToast } from "./mention-toast";
import { PageLoader } from "./page-loader";
import { Palette } from "./palette";
import { SECTIONS } from "./settings-sections";
import { Sidebar } from "./sidebar";
import { StoreContext, useChanges } from "./state/context";
import type { Notice, Store } from "./state/store";
import { UndoToast } from "./undo-toast";

const NOTICES: Record<Exclude<Notice, null>, [IconName, PlainKey]> = {
  connecting: ["clock", "common.connecting"],
  offline: ["warn", "console.notice.offline"],
  recovered: ["check", "console.notice.recovered"],
  resynchronized: ["check", "console.notice.resynchronized"],
};

const PhotoDialog = lazily(async () => (await import("./photo/photo")).PhotoDialog);
const ViewEditor = lazily(async () => (await import("./views/editor")).ViewEditor);

export function App({ store }: { store: Store }) {
  useChanges(store);
  useTitle(store);
  useMarkRead(store);
  useLoading(store);
  return (
    <StoreContext.Provider value={store}>
      <Banner store={store} />
      {store.settings ? (
        <PageLoader key="settings" store={store} name="settings" path={store.settings} />
      ) : store.supervisor ? (
        <PageLoader key="supervisor" store={store} name="supervisor" path={store.supervisor} />
      ) : (
        <div class={`console ${store.openId ? "has-open" : ""}`}>
          <Sidebar />
          <ConversationPane />
          <Details />
        </div>
      )}
      <Toast store={store} />
      {store.overlay === "palette" && <Palette close={() => store.closeOverlay("palette")} />}
      {store.overlay === "transfer" && <Transfer close={() => store.closeOverlay("transfer")} />}
      {store.overlay === "view" && <ViewEditor close={() => store.closeOverlay("view")} />}
      {store.overlay === "why" && <Why close={() => store.closeOverlay("why")} />}
      {store.overlay === "notifications" && <NotificationSettings close={() => store.closeOverlay("notifications")} />}
      {store.overlay === "photo" && <PhotoDialog close={() => store.closeOverlay("photo")} />}
      {store.overlay === "help" && <Help close={() => store.closeOverlay("help")} />}
    </StoreContext.Provider>
  );
}

function Banner({ store }: { store: Store }) {
  const queued = store.client.outbox.pending.filter((message) => !message.refusal).length;
  const [icon, text] = store.notice ? NOTICES[store.notice] : [];
  return (
    <div class={`banner ${store.notice ?? "none"}`} role="status">
      {icon && text && (
        <p>
          <Icon name={icon} /> {t(text)}
          {store.notice === "offline" && (
            <>
              {queued > 0 && <strong> {t("console.notice.queued", { count: queued })}</strong>}
              <button type="button" class="quiet" onClick={store.reconnect}>
                {t("console.notice.reconnect")}
              </button>
            </>
          )}
        </p>
      )}
    </div>
  );
}

function Toast({ store }: { store: Store }) {
  return (
    <div class="toasts" role="status">
      {store.toast && (
        <p class="toast">
          {store.toast}
          <button
            type="button"
            class="icon-button"
            aria-label={t("common.dismiss")}
            onClick={() => store.showToast(null)}
          >
            <Icon name="close" />
          </button>
        </p>
      )}
      <UndoToast />
      <MentionToast />
    </div>
  );
}

function useTitle(store: Store): void {
  const unread = store.ownUnread.count;
  const page = pageName(store);
  useEffect(() => {
    const name = page ? `${page} · HummDesk` : "HummDesk";
    document.title = unread ? `(${unread}) ${name}` : name;
  }, [unread, page]);
}

// The name of the page in the browser's history, which keeps no names of customers.
function pageName({ settings, supervisor }: Store): string | null {
  if (supervisor) return t("console.supervisor.title");
  if (!settings) return null;
  const section = SECTIONS.find((one) => one === settings[0]);
  return t(section ? `console.settings.${section}` : "console.settings.title");
}

// Load what is used now and then after the list, when the browser has nothing else to do, so that it opens at once.
function useLoading({ me, list }: Store): void {
  const isConnected = me !== null;
  useEffect(() => {
    if (isConnected) void list.loaded().then(() => (window.requestIdleCallback ?? setTimeout)(() => void loadAll()));
  }, [isConnected]);
}

// Mark messages that arrived while the tab was hidden as read when it becomes visible, if opening marks as read.
function useMarkRead(store: Store): void {
  useEffect(() => {
    const onVisible = () => store.openId && store.isReadOnView(store.openId) && store.markRead(store.openId);
    document.addEventListener("visibilitychange", onVisible);
    return () => document.removeEventListener("visibilitychange", onVisible);
  }, [store]);
}
