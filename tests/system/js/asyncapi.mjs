// Validate the AsyncAPI document on standard input with the official parser, and print its errors and warnings.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(readFileSync(0, "utf8"));
const problems = diagnostics.filter(({ severity }) => severity <= 1);
for (const { code, message, path } of problems) console.log(`${code} ${path.join(".")}: ${message}`);
console.log(document ? `valid: ${document.allMessages().all().length} messages` : "invalid");
process.exit(document && problems.length === 0 ? 0 : 1);
