import { defineConfig } from "vite";

export default defineConfig({
  build: {
    outDir: "../../hummdesk/web",
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: ["index.html", "ops.html"] },
  },
});
