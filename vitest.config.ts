import { defineConfig } from 'vitest/config';
import { CountReporter } from './test/support/countReporter.js';

// biome-ignore lint/style/noDefaultExport: Vitest reads the configuration from the default export.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/comparisonPython.ts', 'test/support/keptPictures.ts'],
    reporters: ['default', new CountReporter()],
    pool: 'forks',
    // Two processes: each loads libtorch, and the machine that this is planned for has two cores.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    server: { deps: { external: [/\/dist\//] } },
  },
});
