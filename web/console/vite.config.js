import { defineConfig } from "vite";

export default defineConfig({
  build: { outDir: "../../hummdesk/web", emptyOutDir: true, modulePreload: { polyfill: false } },
});
