import type { Hash } from 'viem'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { TransactionLocation } from '../../billing/chain/proof/locateTransaction.ts'
import {
  holdDeposits,
  moveDeposit,
  orphanDeposits,
  postponeDeposits,
} from '../../billing/deposits/changeDeposits.ts'
import { creditDeposits } from '../../billing/deposits/creditDeposits.ts'
import type { OpenDeposit } from '../../billing/deposits/deposit.ts'
import { recordSeen } from '../../billing/deposits/recordSeen.ts'
import { reanchorCredit, reverseCredit } from '../../billing/deposits/reverseCredit.ts'
import { selectById } from '../../billing/deposits/selectDeposits.ts'
import { searchLost } from '../../billing/gate/followLost.ts'
import type { GateChain, GateDeps } from '../../billing/gate/gateDeps.ts'
import { planDeposit } from '../../billing/gate/planDeposit.ts'
import { readCandidates } from '../../billing/gate/readCandidates.ts'
import { reviewSettings } from '../../billing/gate/runGate.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { context, ETHER, PAYER, proven, TX, WALLET } from '../unit/gate/decisionCases.ts'

// Who may change a deposit in which state: the table of docs/reliability.md, cell by cell. Whoever changes a row has read it
// before, so each change is tried on a row that is still as it was read, on one that was moved to another block since, and on
// one that was credited since. Method: the row is really changed in between, by the service's own code, on real PostgreSQL.

type State = 'pending' | 'held' | 'orphaned' | 'reversed' | 'credited'
const states: State[] = ['pending', 'held', 'orphaned', 'reversed', 'credited']

const HERE: Hash = `0x${'22'.repeat(32)}`
const TO = { blockNumber: 101n, blockHash: `0x${'44'.repeat(32)}` as Hash, succeeded: true }
const AGAIN = { blockNumber: 102n, blockHash: `0x${'55'.repeat(32)}` as Hash, succeeded: true }
const ID = `1-${TX}-eth-${PAYER}`
const NOW = new Date()
const LATER = new Date(NOW.getTime() + 3_600_000)
const LIMITS = {
  finalizedNumber: 0n,
  meter: {
    heartbeatIntervalMicros: 30_000_000n,
    heartbeatTimeoutMicros: 120_000_000n,
    graceMicros: 0n,
    gracePercent: 10,
    lowBalanceMinutes: 10,
  },
  axgtDailyCapMicros: null,
  axgtMaxDeviationPercent: null,
}

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
  await database.sql.unsafe(`
    create schema indexer_test;
    create table indexer_test.transfer (
      chain_id bigint, asset text, token text, payer text, amount numeric, tx_hash text, block_number numeric,
      block_hash text, block_timestamp bigint, trace_index int);
    create schema indexer;
    create view indexer.transfer as select * from indexer_test.transfer`)
})
afterAll(() => database?.drop())
beforeEach(async () => {
  await database.sql.unsafe(`
    set session_replication_role = replica;
    truncate credits.deposit, credits.deposit_credit, credits.deposit_release, credits.grace_refill,
      credits.ledger_entry, credits.account, credits.meter, indexer_test.transfer, credits.indexer_cursor cascade;
    set session_replication_role = default`)
})

async function read(): Promise<OpenDeposit> {
  const row = await selectById(database.sql, ID)
  if (row === null) throw new Error('there is no deposit')
  return row
}

const sight = (
  { blockNumber, blockHash }: { blockNumber: bigint; blockHash: Hash },
  amountBaseUnits = ETHER,
) =>
  recordSeen(database.sql, [
    {
      ...{
        chainId: 1,
        txHash: TX,
        asset: 'eth' as const,
        payer: PAYER,
        amountBaseUnits,
        blockNumber,
        blockHash,
      },
      blockTimestamp: NOW,
      under: { wallet: WALLET, token: null, by: 'traces' },
    },
  ])

async function credit(deposit: OpenDeposit): Promise<void> {
  const decision = planDeposit(
    { ...deposit, seenBaseUnits: null, seenUnder: null },
    proven('eth', ETHER),
    context('eth'),
  )
  if (decision.kind !== 'credit') throw new Error(decision.kind)
  await creditDeposits(database.sql, [decision], LIMITS)
}

/** Brings a new deposit into a state, due in an hour where it is due at all. */
async function bringTo(state: State): Promise<void> {
  const { sql } = database
  await sight({ blockNumber: 100n, blockHash: HERE })
  const deposit = await read()
  if (state === 'held') await hold(deposit)
  if (state === 'orphaned') await orphanDeposits(sql, [{ deposit, retryAt: LATER }])
  if (state === 'credited' || state === 'reversed') await credit(deposit)
  if (state === 'reversed') {
    await reverseCredit(sql, await read(), { movedTo: null, retryAt: LATER, now: NOW })
  }
  if (state !== 'credited') {
    await sql`update credits.deposit set retry_at = ${LATER}, updated_at = now() - interval '1 minute'`
  }
}

const hold = (deposit: OpenDeposit) =>
  holdDeposits(
    database.sql,
    [{ kind: 'hold', deposit, reason: 'payment_not_seen', detail: null }],
    new Date(NOW.getTime() + 3_600_000),
  )

/** What anybody does with a row that they have read before. */
const changes: Record<string, (read: OpenDeposit) => Promise<unknown>> = {
  'a sighting in its block': ({ blockNumber, blockHash }) => sight({ blockNumber, blockHash }),
  'a sighting in another block': () => sight(AGAIN),
  'a row of the index in its block': ({ blockNumber, blockHash }) => index(blockNumber, blockHash),
  'a row of the index in another block': () => index(AGAIN.blockNumber, AGAIN.blockHash),
  hold,
  postpone: (deposit) => postponeDeposits(database.sql, [deposit], LATER),
  orphan: (deposit) => orphanDeposits(database.sql, [{ deposit, retryAt: LATER }]),
  move: (deposit) => moveDeposit(database.sql, deposit, AGAIN),
  credit,
  reverse: (deposit) => reverseCredit(database.sql, deposit, { movedTo: null, retryAt: LATER, now: NOW }),
  'reverse and move': (deposit) =>
    reverseCredit(database.sql, deposit, { movedTo: AGAIN, retryAt: LATER, now: NOW }),
  'move the credit': (deposit) => reanchorCredit(database.sql, deposit, AGAIN),
  'a search that finds it in its block': ({ blockNumber, blockHash }) =>
    search({ blockNumber, blockHash, succeeded: true }),
  'a search that finds it in another block': () => search(AGAIN),
  'a search that finds it failed': () => search({ ...AGAIN, succeeded: false }),
  'a search that finds nothing': () => search(null),
  'a start without its rail': () => start(false),
  'a start with its rail': () => start(true),
}

/** The search for lost transactions, of which the RPCs say where this one is: when it is due, and not before. */
async function search(found: TransactionLocation | null): Promise<void> {
  const reader = { locate: async () => ({ kind: 'agreed', value: found }) }
  const chain = { chainId: 1, reader } as unknown as GateChain
  const early = { sql: database.sql, clock: () => NOW } as GateDeps
  const before = await tell()
  await searchLost(early, chain)
  expect(await tell()).toBe(before)
  await searchLost({ ...early, clock: () => LATER }, chain)
}

async function start(isOn: boolean): Promise<void> {
  const chain = { chainId: 1, setup: { wallet: WALLET, ethDetection: 'traces' } } as GateChain
  const { rail } = context('eth')
  if (rail === undefined) throw new Error('there is no rail')
  const rails = new Map(isOn ? [[rail.config.rail, rail] as const] : [])
  await reviewSettings({ sql: database.sql, rails, chains: new Map([[1, chain]]) } as unknown as GateDeps)
}

async function index(blockNumber: bigint, blockHash: Hash): Promise<void> {
  const { sql } = database
  await sql`
    insert into indexer_test.transfer
    values (1, 'eth', null, ${PAYER}, ${ETHER.toString()}, ${TX}, ${blockNumber.toString()}, ${blockHash}, 1, 0)`
  await readCandidates(sql, 1, WALLET)
}

/** State, block and whether it is due, or due later than it was, as the table says it; and how many credits stand. */
async function tell() {
  const { sql } = database
  const [row] = await sql<{ state: string; at: Hash; due: boolean; later: boolean; standing: number }[]>`
    select state, block_hash as at, coalesce(retry_at <= now() + interval '1 second', false) as due,
      coalesce(retry_at > ${LATER}, false) as later,
      (select count(*)::int from credits.deposit_credit where reversal_entry_id is null) as standing
    from credits.deposit`
  const [balance] = await sql<
    { micros: bigint | null }[]
  >`select sum(micros) as micros from credits.ledger_entry`
  const isCredited = row?.state === 'credited'
  expect(row?.standing).toBe(isCredited ? 1 : 0)
  expect(BigInt(balance?.micros ?? 0) > 0n).toBe(isCredited)
  const block = row?.at === HERE ? 'here' : row?.at === TO.blockHash ? 'there' : 'moved'
  return `${row?.state} ${block}${row?.due ? ' due' : ''}${row?.later ? ' later' : ''}`
}

/** What becomes of a row that is still as it was read, by state. `=`: nothing. */
const table: Record<string, [string, string, string, string, string]> = {
  //                                     pending                held                   orphaned               reversed               credited
  'a sighting in its block': [
    'pending here due',
    'held here due',
    'orphaned here due',
    'reversed here due',
    '=',
  ],
  'a sighting in another block': [
    'pending here due',
    'held here due',
    'orphaned here due',
    'reversed here due',
    '=',
  ],
  'a row of the index in its block': ['=', '=', '=', '=', '='],
  'a row of the index in another block': [
    '=',
    'held here due',
    'orphaned here due',
    'reversed here due',
    '=',
  ],
  hold: ['held here later', 'held here later', '=', '=', '='],
  postpone: ['pending here later', 'held here later', '=', '=', '='],
  orphan: ['orphaned here', 'orphaned here', '=', '=', '='],
  move: ['pending moved', 'pending moved', 'pending moved', 'pending moved', '='],
  credit: ['credited here', 'credited here', '=', '=', '='],
  reverse: ['=', '=', '=', '=', 'reversed here'],
  'reverse and move': ['=', '=', '=', '=', 'pending moved'],
  'move the credit': ['=', '=', '=', '=', 'credited moved'],
  'a search that finds it in its block': ['=', '=', 'pending here', 'pending here', '='],
  'a search that finds it in another block': ['=', '=', 'pending moved', 'pending moved', '='],
  'a search that finds it failed': ['=', '=', 'orphaned here later', 'reversed here later', '='],
  'a search that finds nothing': ['=', '=', 'orphaned here later', 'reversed here later', '='],
  'a start without its rail': ['held here due', 'held here due', '=', '=', '='],
  'a start with its rail': ['=', '=', '=', '=', '='],
}

const cells = Object.entries(table).flatMap(([change, row]) =>
  row.map((expected, column) => [change, states[column] as State, expected] as const),
)

describe('a row that is as it was read', () => {
  test.each(cells)('%s, %s: %s', async (change, state, expected) => {
    await bringTo(state)
    const before = await tell()
    await changes[change]?.(await read())
    expect(await tell()).toBe(expected === '=' ? before : expected)
  })
})

describe('a start, and what waits for a setting', () => {
  const waiting = (state: 'held' | 'rejected', reason: string) => database.sql`
    update credits.deposit set state = ${state}, reason = ${reason}, retry_at = ${LATER}`

  test.each(['rail_disabled', 'setup_changed'])('held for %s: due at once', async (reason) => {
    await bringTo('held')
    await waiting('held', reason)
    await start(true)
    expect(await tell()).toBe('held here due')
  })

  test.each([false, true])(
    'rejected by a version before, its rail on: %s: held, and due at once',
    async (isOn) => {
      await bringTo('pending')
      await waiting('rejected', 'rail_disabled')
      await start(isOn)
      expect(await tell()).toBe('held here due')
      const [row] = await database.sql`select reason from credits.deposit`
      expect(row?.reason).toBe('rail_disabled')
    },
  )
})

/** What sees a payment depends on no earlier reading of the row. */
const readers = Object.keys(changes).filter((change) => !change.startsWith('a '))

describe('a row that was moved since it was read', () => {
  const stale = cells.filter(([change]) => readers.includes(change) && change !== 'postpone')
  test.each(stale.map(([change, state]) => [change, state] as const))(
    '%s, %s: nothing',
    async (change, state) => {
      await bringTo(state)
      const row = await read()
      if (state === 'credited') await reanchorCredit(database.sql, row, TO)
      else await moveDeposit(database.sql, row, TO)
      const before = await tell()
      await changes[change]?.(row)
      expect(await tell()).toBe(before)
      const [where] = await database.sql<{ differs: boolean }[]>`
      select bool_or(c.block_hash <> d.block_hash) as differs from credits.deposit d
      join credits.deposit_credit c on c.deposit_id = d.id and c.reversal_entry_id is null`
      expect(where?.differs ?? false).toBe(false)
    },
  )
})

describe('a row that was credited since it was read', () => {
  const overtaken = cells.filter(
    ([change, state]) => readers.includes(change) && (state === 'pending' || state === 'held'),
  )
  test.each(
    overtaken
      .filter(([change]) => !/reverse|the credit/.test(change))
      .map(([change, state]) => [change, state] as const),
  )('%s, read as %s: nothing', async (change, state) => {
    await bringTo(state)
    const row = await read()
    await credit(row)
    await changes[change]?.(row)
    expect(await tell()).toBe('credited here')
    const [row2] = await database.sql<{ attempt: number }[]>`select attempt from credits.deposit`
    expect(row2?.attempt).toBe(1)
  })

  test('and was reversed and is back in another block: what was read before changes nothing', async () => {
    await bringTo('credited')
    const row = await read()
    await reverseCredit(database.sql, row, { movedTo: TO, retryAt: null, now: NOW })
    await credit({ ...(await read()) })
    await reverseCredit(database.sql, row, { movedTo: null, retryAt: LATER, now: NOW })
    expect(await tell()).toBe('credited there')
  })
})
