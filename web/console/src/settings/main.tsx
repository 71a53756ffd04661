// The settings of an account, for its admins. Loaded on demand.

import { RestClient } from "@hummdesk/client/rest";
import { t } from "@hummdesk/texts";
import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import { EmptyState } from "../components/empty-state";
import { PageLink } from "../components/page-link";
import { SECTIONS, type Section, settingsPath } from "../settings-sections";
import type { Store } from "../state/store";
import { Account, Ai } from "./account";
import { Audit } from "./audit";
import { Automatic } from "./automatic";
import { Categories } from "./categories";
import { RestContext } from "./context";
import { DraftUse } from "./draft-use";
import { Hours } from "./hours";
import { Keys } from "./keys";
import { Articles, CannedReplies } from "./knowledge";
import { Labels } from "./labels";
import { People } from "./people";
import { Routing } from "./routing";
import { SignIn } from "./sign-in";
import { SigningKeys } from "./signing-keys";
import { Simulations } from "./simulations";
import { Teams } from "./teams";
import { Webhooks } from "./webhooks";
import { Widget } from "./widget";
import "./settings.css";

// `rest` is the address after the section: the id of a resource, or "new".
type SectionPage = (props: { rest: string[] }) => VNode;

const PAGES: Record<Section, SectionPage> = {
  people: People,
  teams: Teams,
  routing: Routing,
  knowledge: Articles,
  "canned-replies": CannedReplies,
  ai: Ai,
  simulations: Simulations,
  drafts: DraftUse,
  automatic: Automatic,
  categories: Categories,
  widget: Widget,
  hours: Hours,
  keys: Keys,
  "signing-keys": SigningKeys,
  labels: Labels,
  webhooks: Webhooks,
  "sign-in": SignIn,
  account: Account,
  audit: Audit,
};

export function Settings({ store, path }: { store: Store; path: string[] }) {
  const rest = useMemo(() => new RestClient({ token: store.credentials.token }), [store]);
  const [section, ...more] = path;
  const Page = section && section in PAGES ? PAGES[section as Section] : null;
  return (
    <RestContext.Provider value={rest}>
      <div class={`settings ${section ? "has-section" : ""}`}>
        <aside class="settings-nav">
          <h2 class="brand">
            <PageLink href={store.pathOf(null)} class="settings-home">
              <span class="brand-mark" aria-hidden="true" /> HummDesk
            </PageLink>
          </h2>
          <nav aria-label={t("console.settings.title")}>
            <ul class="plain">
              {SECTIONS.map((one) => (
                <li key={one}>
                  <PageLink href={settingsPath(one)} class="settings-link" isCurrent={one === section}>
                    {t(`console.settings.${one}`)}
                  </PageLink>
                </li>
              ))}
            </ul>
          </nav>
        </aside>
        <main class="settings-main">
          {store.me && !store.isAdmin ? (
            <EmptyState icon="warn" title={t("settings.adminsOnly")} />
          ) : (
            store.me && (Page ? <Page key={path.join("/")} rest={more} /> : <Unselected isKnown={!section} />)
          )}
        </main>
      </div>
    </RestContext.Provider>
  );
}

function Unselected({ isKnown }: { isKnown: boolean }) {
  return <EmptyState icon={isKnown ? "gear" : "warn"} title={t(isKnown ? "settings.choose" : "settings.unknown")} />;
}
