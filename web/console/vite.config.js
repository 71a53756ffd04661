import { defaultClientConditions, defineConfig } from "vite";

export default defineConfig({
  resolve: { conditions: ["hummdesk-source", ...defaultClientConditions] },
  build: {
    outDir: "../../hummdesk/web",
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: ["index.html", "ops.html"] },
  },
});
