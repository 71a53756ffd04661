import { defaultClientConditions, defineConfig } from "vite";

export default defineConfig({
  resolve: { conditions: ["hummdesk-source", ...defaultClientConditions] },
  build: {
    outDir: "../../hummdesk/web",
    emptyOutDir: false,
    lib: { entry: "src/main.tsx", formats: ["iife"], name: "HummDesk", fileName: () => "widget.js" },
  },
});
