import { defaultClientConditions, defineConfig } from "vite";
import { texts } from "../texts/catalogue.js";
import { twoTransports } from "../transports.js";

export default defineConfig({
  plugins: [texts("console", "extras", "assist", "ops", "settings", "supervisor"), twoTransports()],
  resolve: { conditions: ["hummdesk-source", ...defaultClientConditions] },
  build: {
    outDir: "../../hummdesk/web",
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: ["index.html", "ops.html"] },
  },
});
