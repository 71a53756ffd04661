import { defineConfig } from "vite";

export default defineConfig({
  build: {
    lib: { entry: { index: "src/index.ts", rest: "src/rest/index.ts", files: "src/files.ts" }, formats: ["es"] },
    minify: false,
    rollupOptions: { external: ["socket.io-client"], output: { chunkFileNames: "[name].js" } },
  },
});
