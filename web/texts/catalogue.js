// The catalogue of texts, en.json and de.json: checks, types, and the files that the pages load.

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { parse, TYPE } from "@formatjs/icu-messageformat-parser";
import compile from "icu-minify/compile";

const HERE = import.meta.dirname;
const WEB = join(HERE, "..");

export const LANGUAGES = ["en", "de"];

// The prefixes of the keys in each file.
export const PARTS = {
  console: ["common", "console"],
  extras: ["extras"],
  assist: ["assist"],
  files: ["files"],
  ops: ["common", "ops"],
  settings: ["settings"],
  supervisor: ["supervisor"],
  widget: ["widget"],
};

// The prefixes that a source may use, by the beginning of its path; the first match decides. A page that loads the
// source must load them, too.
const SOURCES = [
  ["console/src/components/", ["common"]],
  ["console/src/format.ts", ["common"]],
  ["console/src/sign-in.tsx", ["common"]],
  ["console/src/state/session.ts", ["common"]],
  ["console/src/assist/", ["assist"]],
  ["console/src/bulk/", ["common", "console", "extras"]],
  ["console/src/customer/", ["common", "console", "extras"]],
  ["console/src/emoji/", ["common", "console", "extras"]],
  ["console/src/extras/", ["common", "console", "extras"]],
  ["console/src/photo/", ["common", "console", "extras"]],
  ["console/src/views/editor.tsx", ["common", "console", "extras"]],
  ["console/src/ops/", ["common", "ops"]],
  ["console/src/settings/", ["common", "console", "settings"]],
  ["console/src/supervisor/", ["common", "console", "settings", "supervisor"]],
  ["console/src/", ["common", "console"]],
  ["uploads/src/", ["files"]],
  ["widget/src/", ["widget"]],
];

export function read(language) {
  return JSON.parse(readFileSync(join(HERE, `${language}.json`), "utf8"));
}

// The compiled messages of a part.
export function compiled(language, part) {
  const texts = Object.entries(read(language)).filter(([key]) => PARTS[part].includes(key.split(".")[0]));
  return JSON.stringify(Object.fromEntries(texts.map(([key, text]) => [key, compile(text)])));
}

// A Vite plugin: emit the files of the parts, and provide their addresses as the module `virtual:texts`.
export function texts(...parts) {
  const id = "\0virtual:texts";
  return {
    name: "texts",
    resolveId: (name) => (name === "virtual:texts" ? id : undefined),
    load(name) {
      if (name !== id) return undefined;
      const faults = check();
      if (faults.length > 0) this.error(`The texts are not complete:\n${faults.join("\n")}`);
      const files = LANGUAGES.map((language) => [language, parts.map((part) => [part, emit(this, language, part)])]);
      const table = files.map(([language, addresses]) => [language, Object.fromEntries(addresses)]);
      return `export const FILES = ${JSON.stringify(Object.fromEntries(table))};`;
    },
  };
}

function emit(build, language, part) {
  const source = compiled(language, part);
  const hash = createHash("sha256").update(source).digest("base64url").slice(0, 8);
  const fileName = `assets/${part}-${language}-${hash}.json`;
  build.emitFile({ type: "asset", fileName, source });
  return `/${fileName}`;
}

// What is wrong with the catalogue and its use: missing, unused and misplaced keys, and unequal placeholders.
export function check() {
  const [english, ...others] = LANGUAGES.map((language) => ({ language, texts: read(language) }));
  const faults = [];
  for (const { language, texts } of [english, ...others])
    for (const [key, text] of Object.entries(texts)) {
      const missing = missingPlurals(text, language);
      if (missing.length > 0) faults.push(`${language}.json: ${key} lacks the plural ${missing.join(", ")}`);
    }
  for (const { language, texts } of others) {
    for (const key of Object.keys(english.texts))
      if (!(key in texts)) faults.push(`${language}.json: ${key} is missing`);
      else if (signature(english.texts[key]) !== signature(texts[key]))
        faults.push(`${language}.json: ${key} has other placeholders than in en.json`);
    for (const key of Object.keys(texts))
      if (!(key in english.texts)) faults.push(`${language}.json: ${key} is not in en.json`);
  }
  return [...faults, ...checkUse(Object.keys(english.texts))];
}

function checkUse(keys) {
  const faults = [];
  const used = new Set();
  for (const path of sources()) {
    const [, allowed] = SOURCES.find(([start]) => path.startsWith(start));
    const source = readFileSync(join(WEB, path), "utf8");
    for (const text of path.endsWith(".tsx") ? outsideOf(source) : [])
      faults.push(`${path}: “${text}” is not in the catalogue`);
    for (const key of usedIn(source, keys)) {
      used.add(key);
      if (!keys.includes(key)) faults.push(`${path}: ${key} is not in en.json`);
      else if (!allowed.includes(key.split(".")[0])) faults.push(`${path}: ${key} is not loaded with this source`);
    }
  }
  for (const key of keys) if (!used.has(key)) faults.push(`en.json: ${key} is not used`);
  return faults;
}

// A key is used by a call, `t("console.send")`, by a string that equals it, or by a template that it matches:
// `common.status.${status}`. TypeScript checks the values of such a template.
function usedIn(source, keys) {
  const calls = [...source.matchAll(/\b(?:t|rich)\(\s*"([^"]+)"/g)].map((found) => found[1]);
  const strings = [...source.matchAll(/"([a-z]+\.[\w.-]+)"/g)].map((found) => found[1]);
  const templates = [...source.matchAll(/`([a-z]+\.(?:[\w.-]|\$\{[^}]*\})+)`/g)].map((found) => patternOf(found[1]));
  const matched = keys.filter((key) => strings.includes(key) || templates.some((pattern) => pattern.test(key)));
  return new Set([...calls, ...matched]);
}

function patternOf(template) {
  return new RegExp(`^${template.replaceAll(".", "\\.").replace(/\$\{[^}]*\}/g, "[\\w-]+")}$`);
}

// Texts between tags and in attributes that users see, but for names that are the same in all languages.
function outsideOf(source) {
  const attributes = source.matchAll(
    /\b(?:aria-label|alt|detail|hint|label|placeholder|title)="([^"]*[a-z]{2}[^"]*)"/g,
  );
  const between = source.matchAll(
    /(?:<\/?[\w.]+(?:\s[^<>]*)?>|\/>|\})\s*([A-Za-z][^<>{}();=]*[a-z][^<>{}();=]*)(?=<\/?[A-Za-z])/g,
  );
  const found = [...attributes, ...between].map((match) => match[1].trim());
  return found.filter((text) => text !== "HummDesk" && !text.startsWith("https://") && !/^(const|export) /.test(text));
}

function sources() {
  const folders = ["console/src", "uploads/src", "widget/src"];
  return folders.flatMap((folder) =>
    readdirSync(join(WEB, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
      .map((entry) => relative(WEB, join(entry.parentPath, entry.name))),
  );
}

// The placeholders of a message with their types, as a TypeScript type.
function placeholders(text) {
  const found = new Map();
  visit(parse(text), (node) => {
    if (node.type === TYPE.argument) found.set(node.value, found.get(node.value) ?? "string | number");
    else if (node.type === TYPE.number || node.type === TYPE.plural) found.set(node.value, "number");
    else if (node.type === TYPE.select) found.set(node.value, "string");
    else if (node.type === TYPE.tag) found.set(node.value, "Tag");
  });
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1));
}

// What a translation must have in common with the English message: placeholders, and the cases of a `select`.
function signature(text) {
  const cases = [];
  visit(parse(text), (node) => node.type === TYPE.select && cases.push(...Object.keys(node.options)));
  return JSON.stringify([placeholders(text), cases.sort()]);
}

function missingPlurals(text, language) {
  const missing = [];
  visit(parse(text), (node) => {
    if (node.type !== TYPE.plural) return;
    const rules = new Intl.PluralRules(language, { type: node.pluralType }); // cardinal or ordinal
    const needed = rules.resolvedOptions().pluralCategories;
    missing.push(...needed.filter((category) => !(category in node.options)));
  });
  return missing;
}

function visit(nodes, see) {
  for (const node of nodes) {
    see(node);
    if (node.children) visit(node.children, see);
    for (const option of Object.values(node.options ?? {})) visit(option.value, see);
  }
}

// The keys of the catalogue and the values that each message needs, as TypeScript.
export function types() {
  const lines = Object.entries(read("en")).map(([key, text]) => {
    const fields = placeholders(text).map(([name, type]) => `${JSON.stringify(name)}: ${type}`);
    return `  ${JSON.stringify(key)}: ${fields.length > 0 ? `{ ${fields.join("; ")} }` : "Record<never, never>"};`;
  });
  return `import type { Tag } from "../src/index";\n\nexport interface Values {\n${lines.join("\n")}\n}\n`;
}

// `node catalogue.js` writes the types and ends with code 1 if a check fails.
if (process.argv[1] === import.meta.filename) {
  mkdirSync(join(HERE, "dist"), { recursive: true });
  writeFileSync(join(HERE, "dist", "values.d.ts"), types());
  const faults = check();
  for (const fault of faults) console.error(fault);
  process.exitCode = faults.length > 0 ? 1 : 0;
}
