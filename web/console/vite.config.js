import { defaultClientConditions, defineConfig } from "vite";
import { texts } from "../texts/catalogue.js";

export default defineConfig({
  plugins: [texts("console", "assist", "ops", "settings", "supervisor")],
  resolve: { conditions: ["hummdesk-source", ...defaultClientConditions] },
  build: {
    outDir: "../../hummdesk/web",
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: ["index.html", "ops.html"] },
  },
});
