import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Sql } from '../../billing/database/connect.ts'
import type { AdjustInput } from '../../billing/ledger/adjust.ts'
import { adjust } from '../../billing/ledger/adjust.ts'
import { listEntries } from '../../billing/ledger/listEntries.ts'
import { postEntries } from '../../billing/ledger/post.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

let wallets = 0
const newWallet = (): `0x${string}` => `0x${(++wallets).toString(16).padStart(40, '0')}`
let keys = 0
const adjustment = (change: Partial<AdjustInput> = {}): AdjustInput => ({
  wallet: newWallet(),
  micros: 60_000_000n,
  reason: 'goodwill',
  idempotencyKey: `key-${++keys}`,
  ...change,
})

async function readBalance(sql: Sql, address: string): Promise<bigint> {
  const [row] = await sql<{ balanceMicros: bigint }[]>`
    select balance_micros as "balanceMicros" from credits.account where address = ${address}`
  return row?.balanceMicros ?? 0n
}

test('an address never seen has balance 0 and no entries', async () => {
  const wallet = newWallet()
  expect(await readBalance(database.sql, wallet)).toBe(0n)
  expect(await listEntries(database.sql, wallet, { cursor: null, limit: 10 })).toEqual({
    kind: 'page',
    items: [],
    nextKey: null,
  })
})

test('an adjustment is posted once: the entry, its reference and the balance after it', async () => {
  const input = adjustment()
  const posted = await adjust(database.sql, input)
  expect(posted).toMatchObject({
    kind: 'posted',
    balanceMicros: 60_000_000n,
    entry: {
      kind: 'adjustment',
      micros: 60_000_000n,
      reference: `adjustment:${input.idempotencyKey}`,
      reversesEntryId: null,
      details: { reason: 'goodwill' },
      eventAt: expect.any(Date),
      createdAt: expect.any(Date),
    },
  })
  expect(await readBalance(database.sql, input.wallet)).toBe(60_000_000n)
})

test('the same key and body answers the same, also after the balance moved on', async () => {
  const input = adjustment()
  const posted = await adjust(database.sql, input)
  await adjust(database.sql, adjustment({ wallet: input.wallet, micros: 5n }))
  const repeated = await adjust(database.sql, input)
  expect(repeated).toEqual({ ...posted, kind: 'repeated' })
  expect(await readBalance(database.sql, input.wallet)).toBe(60_000_005n)
})

test.each([
  ['wallet', { wallet: '0x00000000000000000000000000000000000000ff' as const }],
  ['amount', { micros: 60_000_001n }],
  ['reason', { reason: 'Goodwill' }],
])('the same key with another %s is a conflict and posts nothing', async (_what, change) => {
  const input = adjustment()
  await adjust(database.sql, input)
  expect(await adjust(database.sql, { ...input, ...change })).toEqual({ kind: 'conflict' })
  expect(await readBalance(database.sql, input.wallet)).toBe(60_000_000n)
})

test('fifty equal requests at once post once, and all answer that entry', async () => {
  const input = adjustment()
  const results = await Promise.all(Array.from({ length: 50 }, () => adjust(database.sql, input)))
  expect(results.filter(({ kind }) => kind === 'posted')).toHaveLength(1)
  expect(results.filter(({ kind }) => kind === 'repeated')).toHaveLength(49)
  const ids = results.map((result) => ('entry' in result ? result.entry.id : null))
  expect(new Set(ids).size).toBe(1)
  expect(await readBalance(database.sql, input.wallet)).toBe(60_000_000n)
})

test('two racing bodies under one key: one is posted, the others conflict', async () => {
  const input = adjustment()
  const bodies = Array.from({ length: 20 }, (_, n) => ({ ...input, micros: BigInt((n % 2) + 1) }))
  const results = await Promise.all(bodies.map((body) => adjust(database.sql, body)))
  expect(results.filter(({ kind }) => kind === 'posted')).toHaveLength(1)
  expect(results.filter(({ kind }) => kind === 'conflict')).toHaveLength(10)
})

test('a hundred adjustments at once on five accounts sum up exactly', async () => {
  const accounts = Array.from({ length: 5 }, newWallet)
  const amounts = Array.from({ length: 100 }, (_, n) => BigInt(n % 3 === 0 ? -n - 1 : n + 1))
  const at = (n: number): `0x${string}` => accounts[n % 5] ?? '0x'
  await Promise.all(amounts.map((micros, n) => adjust(database.sql, adjustment({ wallet: at(n), micros }))))
  for (const [index, account] of accounts.entries()) {
    const expected = amounts.filter((_, n) => n % 5 === index).reduce((sum, micros) => sum + micros, 0n)
    expect(await readBalance(database.sql, account)).toBe(expected)
  }
})

test.each([
  ['upwards', 2n ** 63n - 1n, 1n],
  ['downwards', -(2n ** 63n), -1n],
])(
  'a balance that would leave the range of a bigint %s is refused and nothing is posted',
  async (_way, first, more) => {
    const full = adjustment({ micros: first })
    expect(await adjust(database.sql, full)).toMatchObject({ kind: 'posted', balanceMicros: first })
    expect(await adjust(database.sql, adjustment({ wallet: full.wallet, micros: more }))).toEqual({
      kind: 'would_overflow',
    })
    expect(await readBalance(database.sql, full.wallet)).toBe(first)
  },
)

test('micros that are no bigint of the database are refused', async () => {
  expect(await adjust(database.sql, adjustment({ micros: 2n ** 63n }))).toEqual({ kind: 'would_overflow' })
})

test('a history is read page by page, newest first, and an entry posted meanwhile shifts nothing', async () => {
  const wallet = newWallet()
  const post = (n: number) => adjust(database.sql, adjustment({ wallet, micros: BigInt(n) }))
  for (let n = 1; n <= 5; n++) await post(n)
  const first = await listEntries(database.sql, wallet, { cursor: null, limit: 2 })
  if (first.kind !== 'page') throw new Error('the first page has no cursor that could be bad')
  await post(6)
  const second = await listEntries(database.sql, wallet, { cursor: first.nextKey, limit: 2 })
  if (second.kind !== 'page') throw new Error('the key of the first page was refused')
  const third = await listEntries(database.sql, wallet, { cursor: second.nextKey, limit: 2 })
  if (third.kind !== 'page') throw new Error('the key of the second page was refused')
  const micros = [first, second, third].map((page) => page.items.map((entry) => entry.micros))
  expect(micros).toEqual([[5n, 4n], [3n, 2n], [1n]])
  expect(third.nextKey).toBeNull()
})

test.each(['', '0', '-1', '1e3', '1;', 'abc', '9223372036854775808', '99999999999999999999', '１'])(
  'the cursor %j is refused',
  async (cursor) => {
    expect(await listEntries(database.sql, newWallet(), { cursor, limit: 1 })).toEqual({ kind: 'bad_cursor' })
  },
)

test('the ledger refuses UPDATE, DELETE and TRUNCATE, and an account’s balance cannot be written', async () => {
  const { wallet } = adjustment()
  const eventAt = new Date()
  await database.sql.begin((tx) =>
    postEntries(tx, [
      { account: wallet, kind: 'adjustment', micros: 1n, reference: `adjustment:t${wallet}`, eventAt },
    ]),
  )
  const { sql } = database
  await expect(sql`update credits.ledger_entry set micros = 2`).rejects.toThrow('append-only: UPDATE refused')
  await expect(sql`delete from credits.ledger_entry`).rejects.toThrow('append-only: DELETE refused')
  await expect(sql`truncate credits.ledger_entry cascade`).rejects.toThrow('append-only: TRUNCATE refused')
  await expect(sql`update credits.account set balance_micros = 2`).rejects.toThrow(
    'changes only by a ledger entry',
  )
  expect(await readBalance(sql, wallet)).toBe(1n)
})

// Case 39: each round posts to both accounts in one transaction, in alternating order, while adjustments hit them singly.
test('postings and adjustments on the same accounts at the same moment never deadlock, and the balances are the sums', async () => {
  const [one, other] = [newWallet(), newWallet()]
  const pair = (n: number) => (n % 2 === 0 ? [one, other] : [other, one])
  const posting = (n: number) =>
    database.sql.begin((tx) =>
      postEntries(
        tx,
        pair(n).map((account) => ({
          account,
          kind: 'deposit',
          micros: 1000n,
          reference: `deposit:case-39-${account}:${n + 1}`,
          eventAt: new Date(),
        })),
      ),
    )
  await Promise.all(
    Array.from({ length: 60 }, (_, n) =>
      n % 3 === 0 ? adjust(database.sql, adjustment({ wallet: one, micros: -1n })) : posting(n),
    ),
  )
  expect(await readBalance(database.sql, one)).toBe(40n * 1000n - 20n)
  expect(await readBalance(database.sql, other)).toBe(40n * 1000n)
})
