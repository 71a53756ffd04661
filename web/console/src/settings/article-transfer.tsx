// Export and import of articles and canned replies as JSON lines.

import { type ImportedArticle, ProblemError, type RestClient } from "@hummdesk/client/rest";
import { t } from "@hummdesk/texts";
import { useRef, useState } from "preact/hooks";
import { serverText } from "../extras/server-text";
import { useRest } from "./context";
import type { Kind } from "./knowledge";
import { all } from "./loading";
import { Action, failureText } from "./parts";

// How many an import may contain.
const BATCH = 100;

interface Progress {
  read: number;
  changed: number;
  failures: string[];
}

interface Line {
  number: number;
  row: ImportedArticle;
}

export function Transfer({ kind, done }: { kind: Kind; done: () => Promise<void> }) {
  const rest = useRest();
  const file = useRef<HTMLInputElement>(null);
  const [state, setState] = useState<Progress | null>(null);
  const load = async (chosen: File | undefined) => {
    if (!chosen) return;
    await importLines(rest, kind, await chosen.text(), setState);
    await done();
  };
  return (
    <div class="buttons">
      <Action act={() => download(rest, kind)}>{t("settings.export")}</Action>
      <button type="button" class="secondary" onClick={() => file.current?.click()}>
        {t("settings.import")}
      </button>
      <input
        ref={file}
        type="file"
        hidden
        accept=".jsonl,.ndjson,application/jsonl"
        aria-label={t("settings.import")}
        onChange={(event) => {
          void load(event.currentTarget.files?.[0]);
          event.currentTarget.value = "";
        }}
      />
      <span role="status" class="saved">
        {state && t("settings.imported", { read: state.read, changed: state.changed })}
      </span>
      {state && state.failures.length > 0 && (
        <div class="import-failures" role="alert">
          <ul>
            {state.failures.map((failure) => (
              <li key={failure}>{failure}</li>
            ))}
          </ul>
        </div>
      )}
    </div>
  );
}

async function importLines(rest: RestClient, kind: Kind, text: string, show: (state: Progress) => void): Promise<void> {
  const state: Progress = { read: 0, changed: 0, failures: [] };
  const lines = text.split("\n").flatMap((line, index) => parsed(line, index + 1, state.failures));
  for (let start = 0; start < lines.length; start += BATCH) {
    const batch = lines.slice(start, start + BATCH);
    try {
      state.changed += (
        await kind.importAll(
          rest,
          batch.map((line) => line.row),
        )
      ).changed;
      state.read += batch.length;
    } catch (failure) {
      state.failures.push(...reasons(failure, batch));
    }
    show({ ...state });
  }
  show({ ...state });
}

// The fields that an import may have; an exported line has others, too.
function parsed(line: string, number: number, failures: string[]): Line[] {
  if (line.trim() === "") return [];
  try {
    const { id, title, body, questions, language } = JSON.parse(line) as ImportedArticle;
    const more = { ...(id && { id }), ...(questions && { questions }), ...(language && { language }) };
    return [{ number, row: { title, body, ...more } }];
  } catch {
    failures.push(t("settings.importLine", { number, reason: t("settings.importNotJson") }));
    return [];
  }
}

// Why a batch was refused, by line: an error names the field `articles.3.title`.
function reasons(failure: unknown, batch: Line[]): string[] {
  const errors = failure instanceof ProblemError ? (failure.problem.errors ?? []) : [];
  if (errors.length === 0) return [failureText(failure)];
  return errors.map(({ field, message }) => {
    const [, index, ...names] = field.split(".");
    const number = batch[Number(index)]?.number ?? 0;
    return t("settings.importLine", {
      number,
      reason: [names.join("."), serverText(message)].filter(Boolean).join(": "),
    });
  });
}

async function download(rest: RestClient, kind: Kind): Promise<void> {
  const rows = await all(kind.every(rest));
  const lines = rows.map((row) => `${JSON.stringify(row)}\n`);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(lines, { type: "application/jsonl" }));
  link.download = `${kind.section}.jsonl`;
  link.click();
  URL.revokeObjectURL(link.href);
}
