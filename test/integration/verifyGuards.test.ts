import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readGuards } from '../../billing/verify/verifyGuards.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'

const committed = fileURLToPath(new URL('../../billing/verify/guards.json', import.meta.url))

let database: TestDatabase
beforeEach(async () => {
  database = await createTestDatabase()
})
afterEach(() => database.drop())

// After a migration: npx vitest run test/integration/verifyGuards.test.ts -u, and look at what it changes.
test('billing/verify/guards.json is what the migrations and functions of this build make', async () => {
  const guards = await database.sql.begin(async (tx) => {
    await tx`set local search_path to pg_catalog`
    return readGuards(tx)
  })
  await expect(`${JSON.stringify(guards, null, 2)}\n`).toMatchFileSnapshot(committed)
})
