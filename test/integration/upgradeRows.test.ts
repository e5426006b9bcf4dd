import { readFile } from 'node:fs/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { migrate } from '../../billing/database/migrate.ts'
import { bringUpTo } from '../support/bringUpTo.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { readDifferences } from '../support/readDifferences.ts'

// Rows that the release before wrote, every table of it, as its own end-to-end tests left them: credits, reversals and second
// credits around reorgs; sessions on one account that ran dry, with the usage posted and not. Brought up, they are in order.

let database: TestDatabase
beforeEach(async () => {
  database = await createTestDatabase()
})
afterEach(() => database.drop())

async function load(name: string): Promise<Record<string, unknown[]>> {
  const fixture = new URL(`../fixtures/release0006${name}.json`, import.meta.url)
  const tables: Record<string, unknown[]> = JSON.parse(await readFile(fixture, 'utf8'))
  await database.sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`
    for (const [table, rows] of Object.entries(tables)) {
      const of = tx`credits.${tx(table)}`
      await tx`delete from ${of}`
      await tx`
        insert into ${of} overriding system value
        select * from jsonb_populate_recordset(null::${of}, ${JSON.stringify(rows)}::text::jsonb)`
    }
  })
  return tables
}

test.each(['Sessions', 'Reorgs'])(
  '%s of release 0006: every row is kept, and verify is clean',
  async (name) => {
    await bringUpTo(database, '0006_functions')
    const tables = await load(name)
    await migrate(database.url)
    expect(await readDifferences(database.sql)).toEqual([])
    for (const [table, rows] of Object.entries(tables)) {
      const [row] = await database.sql<{ count: number }[]>`
      select count(*)::int as count from credits.${database.sql(table)}`
      expect({ table, ...row }).toEqual({ table, count: rows.length })
    }
    const [refills] = await database.sql<{ missing: number }[]>`
    select count(*)::int as missing from credits.deposit d
    where attempt > 0 and not exists (select from credits.grace_refill r where r.deposit_id = d.id)`
    expect(refills?.missing).toBe(0)
  },
)

test('rows of release 0006 that were altered are found after it', async () => {
  await bringUpTo(database, '0006_functions')
  await load('Reorgs')
  await database.sql`update credits.deposit set amount_base_units = amount_base_units + 1`
  await migrate(database.url)
  expect((await readDifferences(database.sql)).length).toBeGreaterThan(0)
})
