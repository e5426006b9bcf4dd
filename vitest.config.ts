import { defineConfig } from 'vitest/config'

// Every test brings up what it needs on free ports and stops it again, so files may run side by side.
// Two workers: the machines this must pass on have two cores, and a real chain, database and indexer behind most files.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/globalSetup.ts'],
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 20_000,
    retry: 0,
  },
})
