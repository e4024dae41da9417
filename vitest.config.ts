import { createRequire } from "node:module";
import { defineConfig } from "vitest/config";

const { resolve } = createRequire(import.meta.url);

export default defineConfig({
  // As CommonJS it is loaded six times as fast as its several hundred ES modules, and that once for each file of tests.
  plugins: [
    {
      name: "drizzle-as-commonjs",
      enforce: "pre",
      resolveId: (id) => (/^drizzle-orm(\/|$)/.test(id) ? resolve(id) : undefined),
    },
  ],
  test: {
    include: ["src/**/*.test.ts"],
    // More than processors, because most tests wait for a broker.
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    reporters: ["default", "json"],
    outputFile: { json: ".vitest/results.json" },
  },
});
