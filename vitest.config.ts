import { defineConfig } from 'vitest/config';

const isSlowRun = process.env.RUTTER_TEST_SLOW === '1';
// A mutation run works on a copy of the tree, but with the node_modules of the original: this names the copy.
const isMutationRun = process.env.STRYKER_MUTATOR_WORKER !== undefined;
const mode = 'development|production';

export default defineConfig({
  resolve: {
    conditions: ['@rutter/source', 'module', 'browser', mode],
    alias: isMutationRun ? [{ find: /^@rutter\/core$/, replacement: `${import.meta.dirname}/core/index.ts` }] : [],
  },
  // Not 'module': Node does not know it, and what it finds there is written for bundlers.
  ssr: { resolve: { conditions: ['@rutter/source', 'node', mode] } },
  test: {
    include: ['core', 'plugin-sdk', 'plugins', 'strategies', 'test'].map((folder) => `${folder}/**/*.test.ts`),
    exclude: ['**/node_modules/**', '**/dist/**', ...(isSlowRun ? [] : ['test/**/*.slow.test.ts'])],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    coverage: {
      provider: 'v8',
      include: ['core', 'plugin-sdk', 'plugins', 'strategies'].map((folder) => `${folder}/**/*.ts`),
      exclude: ['**/*.test.ts', '**/dist/**'],
      reportsDirectory: 'reports/coverage',
    },
  },
});
