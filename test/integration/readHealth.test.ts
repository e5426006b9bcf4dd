import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { readHealth } from '../../billing/health/readHealth.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'

// Case 21, and what else /health/ready must notice, told from rows as the gate and the indexer leave them.

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
  await database.sql.unsafe(`
    create schema indexer;
    create table indexer._ponder_checkpoint (chain_id bigint, latest_checkpoint text)`)
})
afterAll(() => database?.drop())

const CHAIN = 31_337
const HASH = `0x${'11'.repeat(32)}`

beforeEach(async () => {
  await database.sql`delete from credits.chain_status`
  await database.sql`delete from indexer._ponder_checkpoint`
})

interface Given {
  headSecondsAgo?: number
  passSecondsAgo?: number
  problem?: string | null
  indexed?: number
}

async function given({ headSecondsAgo = 12, passSecondsAgo = 1, problem = null, indexed = 500 }: Given) {
  await database.sql`
    insert into credits.chain_status
      (chain_id, head_number, head_hash, head_timestamp, head_changed_at, finalized_number, passed_at, problem)
    values (${CHAIN}, 500, ${HASH}, now() - make_interval(secs => ${headSecondsAgo}),
      now() - make_interval(secs => ${headSecondsAgo}), 436, now() - make_interval(secs => ${passSecondsAgo}), ${problem})`
  const checkpoint = `${'1'.repeat(10)}${String(CHAIN).padStart(16, '0')}${String(indexed).padStart(16, '0')}${'9'.repeat(33)}`
  await database.sql`insert into indexer._ponder_checkpoint values (${CHAIN}, ${checkpoint})`
}

async function check(group: 'rpc' | 'indexer' | 'gate') {
  return (await readHealth(database.sql, [CHAIN])).checks[group][String(CHAIN)]
}

const MINUTES = 60
describe('the chain', () => {
  test.each([
    [12, 'ok', 'at block 500, 12 seconds ago'],
    [9 * MINUTES, 'ok', 'at block 500, 9 minutes ago'],
    [31 * MINUTES, 'failing', 'no new block for 31 minutes, at block 500'],
    [50 * 60 * MINUTES, 'failing', 'no new block for 50 hours, at block 500'],
  ])('whose newest block came %i seconds ago is %s', async (headSecondsAgo, status, detail) => {
    await given({ headSecondsAgo })
    expect(await check('rpc')).toEqual({ status, detail })
    expect(await check('gate')).toMatchObject({ status: 'ok' })
  })

  test('whose block the gate saw in the future (the clock went back) is not failing', async () => {
    await given({ headSecondsAgo: -3_600 })
    expect(await check('rpc')).toEqual({ status: 'ok', detail: 'at block 500, 0 seconds ago' })
  })

  test('of which no block was seen yet is failing', async () => {
    expect(await check('rpc')).toEqual({ status: 'failing', detail: 'no block has been seen yet' })
    expect(await check('gate')).toEqual({ status: 'failing', detail: 'has not passed yet' })
  })
})

describe('the gate', () => {
  const wrongChain = 'rpc 1 (host.example) answers for chain 5'

  test('that passes is ok', async () => {
    await given({ passSecondsAgo: 29 })
    expect(await check('gate')).toEqual({ status: 'ok', detail: 'passed 29 seconds ago' })
  })

  test('that passes with a problem says which', async () => {
    await given({ problem: wrongChain })
    expect(await check('gate')).toEqual({ status: 'failing', detail: wrongChain })
  })

  test('that has not passed for long says so', async () => {
    await given({ passSecondsAgo: 31 * MINUTES })
    expect(await check('gate')).toEqual({ status: 'failing', detail: 'last passed 31 minutes ago' })
  })

  test('that has not passed for long because of a problem says both', async () => {
    await given({ passSecondsAgo: 31 * MINUTES, problem: wrongChain })
    expect(await check('gate')).toEqual({
      status: 'failing',
      detail: `last passed 31 minutes ago: ${wrongChain}`,
    })
  })
})

describe('the indexer', () => {
  test.each([
    [500, 'ok', 'at block 500 of 500'],
    [505, 'ok', 'at block 505 of 500'],
    [480, 'ok', 'at block 480 of 500'],
    [479, 'failing', '21 blocks behind: at block 479 of 500'],
  ])('at block %i of 500 is %s', async (indexed, status, detail) => {
    await given({ indexed })
    expect(await check('indexer')).toEqual({ status, detail })
  })

  test('that has published nothing is failing', async () => {
    await given({})
    await database.sql`delete from indexer._ponder_checkpoint`
    expect(await check('indexer')).toEqual({ status: 'failing', detail: 'has not published its tables yet' })
  })
})

test('a chain that is not asked about has no say, one that is unknown is failing', async () => {
  await given({})
  const { checks } = await readHealth(database.sql, [1])
  expect(Object.keys(checks.rpc)).toEqual(['1'])
  expect(checks.rpc['1']?.status).toBe('failing')
  expect(checks.database).toEqual({ status: 'ok', detail: 'answers' })
})
