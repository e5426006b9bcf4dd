import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { listDeposits, readDeposits } from '../../billing/deposits/depositViews.ts'
import type { DepositReason, DepositState } from '../../billing/deposits/schema.ts'
import { readHealth } from '../../billing/health/readHealth.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'

const PAYER = `0x${'a'.repeat(40)}` as const
const OTHER = `0x${'b'.repeat(40)}` as const
const SIX = () => 6

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

async function setHead(
  chainId: number,
  headNumber: bigint,
  change: { headAgo?: string; passAgo?: string; problem?: string } = {},
) {
  const { headAgo = '1 second', passAgo = '0 seconds', problem = null } = change
  await database.sql`
    insert into credits.chain_status (chain_id, head_number, head_hash, head_timestamp, head_changed_at, finalized_number,
      passed_at, problem)
    values (${chainId}, ${headNumber}, '0x01', now(), now() - ${headAgo}::interval, 0, now() - ${passAgo}::interval, ${problem})
    on conflict (chain_id) do update set head_number = excluded.head_number, head_changed_at = excluded.head_changed_at,
      passed_at = excluded.passed_at, problem = excluded.problem`
}

describe('deposits', () => {
  const hashOf = (n: number) => `0x${n.toString(16).padStart(64, '0')}` as const
  const paidAt = new Date('2026-01-01T00:00:00Z')
  const creditedAt = new Date('2026-01-01T00:01:12Z')
  const idOf = (n: number, payer = PAYER) => `1-${hashOf(n)}-eth-${payer}`

  async function record(
    n: number,
    blockNumber: bigint,
    state: DepositState,
    reason: DepositReason | null = null,
    payer = PAYER,
  ) {
    await database.sql`
      insert into credits.deposit (id, chain_id, tx_hash, rail, payer, state, reason, amount_base_units, block_number,
        block_hash, block_timestamp, credit_micros, attempt, credited_at)
      values (${idOf(n, payer)}, 1, ${hashOf(n)}, 'eth:1', ${payer}, ${state}, ${reason},
        ${(2n ** 256n - 1n).toString()}, ${blockNumber}, '0x01', ${paidAt}, ${state === 'credited' ? 60n : null}, 0,
        ${state === 'pending' ? null : creditedAt})`
  }

  beforeAll(async () => {
    await record(1, 100n, 'credited')
    await record(2, 105n, 'held', 'below_minimum')
    await record(3, 105n, 'pending')
    await record(4, 110n, 'orphaned')
    await record(5, 111n, 'pending')
    await record(6, 90n, 'held', 'rpc_disagreement', OTHER)
    await setHead(1, 110n)
  })

  const list = async (
    filter: Partial<Parameters<typeof listDeposits>[2]>,
    cursor: string | null = null,
    limit = 50,
  ) => {
    const page = await listDeposits(
      database.sql,
      SIX,
      { payer: null, state: null, reason: null, ...filter },
      { cursor, limit },
    )
    if (page.kind !== 'page') throw new Error(`expected a page, got ${page.kind}`)
    return page
  }
  const numbers = (items: { txHash: string }[]) => items.map(({ txHash }) => Number(txHash))

  test('of one payer come newest block first, and nobody else’s', async () => {
    expect(numbers((await list({ payer: PAYER })).items)).toEqual([5, 4, 2, 3, 1])
    expect(numbers((await list({ payer: OTHER })).items)).toEqual([6])
    expect(await list({ payer: `0x${'c'.repeat(40)}` })).toEqual({ kind: 'page', items: [], nextKey: null })
  })

  test('are shown whole, the greatest amount exactly', async () => {
    expect((await list({ payer: PAYER })).items.at(-1)).toEqual({
      id: idOf(1),
      txHash: hashOf(1),
      chainId: 1,
      rail: 'eth:1',
      payer: PAYER,
      amountBaseUnits: 2n ** 256n - 1n,
      state: 'credited',
      reason: null,
      detail: null,
      confirmations: 11,
      confirmationsRequired: 6,
      creditMicros: 60n,
      blockNumber: 100n,
      retryAt: null,
      blockTime: paidAt,
      creditedAt,
    })
  })

  test('that are not credited any more do not say when they were', async () => {
    const orphaned = (await list({ payer: PAYER })).items.find(({ state }) => state === 'orphaned')
    expect(orphaned).toMatchObject({ blockTime: paidAt, creditedAt: null })
  })

  test('have head − block + 1 confirmations, never below 0, and 0 when their block is gone', async () => {
    const confirmations = (await list({ payer: PAYER })).items.map((deposit) => deposit.confirmations)
    // Block 111 is above the head, which went backwards; block 110 is the head, but no longer canonical.
    expect(confirmations).toEqual([0, 0, 6, 6, 11])
  })

  test.each([1, 2, 3])('page by %i are all there once, also within one block', async (limit) => {
    const seen: number[] = []
    let cursor: string | null = null
    do {
      const page = await list({ payer: PAYER }, cursor, limit)
      seen.push(...numbers(page.items))
      cursor = page.nextKey
    } while (cursor !== null)
    expect(seen).toEqual([5, 4, 2, 3, 1])
  })

  test('are filtered by state and by reason', async () => {
    expect(numbers((await list({ state: 'held' })).items)).toEqual([2, 6])
    expect(numbers((await list({ reason: 'rpc_disagreement' })).items)).toEqual([6])
    expect(numbers((await list({ state: 'held', reason: 'below_minimum' })).items)).toEqual([2])
    expect(numbers((await list({ state: 'rejected' })).items)).toEqual([])
    expect(numbers((await list({})).items)).toEqual([5, 4, 2, 3, 1, 6])
  })

  test.each([
    '',
    '5',
    ':',
    `-1:${idOf(1)}`,
    `9223372036854775808:${idOf(1)}`,
    `1:${idOf(1)}'`,
    '1:1-0x00-eth-0x00',
  ])('refuse the cursor %j', async (cursor) => {
    const filter = { payer: PAYER, state: null, reason: null }
    expect(await listDeposits(database.sql, SIX, filter, { cursor, limit: 1 })).toEqual({
      kind: 'bad_cursor',
    })
  })

  test('are found by id and by transaction hash', async () => {
    expect(numbers(await readDeposits(database.sql, SIX, { id: idOf(3) }))).toEqual([3])
    expect(numbers(await readDeposits(database.sql, SIX, { txHash: hashOf(4) }))).toEqual([4])
    expect(await readDeposits(database.sql, SIX, { id: idOf(9) })).toEqual([])
  })
})

describe('health', () => {
  const check = async () => (await readHealth(database.sql, [1])).checks
  const checkpointAt = (block: bigint) =>
    [
      '1767225600',
      '1'.padStart(16, '0'),
      block.toString().padStart(16, '0'),
      '9'.repeat(16),
      '5',
      '9'.repeat(16),
    ].join('')

  async function setIndexed(block: bigint) {
    await database.sql`create schema if not exists indexer`
    await database.sql`
      create table if not exists indexer._ponder_checkpoint (chain_name text primary key, chain_id bigint, latest_checkpoint text)`
    await database.sql`
      insert into indexer._ponder_checkpoint values ('mainnet', 1, ${checkpointAt(block)})
      on conflict (chain_name) do update set latest_checkpoint = excluded.latest_checkpoint`
  }
  afterEach(() => database.sql`drop schema if exists indexer cascade`)

  test('is ok everywhere when all pieces work', async () => {
    await setHead(1, 110n)
    await setIndexed(110n)
    expect(await check()).toEqual({
      database: { status: 'ok', detail: 'answers' },
      rpc: { 1: { status: 'ok', detail: expect.stringMatching(/^at block 110, \d+ seconds ago$/) } },
      indexer: { 1: { status: 'ok', detail: 'at block 110 of 110' } },
      gate: { 1: { status: 'ok', detail: expect.stringMatching(/^passed \d+ seconds ago$/) } },
      jobs: { 1: { status: 'ok', detail: 'work' } },
    })
  })

  test('says for how long a halted chain has made no block, and nothing else is failing', async () => {
    await setHead(1, 110n, { headAgo: '31 minutes' })
    await setIndexed(110n)
    expect(await check()).toMatchObject({
      rpc: { 1: { status: 'failing', detail: 'no new block for 31 minutes, at block 110' } },
      indexer: { 1: { status: 'ok' } },
      gate: { 1: { status: 'ok' } },
    })
  })

  test('a head of nine minutes is ok', async () => {
    await setHead(1, 110n, { headAgo: '9 minutes' })
    expect((await check()).rpc).toEqual({ 1: { status: 'ok', detail: 'at block 110, 9 minutes ago' } })
  })

  test('says how long the gate has not passed, or what its last pass found', async () => {
    await setHead(1, 110n, { passAgo: '45 seconds' })
    expect((await check()).gate).toEqual({
      1: { status: 'failing', detail: expect.stringMatching(/^last passed \d+ seconds ago$/) },
    })
    await setHead(1, 110n, { problem: 'the RPC is of chain 5' })
    expect((await check()).gate).toEqual({ 1: { status: 'failing', detail: 'the RPC is of chain 5' } })
  })

  test('says by how many blocks the indexer is behind: 20 are ok, 21 are not', async () => {
    await setHead(1, 110n)
    await setIndexed(90n)
    expect((await check()).indexer).toEqual({ 1: { status: 'ok', detail: 'at block 90 of 110' } })
    await setIndexed(89n)
    expect((await check()).indexer).toEqual({
      1: { status: 'failing', detail: '21 blocks behind: at block 89 of 110' },
    })
  })

  test('an indexer without tables, and a chain nothing is known of, are failing', async () => {
    await setHead(1, 110n)
    expect((await check()).indexer).toEqual({
      1: { status: 'failing', detail: 'has not published its tables yet' },
    })
    expect((await readHealth(database.sql, [7])).checks).toMatchObject({
      database: { status: 'ok' },
      rpc: { 7: { status: 'failing', detail: 'no block has been seen yet' } },
      gate: { 7: { status: 'failing', detail: 'has not passed yet' } },
    })
  })

  test('a database that cannot be reached is the finding, told within the patience', async () => {
    const gone = await createTestDatabase()
    await gone.drop()
    expect((await readHealth(gone.sql, [1])).checks).toEqual({
      database: { status: 'failing', detail: 'the database does not answer' },
      rpc: { 1: { status: 'failing', detail: 'unknown while the database does not answer' } },
      indexer: { 1: { status: 'failing', detail: 'unknown while the database does not answer' } },
      gate: { 1: { status: 'failing', detail: 'unknown while the database does not answer' } },
      jobs: { 1: { status: 'failing', detail: 'unknown while the database does not answer' } },
    })
  })

  // The table is locked by another transaction, so the question hangs rather than fails.
  test('a database that hangs counts as silent after three seconds', async () => {
    await database.sql.begin(async (tx) => {
      await tx`lock table credits.chain_status in access exclusive mode`
      const before = performance.now()
      expect((await check()).database.status).toBe('failing')
      expect(performance.now() - before).toBeLessThan(10_000)
    })
  })
})
