import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const platform = process.env.KASAL_URL ?? "http://127.0.0.1:8000";
const proxied = ["/api", "/v1", "/openapi.json", "/docs", "/postman", "/.well-known", "/healthz", "/readyz"];

export default defineConfig({
  base: "/console/",
  plugins: [react()],
  // The client's source, not what it is built to: one build, and one place to debug.
  resolve: { conditions: ["kasal-source", "module", "browser", "development|production"] },
  ssr: { resolve: { conditions: ["kasal-source", "module", "node", "development|production"] } },
  build: {
    target: "es2023",
    manifest: true,
    // Data URLs would need an exception in the content security policy.
    assetsInlineLimit: 0,
    // scripts/first-screen.mjs has the limit that counts.
    chunkSizeWarningLimit: 1000,
  },
  server: {
    port: Number(process.env.PORT ?? 5173),
    fs: { allow: [".", "../clients/typescript"] },
    proxy: Object.fromEntries(proxied.map((path) => [path, { target: platform, changeOrigin: false }])),
  },
  test: {
    restoreMocks: true,
    unstubGlobals: true,
    maxWorkers: 2,
    projects: [
      // Rules need no page, and no world of their own.
      { extends: true, test: { name: "rules", environment: "node", include: ["src/**/*.test.ts"], isolate: false } },
      {
        extends: true,
        root: "../clients/typescript",
        resolve: { alias: { vitest: here("node_modules/vitest/dist/index.js") } },
        test: { name: "client", environment: "node", include: ["tests/**/*.test.ts"], isolate: false },
      },
      {
        extends: true,
        test: {
          name: "components",
          environment: "happy-dom",
          include: ["src/**/*.test.tsx"],
          setupFiles: ["src/testing/setup.ts"],
        },
      },
    ],
  },
});
