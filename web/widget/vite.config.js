import { defineConfig } from "vite";

export default defineConfig({
  build: {
    outDir: "../../hummdesk/web",
    emptyOutDir: false,
    lib: { entry: "src/main.tsx", formats: ["iife"], name: "HummDesk", fileName: () => "widget.js" },
  },
});
