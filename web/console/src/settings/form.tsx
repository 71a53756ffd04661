// Forms: fields with the errors of the API beside them, and a conflict with a change of somebody else.

import { ProblemError } from "@hummdesk/client/rest";
import { type PlainKey, t } from "@hummdesk/texts";
import type { ComponentChildren } from "preact";
import { useId, useRef, useState } from "preact/hooks";
import { Icon } from "../components/icon";
import { serverText } from "../extras/server-text";
import { failureText } from "./parts";

type Value = string | boolean | string[];

export interface Choice {
  value: string;
  label: string;
}

// A field of a form. `many` is a group of checkboxes whose value is the list of the checked ones; the value of `lines`
// is the list of its lines.
export interface FieldSpec {
  // The path in the resource, such as `texts.title`.
  name: string;
  label: PlainKey | (() => string);
  hint?: string | undefined;
  kind?: "text" | "email" | "url" | "number" | "long" | "lines" | "one" | "many" | "yes";
  choices?: Choice[];
  isRequired?: boolean;
  longest?: number;
  isDisabled?: boolean;
}

const INPUT_TYPES: Partial<Record<NonNullable<FieldSpec["kind"]>, "email" | "url" | "number">> = {
  email: "email",
  url: "url",
  number: "number",
};

// The status of an answer: somebody else has changed the resource since it was loaded.
const STALE = 412;

interface FormProps<Values extends object> {
  fields: FieldSpec[];
  initial: Values;
  submit: string;
  // Stores the values. With `overwrite`, also if somebody else has changed them.
  save: (values: Values, overwrite: boolean) => Promise<unknown>;
  // Discards the values in favour of those of somebody else.
  reload?: () => Promise<void>;
  preview?: (values: Values) => ComponentChildren;
  children?: ComponentChildren;
}

export function Form<Values extends object>(props: FormProps<Values>) {
  const [values, setValues] = useState(props.initial as Record<string, Value>);
  const [problem, setProblem] = useState<unknown>(null);
  const [state, setState] = useState<"idle" | "changed" | "busy" | "saved">("idle");
  const form = useRef<HTMLFormElement>(null);
  const errors = fieldErrors(problem);
  const others = Object.entries(errors).filter(([path]) => !props.fields.some(({ name }) => isWithin(path, name)));
  const save = async (overwrite: boolean) => {
    setState("busy");
    setProblem(null);
    try {
      await props.save(values as Values, overwrite);
      setState("saved");
    } catch (failure) {
      setState("changed");
      setProblem(failure);
      requestAnimationFrame(() => form.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
    }
  };
  const change = (name: string, value: Value) => {
    setValues({ ...values, [name]: value });
    setState("changed");
  };
  return (
    <form
      ref={form}
      class="settings-form"
      noValidate
      data-unsaved={state === "changed" || undefined}
      onSubmit={(event) => {
        event.preventDefault();
        void save(false);
      }}
    >
      {props.fields.map((field) => (
        <Field
          key={field.name}
          field={field}
          value={values[field.name] ?? ""}
          error={errorOf(errors, field.name)}
          change={(value) => change(field.name, value)}
        />
      ))}
      {props.preview?.(values as Values)}
      {problem instanceof ProblemError && problem.status === STALE ? (
        <Stale reload={props.reload} overwrite={() => save(true)} />
      ) : (
        problem !== null &&
        (others.length > 0 || Object.keys(errors).length === 0) && (
          <p class="error" role="alert">
            <Icon name="warn" /> {others.length > 0 ? others.map(([, text]) => text).join(" ") : failureText(problem)}
          </p>
        )
      )}
      <div class="buttons">
        <button type="submit" class="primary" disabled={state === "busy"}>
          {props.submit}
        </button>
        {props.children}
        <span role="status" class="saved">
          {state === "saved" && t("settings.saved")}
        </span>
      </div>
    </form>
  );
}

function Stale({ reload, overwrite }: { reload: (() => Promise<void>) | undefined; overwrite: () => Promise<void> }) {
  return (
    <div class="conflict" role="alert">
      <p class="conflict-text">
        <Icon name="warn" /> {t("settings.conflict")}
      </p>
      <div class="buttons">
        {reload && (
          <button type="button" class="secondary" onClick={() => void reload()}>
            {t("settings.conflictReload")}
          </button>
        )}
        <button type="button" class="quiet" onClick={() => void overwrite()}>
          {t("settings.conflictOverwrite")}
        </button>
      </div>
    </div>
  );
}

function fieldErrors(problem: unknown): Record<string, string> {
  const errors = problem instanceof ProblemError ? (problem.problem.errors ?? []) : [];
  return Object.fromEntries(errors.map(({ field, message }) => [field, serverText(message)]));
}

function isWithin(path: string, name: string): boolean {
  return path === name || path.startsWith(`${name}.`);
}

function errorOf(errors: Record<string, string>, name: string): string | undefined {
  return Object.entries(errors).find(([path]) => isWithin(path, name))?.[1];
}

function labelOf({ label }: FieldSpec): string {
  return typeof label === "string" ? t(label) : label();
}

interface FieldProps {
  field: FieldSpec;
  value: Value;
  error: string | undefined;
  change: (value: Value) => void;
}

function Field({ field, value, error, change }: FieldProps) {
  const id = useId();
  const described = [field.hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  const attributes = {
    id,
    name: field.name,
    "aria-invalid": error !== undefined,
    "aria-describedby": described || undefined,
    disabled: field.isDisabled ?? false,
  };
  const notes = (
    <>
      {field.hint && (
        <p class="field-hint" id={`${id}-hint`}>
          {field.hint}
        </p>
      )}
      {error && (
        <p class="field-error" id={`${id}-error`} lang="en">
          {error}
        </p>
      )}
    </>
  );
  if (field.kind === "many") return <Many field={field} value={value as string[]} change={change} notes={notes} />;
  if (field.kind === "yes")
    return (
      <div class="field">
        <label class="check">
          <input
            {...attributes}
            type="checkbox"
            checked={value === true}
            onChange={(event) => change(event.currentTarget.checked)}
          />
          {labelOf(field)}
        </label>
        {notes}
      </div>
    );
  return (
    <div class="field">
      <label for={id}>{labelOf(field)}</label>
      {field.kind === "lines" ? (
        <Lines attributes={attributes} value={value as string[]} change={change} />
      ) : (
        <Input field={field} value={String(value)} attributes={attributes} change={change} />
      )}
      {notes}
    </div>
  );
}

function Input(props: { field: FieldSpec; value: string; attributes: object; change: (value: string) => void }) {
  const { field, attributes } = props;
  const shared = {
    ...attributes,
    value: props.value,
    required: field.isRequired ?? false,
    ...(field.longest ? { maxLength: field.longest } : {}),
  };
  const onInput = (event: { currentTarget: { value: string } }) => props.change(event.currentTarget.value);
  if (field.kind === "long") return <textarea {...shared} rows={8} onInput={onInput} />;
  if (field.kind === "one")
    return (
      <select {...attributes} value={props.value} onChange={onInput}>
        {field.choices?.map((choice) => (
          <option key={choice.value} value={choice.value}>
            {choice.label}
          </option>
        ))}
      </select>
    );
  const type = (INPUT_TYPES[field.kind ?? "text"] ?? "text") as "text"; // one type of the union of attributes
  return <input {...shared} type={type} autocomplete="off" onInput={onInput} />;
}

// Empty lines are shown while the user writes, but are not part of the value.
function Lines(props: { attributes: object; value: string[]; change: (value: string[]) => void }) {
  const [text, setText] = useState(props.value.join("\n"));
  const onInput = (event: { currentTarget: { value: string } }) => {
    setText(event.currentTarget.value);
    props.change(
      event.currentTarget.value
        .split("\n")
        .map((line) => line.trim())
        .filter(Boolean),
    );
  };
  return <textarea {...props.attributes} rows={4} value={text} onInput={onInput} />;
}

function Many(props: {
  field: FieldSpec;
  value: string[];
  change: (value: string[]) => void;
  notes: ComponentChildren;
}) {
  const { field, value, change } = props;
  const toggle = (one: string, isOn: boolean) =>
    change(isOn ? [...value, one] : value.filter((other) => other !== one));
  return (
    <fieldset class="field many">
      <legend>{labelOf(field)}</legend>
      <div class="many-choices">
        {field.choices?.map((choice) => (
          <label class="check" key={choice.value}>
            <input
              type="checkbox"
              name={field.name}
              checked={value.includes(choice.value)}
              onChange={(event) => toggle(choice.value, event.currentTarget.checked)}
            />
            {choice.label}
          </label>
        ))}
      </div>
      {props.notes}
    </fieldset>
  );
}
