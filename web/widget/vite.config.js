import { defaultClientConditions, defineConfig } from "vite";
import { texts } from "../texts/catalogue.js";
import { twoTransports } from "../transports.js";

export default defineConfig({
  plugins: [texts("widget"), twoTransports()],
  resolve: { conditions: ["hummdesk-source", ...defaultClientConditions] },
  build: {
    outDir: "../../hummdesk/web",
    emptyOutDir: false,
    lib: { entry: "src/main.tsx", formats: ["iife"], name: "HummDesk", fileName: () => "widget.js" },
  },
});
