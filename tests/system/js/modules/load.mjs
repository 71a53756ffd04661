// Loads a TypeScript module of the pages with what it imports. Texts are their keys.
import { join } from "node:path";
import { rolldown } from "../../../../web/node_modules/rolldown/dist/index.mjs";

const WEB = join(import.meta.dirname, "../../../../web");

const texts = {
  name: "texts",
  resolveId: (id) => (id === "virtual:texts" ? id : null),
  load: (id) => (id === "virtual:texts" ? "export const FILES = {};" : null),
};

const assets = {
  name: "assets",
  resolveId: (id) => (id.endsWith("?url") ? id : null),
  load: (id) => (/(\?url|\.css)$/.test(id) ? { code: 'export default "";', moduleType: "js" } : null),
};

export async function load(path) {
  const bundle = await rolldown({
    input: join(WEB, path),
    platform: "browser",
    plugins: [texts, assets],
    resolve: { conditionNames: ["hummdesk-source", "import", "default"] },
    transform: { jsx: { runtime: "automatic", importSource: "preact" } },
  });
  const { output } = await bundle.generate({ format: "esm", codeSplitting: false });
  await bundle.close();
  return import(`data:text/javascript,${encodeURIComponent(output[0].code)}`);
}
