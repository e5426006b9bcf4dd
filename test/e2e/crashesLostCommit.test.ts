import { chmod, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Hash, parseEther } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, type Sql } from '../../billing/database/connect.ts'
import { verifyBooks } from '../../billing/verify/verifyBooks.ts'
import { removeFolder } from '../../demo/removeFolder.ts'
import { findEmbeddedPostgres } from '../../supervisor/embeddedPostgres.ts'
import { baseSettings } from '../support/baseSettings.ts'
import { createChain, type TestChain } from '../support/createChain.ts'
import { type Service, startService } from '../support/startService.ts'
import { waitUntil } from '../support/waitUntil.ts'

// Ponder commits with `synchronous_commit = off`: a database that is killed forgets the last blocks which the indexer,
// still alive, believes to be written. The indexer must then begin again from what the database does hold.

let chain: TestChain
let service: Service
let dataDir: string

beforeAll(async () => {
  chain = await createChain()
  dataDir = await mkdtemp(join(tmpdir(), 'credits-lost-commit-'))
  // Run as root, PostgreSQL runs as somebody else, who must get in.
  await chmod(dataDir, 0o755)
  service = await startService(
    await baseSettings({ chains: [chain], databaseUrl: '', overrides: { DATA_DIR: join(dataDir, 'data') } }),
  )
})

afterAll(async () => {
  await service?.stop()
  await chain?.stop()
  if (dataDir) await removeFolder(dataDir)
})

async function withDatabase<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
  const url = await findEmbeddedPostgres(join(dataDir, 'data'))
  if (url === null) throw new Error('the embedded PostgreSQL is away')
  const sql = connect(url, { max: 1, applicationName: 'test' })
  try {
    return await work(sql)
  } finally {
    await sql.end({ timeout: 1 })
  }
}

test('a block that the killed database forgot is indexed again: its payment is credited once, with nobody’s help', async () => {
  // What is committed without waiting stays in memory until somebody who waits commits as well: nobody does, here.
  await withDatabase(async (sql) => {
    await sql`alter system set wal_writer_delay = '10s'`
    await sql`select pg_reload_conf()`
  })
  const billing = service.pids().billing
  if (billing === undefined) throw new Error('billing is away')
  process.kill(billing, 'SIGSTOP')
  const { hashes, number } = await chain.mineWith(
    chain.transferEth({ from: chain.accounts.buyer, value: parseEther('0.0005') }),
  )
  const [hash] = hashes as [Hash]
  await waitUntil(() => service.logs().includes(`"number":${number},"event_count":1`), {
    withinMs: 30_000,
    what: 'the indexer to believe that the payment is in the database',
  })
  service.kill('postgres', 'SIGKILL')
  process.kill(billing, 'SIGCONT')
  await chain.mine(5)
  const entries = await waitUntil(
    () =>
      withDatabase(async (sql) => {
        const found = await sql<{ micros: bigint }[]>`
          select micros from credits.ledger_entry where details->>'txHash' = ${hash}`
        return found.length > 0 && found.map(({ micros }) => micros)
      }),
    { withinMs: 60_000, what: 'the payment to be credited', everyMs: 200 },
  )
  expect(entries).toEqual([3_600_000_000n])
  expect((await withDatabase((sql) => verifyBooks(sql))).differences).toBe(0)
}, 400_000)
