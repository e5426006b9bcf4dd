import { defineConfig } from 'vitest/config'

// Every test brings up what it needs on free ports and stops it again, so files may run side by side.
// Two workers: the machines this must pass on have two cores, and a real chain, database and indexer behind most files.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/globalSetup.ts'],
    maxWorkers: 2,
    // Beyond any bound that a test waits for by itself (`waitUntil`), so that those fail first, by what they waited for.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    teardownTimeout: 20_000,
    retry: 0,
    // Tests cut connections at any moment; one that is cut while postgres.js asks for the array types rejects a promise that
    // it gave to nobody (see isHangUp.ts). Our own queries ask for no such thing.
    onUnhandledError: (error) =>
      !String((error as { query?: unknown }).query).includes('left join pg_catalog.pg_type b'),
  },
})
