import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { notePrices, readAxgtHistory } from '../../billing/prices/priceHistory.ts'
import { MAX_NOTES } from '../../billing/pricing/axgtHistory.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { DAY, historyAt, type OnRecord, SCALE } from '../unit/pricing/historyModel.ts'

// What an AXGT price is compared with, as it is read from a real database, against the model that the properties of the
// pure function were tried on.

const RAIL = 'axgt:31337'
const START = 1_700_000_100
const CALM = SCALE / 100n

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterEach(async () => {
  await asReplica((tx) => tx`truncate credits.price, credits.deposit_credit, credits.deposit_release`)
})
afterAll(() => database?.drop())

/** Without the guards: the rows stand alone, without deposit and entry. */
async function asReplica(work: (tx: TestDatabase['sql']) => PromiseLike<unknown>): Promise<void> {
  await database.sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`
    await work(tx as unknown as TestDatabase['sql'])
  })
}

const hex = (bytes: number) => `0x${randomBytes(bytes).toString('hex')}`
const decimal = (price: bigint) => `${price / SCALE}.${(price % SCALE).toString().padStart(18, '0')}`

async function note(notes: OnRecord[], { rail = RAIL, source = 'twap' as 'twap' | 'chainlink' } = {}) {
  await notePrices(
    database.sql,
    notes.map(({ seconds, price }) => ({
      rail: rail as typeof RAIL,
      source,
      usdPerUnit: decimal(price),
      block: { number: BigInt(seconds), hash: hex(32), timestamp: BigInt(seconds) },
      reading: null,
    })),
  )
}

interface Credit extends OnRecord {
  rail?: string
  isReversed?: boolean
  /** null: credited by itself. */
  deviationAccepted?: boolean | null
  blockHash?: string
}

let entries = 0

async function credit(credits: Credit[]): Promise<void> {
  const rows = credits.map((one) => ({
    id: hex(8),
    entry: ++entries,
    reversal: one.isReversed ? 1_000_000 + entries : null,
    accepted: one.deviationAccepted ?? null,
    quote: {
      rail: one.rail ?? RAIL,
      price: {
        mode: 'twap',
        usdPerUnit: decimal(one.price),
        reading: { block: { hash: one.blockHash ?? hex(32), timestamp: String(one.seconds) } },
      },
    },
  }))
  await asReplica(async (tx) => {
    await tx`
      with row as (select * from jsonb_to_recordset(${tx.json(rows as never)}) as row
        (id text, entry bigint, reversal bigint, accepted boolean, quote jsonb)),
      released as (
        insert into credits.deposit_release
          (deposit_id, attempt, reason, at_block_number, at_block_hash, deviation_accepted, released_by)
        select id, 1, 'price_unavailable', 1, '0x', accepted, 'an operator' from row where accepted is not null)
      insert into credits.deposit_credit
        (deposit_id, attempt, entry_id, reversal_entry_id, amount_base_units, micros, quote, block_number, block_hash)
      select id, 1, entry, reversal, 1, 1, quote, 1, '0x' from row`
  })
}

const read = (seconds: number) => readAxgtHistory(database.sql, RAIL, { timestamp: BigInt(seconds) })

/** Fractions of the same number may be written differently. */
function shown({ notes, creditedBefore, creditedAfter }: Awaited<ReturnType<typeof read>>) {
  const asNumber = ({ numerator, denominator }: { numerator: bigint; denominator: bigint }) =>
    (numerator * SCALE) / denominator
  const range = (one: typeof creditedBefore) =>
    one === null ? null : [asNumber(one.lowest), asNumber(one.highest)]
  return {
    notes: notes.map(({ usdPerUnit, timestamp }) => [asNumber(usdPerUnit), timestamp]),
    before: range(creditedBefore),
    after: range(creditedAfter),
  }
}

test('nothing on record', async () => {
  expect(await read(START)).toEqual({ notes: [], creditedBefore: null, creditedAfter: null })
})

test('is what the model says, for random notes and credits', async () => {
  let seed = 7
  const random = (below: number) => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed % below
  }
  let now = START
  const noted: OnRecord[] = []
  const credited: OnRecord[] = []
  for (let turn = 0; turn < 1_500; turn++) {
    now += random(20) === 0 ? random(3 * DAY) : 1 + random(400)
    const one = { seconds: now, price: CALM + BigInt(random(1_000_000)) }
    noted.push(one)
    if (turn % 40 === 0) credited.push(one)
  }
  // Written in another order than that of the blocks.
  await note([...noted].sort((a, b) => Number(a.price - b.price)))
  await credit(credited)
  const moments = [
    START,
    START + 1,
    now,
    now + 1,
    now + 5 * DAY,
    ...credited.slice(0, 5).map((one) => one.seconds),
  ]
  for (let turn = 0; turn < 20; turn++) moments.push(START + random(now - START))
  for (const moment of moments) {
    expect(shown(await read(moment))).toEqual(shown(historyAt(moment, noted, credited)))
  }
  expect((await read(now + 1)).notes).toHaveLength(MAX_NOTES)
})

test('other rails, other kinds of prices and credits that were reversed are not in it', async () => {
  await note([{ seconds: START, price: CALM }], { rail: 'axgt:1' })
  await note([{ seconds: START, price: CALM }], { source: 'chainlink' })
  await credit([
    { seconds: START, price: CALM, rail: 'axgt:1' },
    { seconds: START, price: CALM, isReversed: true },
  ])
  expect(await read(START + 10)).toEqual({ notes: [], creditedBefore: null, creditedAfter: null })
})

test('a day is a day to the second, before and after', async () => {
  const at = (seconds: number, price: bigint) => credit([{ seconds, price }])
  await at(START - DAY - 1, 1n)
  await at(START + DAY + 1, 2n)
  expect(shown(await read(START))).toMatchObject({ before: null, after: null })
  await at(START - DAY, 3n)
  await at(START, 4n)
  await at(START + 1, 5n)
  await at(START + DAY, 6n)
  expect(shown(await read(START))).toMatchObject({ before: [3n, 4n], after: [5n, 6n] })
})

describe('what an operator released', () => {
  test('at a price far from the others is in neither: one decision about one payment poisons nothing', async () => {
    const poisoned = { seconds: START + 600, price: CALM * 10n, blockHash: hex(32) }
    await note([{ seconds: START, price: CALM }])
    await notePrices(database.sql, [
      {
        rail: RAIL,
        source: 'twap',
        usdPerUnit: decimal(poisoned.price),
        block: { number: 1n, hash: poisoned.blockHash, timestamp: BigInt(poisoned.seconds) },
        reading: null,
      },
    ])
    expect((await read(START + DAY / 2)).notes).toHaveLength(2)
    await credit([{ ...poisoned, deviationAccepted: true }])
    expect(shown(await read(START + DAY / 2))).toEqual({
      notes: [[CALM, BigInt(START)]],
      before: null,
      after: null,
    })
  })

  test('under the guards counts like any other credit', async () => {
    await credit([{ seconds: START, price: CALM, deviationAccepted: false }])
    expect(shown(await read(START + 1)).before).toEqual([CALM, CALM])
  })
})

// Anybody may ask for a quote, and a year of prices lies there.
test('it is read by indexes: neither the years before nor a burst make it slow', async () => {
  await database.sql`
    insert into credits.price (rail, chain_id, block_number, block_hash, block_timestamp, usd_per_unit, source)
    select ${RAIL}, 31337, n, 'block ' || n, to_timestamp(${START}::bigint + n * 300), 0.01, 'twap'
    from generate_series(1, 30000) n`
  await database.sql`
    insert into credits.price (rail, chain_id, block_number, block_hash, block_timestamp, usd_per_unit, source)
    select ${RAIL}, 31337, n, 'burst ' || n, to_timestamp(${START}::bigint + 30000 * 300 - n * 2), 0.01, 'twap'
    from generate_series(1, 20000) n`
  // As PostgreSQL does by itself within a minute.
  await database.sql`analyze credits.price`
  const now = START + 30_000 * 300 + 1
  await read(now)
  const began = performance.now()
  expect((await read(now)).notes).toHaveLength(MAX_NOTES)
  const took = performance.now() - began
  // Some 20 ms, and twenty times that with the burst; read whole at each page, it would be much more.
  expect(took).toBeLessThan(5_000)
  if (process.env.SHOW_COSTS) console.log(`read in ${took.toFixed(1)} ms`)
})
