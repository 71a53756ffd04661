// The dialog that creates, changes and removes a saved view.

import { type NewSavedFilter, ProblemError } from "@hummdesk/client/rest";
import { t } from "@hummdesk/texts";
import { useState } from "preact/hooks";
import { categoryName, keysOf } from "../categories";
import { Dialog } from "../components/dialog";
import { explain } from "../components/error-text";
import { serverText } from "../extras/server-text";
import { useStore } from "../state/context";
import type { Criteria } from "../state/criteria";
import { restOf } from "../state/rest";
import type { Store } from "../state/store";
import "./editor.css";

const MAX_NAME = 50;
const MAX_SEARCH = 100;
const STATUSES = ["open", "pending", "closed"] as const;
const PRIORITIES = ["urgent", "high", "medium", "low"] as const;
const AGENT = "agent:";

interface Option {
  value: string;
  label: string;
}

export function ViewEditor({ close }: { close: () => void }) {
  const store = useStore();
  const { list, inbox } = store;
  const view = inbox.views.get(list.view);
  const [name, setName] = useState(view?.name ?? "");
  const [shared, setShared] = useState(false);
  const [filter, setFilter] = useState<Criteria>(view?.filter ?? list.criteria);
  const [error, setError] = useState("");
  const [isBusy, setBusy] = useState(false);
  const run = async (action: () => Promise<void>) => {
    setBusy(true);
    setError("");
    try {
      await action();
      close();
    } catch (failure) {
      setError(failureText(failure));
      setBusy(false);
    }
  };
  const save = async () => {
    const rest = await restOf(store.credentials);
    const stored = { name, filter: filter as NewSavedFilter };
    if (view) await rest.updateView(view.viewId, stored);
    else list.show(inbox.add(await rest.createView({ ...stored, shared })));
  };
  const remove = async () => {
    if (view) await (await restOf(store.credentials)).deleteView(view.viewId);
    list.show("all");
  };
  const choose = <Name extends keyof Criteria>(one: Name, options: Option[]) => (
    <Select
      label={t(`extras.views.${one as "status"}`)}
      value={String(filter[one] ?? "")}
      options={options}
      change={(value) => setFilter(changed(filter, one, value))}
    />
  );
  const title = t(view ? "console.views.edit" : "console.views.save");
  return (
    <Dialog label={title} close={close} class="transfer view-editor">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void run(save);
        }}
      >
        <h2>{title}</h2>
        <label>
          {t("extras.views.name")}
          <input
            type="text"
            required
            maxLength={MAX_NAME}
            value={name}
            dir="auto"
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
        <div class="view-fields">
          {choose(
            "status",
            named(STATUSES, (one) => t(`common.status.${one}`)),
          )}
          <Select
            label={t("extras.views.assignee")}
            value={assigneeOf(filter)}
            options={assignees(store)}
            change={(value) => setFilter(withAssignee(filter, value))}
          />
          {choose(
            "teamId",
            store.teams.map(({ teamId, name }) => ({ value: teamId, label: name })),
          )}
          {choose(
            "labelId",
            inbox.activeLabels.map(({ labelId, name }) => ({ value: labelId, label: name })),
          )}
          {choose(
            "priority",
            named(PRIORITIES, (one) => t(`common.priority.${one}`)),
          )}
          {choose(
            "category",
            named(keysOf(store.categories), (one) => categoryName(store.categories, one)),
          )}
          {choose("snoozed", [
            { value: "true", label: t("extras.views.isSnoozed") },
            { value: "false", label: t("extras.views.isNotSnoozed") },
          ])}
          {choose("sort", [
            { value: "activity", label: t("extras.views.byActivity") },
            { value: "waiting", label: t("console.list.byWaiting") },
          ])}
        </div>
        <label>
          {t("extras.views.search")}
          <input
            type="text"
            maxLength={MAX_SEARCH}
            value={filter.search ?? ""}
            dir="auto"
            onInput={(event) => setFilter(changed(filter, "search", event.currentTarget.value))}
          />
        </label>
        {!view && store.isAdmin && (
          <label class="check">
            <input type="checkbox" checked={shared} onChange={(event) => setShared(event.currentTarget.checked)} />
            {t("extras.views.shared")}
          </label>
        )}
        {error && (
          <p class="error" role="alert">
            {error}
          </p>
        )}
        <div class="buttons">
          <button type="submit" class="primary" disabled={isBusy || name.trim() === ""}>
            {t("extras.views.submit")}
          </button>
          {view && (
            <button type="button" class="secondary" disabled={isBusy} onClick={() => void run(remove)}>
              {t("extras.views.remove")}
            </button>
          )}
          <button type="button" class="quiet" onClick={close}>
            {t("common.cancel")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Select(props: { label: string; value: string; options: Option[]; change: (value: string) => void }) {
  return (
    <label>
      {props.label}
      <select value={props.value} onChange={(event) => props.change(event.currentTarget.value)}>
        <option value="">{t("extras.views.any")}</option>
        {props.options.map(({ value, label }) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </label>
  );
}

const named = <Value extends string>(values: readonly Value[], labelOf: (value: Value) => string): Option[] =>
  values.map((value) => ({ value, label: labelOf(value) }));

function assignees(store: Store): Option[] {
  const others = [...store.agents.values()].map(({ agentId, name }) => ({ value: AGENT + agentId, label: name }));
  return [
    { value: "mine", label: t("extras.views.mine") },
    { value: "unassigned", label: store.nameOf(undefined) },
    ...others.sort((a, b) => a.label.localeCompare(b.label)),
  ];
}

function assigneeOf({ mine, unassigned, assignedTo }: Criteria): string {
  if (assignedTo) return AGENT + assignedTo;
  return mine ? "mine" : unassigned ? "unassigned" : "";
}

function withAssignee({ mine: _, unassigned: __, assignedTo: ___, ...filter }: Criteria, value: string): Criteria {
  if (value.startsWith(AGENT)) return { ...filter, assignedTo: value.slice(AGENT.length) };
  return value ? { ...filter, [value]: true } : filter;
}

function changed(filter: Criteria, name: keyof Criteria, value: string): Criteria {
  const { [name]: _, ...others } = filter;
  if (value === "") return others;
  return { ...others, [name]: name === "snoozed" ? value === "true" : value } as Criteria;
}

function failureText(failure: unknown): string {
  if (!(failure instanceof ProblemError)) return t("common.noResponse");
  const { code, detail, errors } = failure.problem;
  return errors?.map(({ message }) => serverText(message)).join(" ") || explain({ code, message: detail });
}
