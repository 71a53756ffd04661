import { t } from "@hummdesk/texts";
import type { Chat } from "./chat.js";

/** Asks for an e-mail address, and before the first message for a name, too. The visitor can skip it unless it is required. */
export function Details({ chat, isFirst, isRequired }: { chat: Chat; isFirst: boolean; isRequired: boolean }) {
  const send = (event: SubmitEvent) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget as HTMLFormElement);
    const entries = [...given].map(([name, value]) => [name, String(value).trim()]);
    chat.stateDetails(Object.fromEntries(entries.filter(([, value]) => value !== "")));
  };
  return (
    <form class={isFirst ? "details" : "details after"} onSubmit={send} aria-label={t("widget.details.title")}>
      <p>{t(isFirst ? "widget.details.before" : "widget.details.ask")}</p>
      {isFirst && (
        <input name="name" autoComplete="name" dir="auto" maxLength={100} required={isRequired} {...named("name")} />
      )}
      <input name="email" type="email" autoComplete="email" maxLength={254} required={isRequired} {...named("email")} />
      <button type="submit">{t(isFirst ? "widget.details.start" : "widget.details.save")}</button>
      {!isRequired && (
        <button type="button" class="plain" onClick={() => chat.stateDetails({})}>
          {t("widget.details.skip")}
        </button>
      )}
    </form>
  );
}

function named(field: "name" | "email") {
  const text = t(field === "name" ? "widget.details.name" : "widget.details.email");
  return { placeholder: text, "aria-label": text };
}
