// Runs the tests of all modules of the pages in one process.
import { readdirSync } from "node:fs";

for (const name of readdirSync(import.meta.dirname).sort()) if (name.endsWith(".test.mjs")) await import(`./${name}`);
