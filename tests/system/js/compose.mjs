// Print a Compose file as JSON, read like `docker compose config` does: with variables from the environment, merge keys
// resolved, and validated by the schema of the Compose specification.
import { readFileSync } from "node:fs";
import Ajv from "ajv";
import { parse } from "yaml";

const schema = JSON.parse(readFileSync(new URL("node_modules/dclint/schemas/compose.schema.json", import.meta.url)));

// Expand ${NAME:-default}, ${NAME:?error} and ${NAME:+replacement}; an empty value counts as unset.
function expand(text) {
  return text.replace(/\$\{(\w+)(?::([-?+])([^}]*))?\}/g, (_, name, kind, word) => {
    const value = process.env[name] ?? "";
    if (kind === "+") return value && word;
    if (value) return value;
    if (kind === "-") return word;
    throw new Error(`${name}: ${kind === "?" ? word : "not set"}`);
  });
}

const text = readFileSync(process.argv[2], "utf8");
const file = parse(text, (_, value) => (typeof value === "string" ? expand(value) : value), {
  merge: true,
});
delete schema.$schema; // ajv knows the draft by its http URL only
const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
if (!ajv.validate(schema, file)) throw new Error(ajv.errorsText(ajv.errors, { separator: "\n" }));
console.log(JSON.stringify(file));
