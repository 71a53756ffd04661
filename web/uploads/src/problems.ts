// What the server says about a file that it refuses, or that waits, in the language of the page. It says so in English, in
// known sentences.

import { change, type Key, language, number, start, t } from "@hummdesk/texts";

const MEGABYTE = 1_048_576;

const SENTENCES: [RegExp, Key][] = [
  [/^The file is empty$/, "files.empty"],
  [/^The file has [\d,]+ bytes; at most (?<bytes>[\d,]+) are allowed$/, "files.tooLarge"],
  [/^The name of the file has more than (?<most>\d+) characters: shorten it$/, "files.longName"],
  [/^The files of this account fill its quota: /, "files.full"],
  [/^(?:Customers have begun to upload too much|Too many (?:requests;|files are being transferred;))/, "files.many"],
  [/^Files cannot be uploaded here: /, "files.off"],
  [/^The file store does not answer/, "files.away"],
  [/^(?:The server does not answer|A required service is unavailable; try again)$/, "files.noAnswer"],
  [/^The virus scanner has found something in this file, .+?: (?<found>.+)/, "files.infected"],
  [/^The virus scanner cannot scan this file/, "files.unscannable"],
  [/^The virus scanner has not answered yet/, "files.scannerAway"],
  [/^The file is being scanned for viruses$/, "files.scanning"],
];

let isPrepared = false;

// Load the texts. Until then, nothing is translated.
export async function prepare(wanted: string, server: string): Promise<void> {
  if (!isPrepared) await start([wanted], "files", server);
  else if (wanted !== language) await change(wanted as typeof language);
  isPrepared = true;
}

// A sentence of the server in the language of the page; undefined for an unknown one.
export function translated(sentence: string): string | undefined {
  if (!isPrepared) return undefined;
  for (const [pattern, key] of SENTENCES) {
    const match = pattern.exec(sentence);
    if (match) return (t as (key: Key, values: Record<string, string>) => string)(key, valuesOf(match.groups ?? {}));
  }
  return undefined;
}

function valuesOf({ bytes, ...values }: Record<string, string>): Record<string, string> {
  return bytes === undefined ? values : { ...values, most: megabytes(Number(bytes.replaceAll(",", ""))) };
}

function megabytes(bytes: number): string {
  return number(bytes / MEGABYTE, { style: "unit", unit: "megabyte", maximumFractionDigits: 1 });
}
