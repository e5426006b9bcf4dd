import { type Hash, parseEther } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Sql, Transaction } from '../../billing/database/connect.ts'
import { verifyBooks } from '../../billing/verify/verifyBooks.ts'
import { baseSettings } from '../support/baseSettings.ts'
import { createChain, type TestChain } from '../support/createChain.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { type Service, startService } from '../support/startService.ts'
import { waitUntil } from '../support/waitUntil.ts'

// The database (one that we do not run ourselves) cuts the indexer's connections while it writes blocks. The indexer must
// not go on as if the block it was writing had been empty: nobody submits these payments, so the index is all there is.

let chain: TestChain
let database: TestDatabase
let service: Service

beforeAll(async () => {
  ;[chain, database] = await Promise.all([createChain(), createTestDatabase()])
  service = await startService(await baseSettings({ chains: [chain], databaseUrl: database.url }))
})

afterAll(async () => {
  await service?.stop()
  await database?.drop()
  await chain?.stop()
})

const ROUNDS = 20

async function cut(applications: string, sql: Sql | Transaction = database.sql): Promise<void> {
  await sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and application_name like ${applications}`
}

for (const [what, applications] of [
  ['the indexer', 'indexer%'],
  ['everybody', '%'],
] as const) {
  test(`connections of ${what} cut while blocks are written: every payment is found and credited once`, async () => {
    const hashes: Hash[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const block = await chain.mineWith(
        chain.transferEth({ from: chain.accounts.buyer, value: parseEther('0.0005') }),
      )
      hashes.push(...block.hashes)
      // At the moments at which the block of this round may be in the making.
      if (round % 5 === 2) {
        for (let repeat = 0; repeat < 6; repeat++) await cut(applications).catch(() => {})
      }
    }
    await chain.mine(5)
    const uncredited = async () => {
      const rows = await database.sql<{ txHash: Hash }[]>`
        select details->>'txHash' as "txHash" from credits.ledger_entry where kind = 'deposit'`
      return hashes.filter((hash) => !rows.some(({ txHash }) => txHash === hash))
    }
    await waitUntil(async () => (await uncredited()).length === 0, {
      withinMs: 60_000,
      what: 'every payment to be credited',
    }).catch(async (error: Error) => {
      const lines = service.logs().split('\n')
      const telling = lines.filter((line) => !/"request"|deposit credited/.test(line)).slice(-60)
      throw new Error(`${error.message}; missing ${await uncredited()}\n${telling.join('\n')}`)
    })
    const entries =
      await database.sql`select 1 from credits.ledger_entry where details->>'txHash' in ${database.sql(hashes)}`
    expect(entries).toHaveLength(ROUNDS)
  }, 400_000)
}

test('connections cut while they are being opened do not end billing', async () => {
  const { billing } = service.pids()
  expect(billing).toBeGreaterThan(0)
  const opening = async (tx: Transaction) => {
    // Within a transaction it is looked at once, unless it is forgotten.
    await tx`select pg_stat_clear_snapshot()`
    const rows = await tx<{ pid: number }[]>`
      select pid from pg_stat_activity where datname = current_database() and application_name = 'billing'
        and wait_event_type = 'Lock' and query like '%pg_catalog.pg_type%'`
    return rows.map(({ pid }) => pid)
  }
  // The first that the driver asks on a new connection is the types there are: it waits for this lock.
  await database.sql.begin(async (tx) => {
    await tx`lock table pg_catalog.pg_type in access exclusive mode`
    await cut('billing', tx)
    const pids = await waitUntil(
      async () => {
        const found = await opening(tx)
        return found.length > 0 && found
      },
      { withinMs: 15_000, what: 'billing to open connections anew' },
    )
    await tx`select pg_terminate_backend(pid) from unnest(${pids}::int[]) as pid`
  })
  await waitUntil(async () => (await service.request('/health/ready')).status === 200, {
    withinMs: 30_000,
    what: 'billing to be ready again',
  })
  expect(service.pids().billing).toBe(billing)
  expect(service.logs()).toContain('the database hung up')
})

test('the books are clean after all of that', async () => {
  expect((await verifyBooks(database.sql)).differences).toBe(0)
})
