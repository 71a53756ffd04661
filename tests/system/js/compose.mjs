// Reads a Compose file as `docker compose config` does: variables filled in from this environment, merge keys resolved,
// the outcome held against the schema of the Compose specification. Prints it as JSON.
import { readFileSync } from "node:fs";
import Ajv from "ajv";
import { parse } from "yaml";

const schema = JSON.parse(readFileSync(new URL("node_modules/dclint/schemas/compose.schema.json", import.meta.url)));

// ${NAME:-default}, ${NAME:?complaint}, ${NAME:+instead}, where an empty value counts as none.
function filled(text) {
  return text.replace(/\$\{(\w+)(?::([-?+])([^}]*))?\}/g, (_, name, kind, word) => {
    const value = process.env[name] ?? "";
    if (kind === "+") return value && word;
    if (value) return value;
    if (kind === "-") return word;
    throw new Error(`${name}: ${kind === "?" ? word : "not set"}`);
  });
}

const text = readFileSync(process.argv[2], "utf8");
const file = parse(text, (_, value) => (typeof value === "string" ? filled(value) : value), {
  merge: true,
});
delete schema.$schema; // ajv knows the draft by its http address only
const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
if (!ajv.validate(schema, file)) throw new Error(ajv.errorsText(ajv.errors, { separator: "\n" }));
console.log(JSON.stringify(file));
