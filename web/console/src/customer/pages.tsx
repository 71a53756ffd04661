// The pages that the customer has visited, as the widget has reported them, when the panel was loaded.

import { t } from "@hummdesk/texts";
import { fullTime, when } from "../format";
import type { CustomerProfile } from "./profile";

export function Pages({ profile }: { profile: CustomerProfile }) {
  return (
    <section aria-label={t("console.customer.pages")}>
      <h3 class="overline">{t("console.customer.pages")}</h3>
      <ul class="plain customer-pages">
        {profile.pages.map(({ url, title, visitedAt }) => (
          <li key={visitedAt + url}>
            <PageAddress url={url} title={title} />
            <time dateTime={visitedAt} title={fullTime(visitedAt)}>
              {when(visitedAt)}
            </time>
          </li>
        ))}
      </ul>
    </section>
  );
}

// The customer's browser has named the page: it is a link only if it is one to a website.
function PageAddress({ url, title }: { url: string; title: string }) {
  const { protocol, pathname } = new URL(url);
  const text = <bdi>{title || pathname}</bdi>;
  if (protocol !== "https:" && protocol !== "http:") return text;
  return (
    <a href={url} title={url} target="_blank" rel="noopener noreferrer">
      {text}
    </a>
  );
}
