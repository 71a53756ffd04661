// The pages that the customer has visited, as the widget has reported them.

import type { PageVisit } from "@hummdesk/client/rest";
import { t } from "@hummdesk/texts";
import { fullTime, when } from "../format";

export function Pages({ pages }: { pages: PageVisit[] }) {
  return (
    <section aria-label={t("extras.customer.pages")}>
      <h3 class="overline">{t("extras.customer.pages")}</h3>
      <ul class="plain customer-pages">
        {pages.map(({ url, title, visitedAt }) => (
          <li key={visitedAt + url}>
            <PageAddress
              url={url}
              title={title}
              isAmbiguous={pages.some((other) => other.title === title && other.url !== url)}
            />
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
function PageAddress({ url, title, isAmbiguous }: { url: string; title: string; isAmbiguous: boolean }) {
  const { protocol, pathname } = new URL(url);
  const text = (
    <>
      <bdi>{title || pathname}</bdi>
      {title && isAmbiguous && <small dir="ltr">{pathname}</small>}
    </>
  );
  if (protocol !== "https:" && protocol !== "http:") return text;
  return (
    <a href={url} title={url} target="_blank" rel="noopener noreferrer">
      {text}
    </a>
  );
}
