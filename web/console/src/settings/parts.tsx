// Parts of the pages of the settings.

import { ProblemError } from "@hummdesk/client/rest";
import { t } from "@hummdesk/texts";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { explain } from "../components/error-text";
import { Icon } from "../components/icon";
import { PageLink } from "../components/page-link";
import { serverText } from "../extras/server-text";
import { type Section, settingsPath } from "../settings-sections";
import { useStore } from "../state/context";
import type { Loaded, Pages } from "./loading";

// That fit beside the button that copies them.
const CHARACTERS_OF_LINE = 70;

export function failureText(failure: unknown): string {
  if (!(failure instanceof ProblemError)) return t("common.noResponse");
  const { code, detail } = failure.problem;
  return code === "CONFLICT"
    ? t("settings.notPossible", { reason: serverText(detail) })
    : explain({ code, message: detail });
}

// A page with its heading, which has the focus after a change of the page, so that screen readers announce it.
export function Page(props: {
  title: string;
  lead?: string;
  back?: string;
  actions?: ComponentChildren;
  children: ComponentChildren;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  return (
    <section class={`settings-page ${props.back ? "has-parent" : ""}`} aria-label={props.title}>
      <header class="settings-head">
        <PageLink class="settings-back icon-button" href={props.back ?? "/settings"}>
          <Icon name="back" />
          <span class="hidden">{t("settings.back")}</span>
        </PageLink>
        <h1 ref={heading} tabIndex={-1}>
          {props.title}
        </h1>
        <div class="buttons">{props.actions}</div>
      </header>
      {props.lead && <p class="settings-lead">{props.lead}</p>}
      {props.children}
    </section>
  );
}

// What `children` returns once the data has arrived; until then a placeholder, or the failure.
export function Ready<T>({ of, children }: { of: Loaded<T>; children: (value: T) => ComponentChildren }) {
  if (of.failure) return <Failure failure={of.failure} retry={of.reload} />;
  return <>{of.value === null ? <Waiting /> : children(of.value)}</>;
}

export function Rows<T>(props: { of: Pages<T>; none: string; children: (row: T) => ComponentChildren }) {
  const { of } = props;
  if (of.failure) return <Failure failure={of.failure} retry={of.reload} />;
  if (!of.rows) return <Waiting />;
  if (of.rows.length === 0 && !of.hasMore) return <p class="settings-none">{props.none}</p>;
  return (
    <>
      {of.rows.length > 0 && <ul class="plain settings-rows">{of.rows.map(props.children)}</ul>}
      {of.hasMore && (
        <Action class="quiet more" act={of.more}>
          {t("console.list.more")}
        </Action>
      )}
    </>
  );
}

// A row that leads to the page of its resource.
export function RowLink(props: {
  href: string;
  title: string;
  detail?: string;
  mark?: ComponentChildren;
  children?: ComponentChildren;
}) {
  return (
    <li>
      <PageLink class="settings-row" href={props.href}>
        {props.mark}
        <span class="row-what">
          <strong>{props.title}</strong>
          {props.detail && <small>{props.detail}</small>}
        </span>
        {props.children}
      </PageLink>
    </li>
  );
}

export function NewLink({ section, children }: { section: Section; children: ComponentChildren }) {
  return (
    <PageLink class="primary" href={settingsPath(section, "new")}>
      {children}
    </PageLink>
  );
}

function Waiting() {
  return (
    <div class="settings-rows" role="status" aria-label={t("settings.loading")}>
      {[0, 1, 2].map((n) => (
        <div class="settings-row skeleton" key={n} aria-hidden="true">
          <span class="lines" />
        </div>
      ))}
    </div>
  );
}

function Failure({ failure, retry }: { failure: unknown; retry: () => Promise<void> }) {
  return (
    <div class="error" role="alert">
      <Icon name="warn" /> {failureText(failure)}
      <button type="button" class="quiet" onClick={() => void retry()}>
        {t("common.tryAgain")}
      </button>
    </div>
  );
}

export function Tag({ kind, children }: { kind?: "good" | "bad" | "warn"; children: ComponentChildren }) {
  return <span class={`tag ${kind ? `tag-${kind}` : ""}`}>{children}</span>;
}

// A text that is shown once, such as a key or a link, with a button that copies it.
export function Secret({ label, text, hint }: { label: string; text: string; hint: string }) {
  const box = useRef<HTMLFieldSetElement>(null);
  useEffect(() => box.current?.focus(), [text]);
  return (
    <fieldset class="secret" ref={box} aria-label={label} tabIndex={-1}>
      <p>
        <strong>{label}</strong> {hint}
      </p>
      <Copyable text={text} label={label} />
    </fieldset>
  );
}

export function Copyable({ text, label }: { text: string; label: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = () => void navigator.clipboard.writeText(text).then(() => setCopied(true));
  return (
    <div class="copyable">
      <textarea
        readOnly
        rows={Math.ceil(text.length / CHARACTERS_OF_LINE)}
        value={text}
        aria-label={label}
        spellcheck={false}
      />
      <button type="button" class="secondary" onClick={copy}>
        {t(isCopied ? "settings.copied" : "settings.copy")}
      </button>
    </div>
  );
}

export function Select(props: {
  label: string;
  value: string;
  choices: { value: string; label: string }[];
  change: (value: string) => void;
}) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <select id={id} value={props.value} onChange={(event) => props.change(event.currentTarget.value)}>
        {props.choices.map((choice) => (
          <option key={choice.value} value={choice.value}>
            {choice.label}
          </option>
        ))}
      </select>
    </div>
  );
}

// A button for an action that may fail.
export function Action(props: { class?: string; act: () => Promise<unknown>; children: ComponentChildren }) {
  const [isBusy, run] = useAction(props.act);
  return (
    <button type="button" class={props.class ?? "secondary"} disabled={isBusy} onClick={() => void run()}>
      {props.children}
    </button>
  );
}

// Whether an action is in progress, and a function that starts it; a failure is shown as a toast.
function useAction(act: () => Promise<unknown>): [boolean, () => Promise<void>] {
  const store = useStore();
  const [isBusy, setBusy] = useState(false);
  const run = async () => {
    setBusy(true);
    await act().catch((failure: unknown) => store.showToast(failureText(failure)));
    setBusy(false);
  };
  return [isBusy, run];
}

// A button whose action must be confirmed by a second click.
export function Confirmed(props: { label: string; question: string; act: () => Promise<void> }) {
  const [isAsking, setAsking] = useState(false);
  const [isBusy, run] = useAction(props.act);
  const confirm = useRef<HTMLButtonElement>(null);
  // Before the next key: an effect after the paint would lose an Enter that follows at once.
  useLayoutEffect(() => {
    if (isAsking) confirm.current?.focus();
  }, [isAsking]);
  const act = async () => {
    await run();
    setAsking(false);
  };
  if (!isAsking)
    return (
      <button type="button" class="secondary" onClick={() => setAsking(true)}>
        {props.label}
      </button>
    );
  return (
    <fieldset class="confirm" aria-label={props.question}>
      {props.question}
      <button type="button" class="secondary danger" ref={confirm} disabled={isBusy} onClick={() => void act()}>
        {props.label}
      </button>
      <button type="button" class="quiet" onClick={() => setAsking(false)}>
        {t("common.cancel")}
      </button>
    </fieldset>
  );
}
