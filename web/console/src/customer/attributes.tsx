// The form that edits the attributes of a customer: texts, numbers, and yes or no.

import type { Contact } from "@hummdesk/client/rest";
import { t } from "@hummdesk/texts";
import { useLayoutEffect, useState } from "preact/hooks";
import { IconButton } from "../components/icon-button";
import { Fault, Meanwhile, shown } from "./panel";
import {
  type Attribute,
  type AttributeType,
  type CustomerProfile,
  changedIn,
  editable,
  merged,
  rebased,
} from "./profile";

const TYPES: AttributeType[] = ["text", "number", "yesNo"];
const EMPTY: Attribute = { name: "", type: "text", value: "" };

interface Props {
  contact: Contact;
  profile: CustomerProfile;
  close: () => void;
}

export function AttributesForm({ contact, profile, close }: Props) {
  const [rows, setRows] = useState<Attribute[]>(() => {
    const found = editable(contact.attributes);
    return found.length > 0 ? found : [EMPTY];
  });
  const [base, setBase] = useState(contact.attributes);
  const [meanwhile, setMeanwhile] = useState<[string, unknown][]>([]);
  const [fault, setFault] = useState<"changed" | "failed" | null>(null);
  useLayoutEffect(() => {
    const changes = changedIn(base, contact.attributes);
    if (changes.length === 0) return;
    setRows(rebased(base, contact.attributes, rows));
    setBase(contact.attributes);
    setMeanwhile(changes);
  }, [contact.attributes]);
  const change = (n: number, more: Partial<Attribute>) =>
    setRows(rows.map((row, index) => (index === n ? { ...row, ...more } : row)));
  const submit = async (event: Event) => {
    event.preventDefault();
    const attributes = merged(contact.attributes, rows);
    const result = attributes ? await profile.save({ attributes }) : "failed";
    if (result === "stored") close();
    else setFault(result);
  };
  return (
    <form class="attributes" aria-label={t("extras.customer.attributes")} onSubmit={(event) => void submit(event)}>
      <h3 class="overline">{t("extras.customer.attributes")}</h3>
      {rows.map((row, n) => (
        <fieldset key={String(n)} aria-label={row.name || t("extras.customer.newAttribute")}>
          <input
            aria-label={t("extras.customer.name")}
            placeholder={t("extras.customer.name")}
            maxLength={100}
            value={row.name}
            onInput={(event) => change(n, { name: event.currentTarget.value })}
          />
          <select
            aria-label={t("extras.customer.type")}
            value={row.type}
            onChange={(event) => change(n, { type: event.currentTarget.value as AttributeType })}
          >
            {TYPES.map((type) => (
              <option key={type} value={type}>
                {t(`extras.customer.types.${type}`)}
              </option>
            ))}
          </select>
          <Value row={row} change={(value) => change(n, { value })} />
          <IconButton
            icon="close"
            label={t("extras.customer.remove")}
            onClick={() => setRows(rows.filter((_, index) => index !== n))}
          />
        </fieldset>
      ))}
      <button type="button" class="quiet" onClick={() => setRows([...rows, EMPTY])}>
        {t("extras.customer.addAttribute")}
      </button>
      {meanwhile.length > 0 && (
        <Meanwhile>
          {meanwhile.map(([name, value]) => (
            <p key={name} dir="auto">
              {name}: {value === undefined ? "–" : shown(value)}
            </p>
          ))}
        </Meanwhile>
      )}
      {fault && <Fault fault={fault} profile={profile} onReread={() => setFault(null)} />}
      <div class="buttons">
        <button type="submit" class="primary">
          {t("extras.customer.save")}
        </button>
        <button type="button" class="quiet" onClick={close}>
          {t("common.cancel")}
        </button>
      </div>
    </form>
  );
}

function Value({ row, change }: { row: Attribute; change: (value: string) => void }) {
  const label = t("extras.customer.value");
  if (row.type === "yesNo")
    return (
      <input
        type="checkbox"
        aria-label={label}
        checked={row.value === "true"}
        onChange={(event) => change(String(event.currentTarget.checked))}
      />
    );
  const common = {
    "aria-label": label,
    placeholder: label,
    value: row.value,
    onInput: (event: { currentTarget: HTMLInputElement }) => change(event.currentTarget.value),
  };
  return row.type === "number" ? (
    <input type="number" step="any" required {...common} />
  ) : (
    <input dir="auto" {...common} />
  );
}
