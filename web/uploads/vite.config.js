import { defaultClientConditions, defineConfig } from "vite";
import { texts } from "../texts/catalogue.js";

// Console and widget load it when a file is chosen.
export default defineConfig({
  plugins: [texts("files")],
  resolve: { conditions: ["hummdesk-source", ...defaultClientConditions] },
  build: {
    outDir: "../../hummdesk/web",
    emptyOutDir: false,
    lib: { entry: "src/main.ts", formats: ["es"], fileName: () => "upload.js" },
  },
});
