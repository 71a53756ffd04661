import { defaultClientConditions, defineConfig } from "vite";

// Console and widget load it when a file is chosen.
export default defineConfig({
  resolve: { conditions: ["hummdesk-source", ...defaultClientConditions] },
  build: {
    outDir: "../../hummdesk/web",
    emptyOutDir: false,
    lib: { entry: "src/main.ts", formats: ["es"], fileName: () => "upload.js" },
  },
});
