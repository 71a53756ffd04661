// Reads an AsyncAPI document from standard input, and says what the official parser finds wrong with it.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(readFileSync(0, "utf8"));
const faults = diagnostics.filter(({ severity }) => severity <= 1);
for (const { code, message, path } of faults) console.log(`${code} ${path.join(".")}: ${message}`);
console.log(document ? `valid: ${document.allMessages().all().length} messages` : "invalid");
process.exit(document && faults.length === 0 ? 0 : 1);
