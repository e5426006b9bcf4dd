import { type Address, formatUnits, type Hash, type Hex, parseUnits } from 'viem'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { parseSettings } from '../../billing/config/parseSettings.ts'
import { createQuoter } from '../../billing/desk/createQuoter.ts'
import { releaseDeposit } from '../../billing/desk/releaseDeposit.ts'
import { rescan } from '../../billing/gate/jobs/rescan.ts'
import { type OpenGateResult, openGate } from '../../billing/gate/open/openGate.ts'
import { createMetrics } from '../../billing/health/createMetrics.ts'
import { createLogger } from '../../billing/log/createLogger.ts'
import type { Quote } from '../../billing/pricing/quote.ts'
import { quoteFromJson } from '../../billing/pricing/quoteJson.ts'
import { baseSettings } from '../support/baseSettings.ts'
import { type BlockRef, createChain, type TestChain, type TestContract } from '../support/createChain.ts'
import { createPool, type PoolOptions, type TestPool } from '../support/createPool.ts'
import { createRpcProxy } from '../support/createRpcProxy.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { newSigner } from '../support/newSigner.ts'
import { type GateScene, startGateScene } from '../support/startGateScene.ts'
import { waitUntil } from '../support/waitUntil.ts'

// AXGT at the TWAP of a real Uniswap v3 pool, on real anvil and PostgreSQL, the gate pass by pass. An hour costs 1 USD, an
// ETH 2000 USD and an AXGT 0.000005 ETH, so 100 AXGT are worth 60 minutes, and 75 with the bonus.

const MINUTE = 60_000_000n
const WORTH = 75n * MINUTE
const TWAP_SECONDS = 1_800
const DAY_SECONDS = 86_400
/** What rounding the mean tick takes at most. */
const ONE_TICK = 1.0001

let chain: TestChain
let feed: TestContract
const markets: Market[] = []

beforeAll(async () => {
  chain = await createChain()
  feed = await chain.deploy('PriceFeed', ['ETH / USD', 8, parseUnits('2000', 8)])
})
afterEach(async () => {
  const opened = markets.splice(0)
  const differences = await Promise.all(opened.map(({ gate }) => gate.differences()))
  await Promise.all(opened.map(({ database }) => database.drop()))
  expect(differences.flat()).toEqual([])
})
afterAll(() => chain?.stop())

interface Market {
  pool: TestPool
  gate: GateScene
  database: TestDatabase
}

/** A pool that is two days old, a fresh feed, and a gate that sells AXGT at that pool on books of its own. */
async function openMarket(
  options: PoolOptions = {},
  overrides: Record<string, string> = {},
): Promise<Market> {
  const pool = await createPool(chain, { cardinality: 400, ...options })
  await pool.passTime(2 * DAY_SECONDS)
  await chain.mineWith(setEthUsd('2000'))
  return openGateAt(pool, overrides)
}

async function openGateAt(pool: TestPool, overrides: Record<string, string> = {}): Promise<Market> {
  const database = await createTestDatabase()
  const tokens = { axgt: pool.axgt }
  const gate = await startGateScene({ chain, database, tokens, overrides: settingsOf(pool, overrides) })
  const market = { pool, gate, database }
  markets.push(market)
  return market
}

function settingsOf(pool: { address: Address }, overrides: Record<string, string> = {}) {
  return {
    AXGT_PRICING: 'twap',
    [`AXGT_POOL_${chain.chainId}`]: pool.address,
    [`ETH_USD_FEED_${chain.chainId}`]: feed.address,
    // The chain's time is moved by days.
    ETH_USD_MAX_AGE_SECONDS: '604800',
    ...overrides,
  }
}

function setEthUsd(usd: string): Promise<Hash> {
  return chain.call({ contract: feed, functionName: 'setAnswer', args: [parseUnits(usd, 8)] })
}

interface Payment {
  hash: Hash
  raw: Hex
  payer: Address
}

/** A payment of AXGT by somebody new, signed and not sent. Mines a block. */
async function sign({ pool: { axgt } }: Market, amount = '100'): Promise<Payment> {
  const signer = await newSigner(chain, [axgt])
  return { ...(await signer.payToken(axgt, parseUnits(amount, axgt.decimals))), payer: signer.address }
}

/** Puts payments into one block, that many seconds after the one before. */
async function mineAfter({ pool }: Market, seconds: number, ...payments: Payment[]): Promise<BlockRef> {
  for (const { raw } of payments) await chain.resend(raw)
  return pool.passTime(seconds)
}

/** Hands payments in, mines until they are deep enough, and has the gate pass with whatever is due. */
async function settle(market: Market, ...payments: Payment[]): Promise<void> {
  for (const { hash } of payments) await market.gate.submit(hash)
  await chain.mine(5)
  await lookAgain(market)
}

/** A pass after the longest time that a deposit without a price waits. */
async function lookAgain({ gate }: Market): Promise<void> {
  gate.skip(61_000)
  expect(await gate.pass()).toBe(true)
}

/** Pays, and has it settled. */
async function pay(market: Market, amount?: string): Promise<Payment> {
  const payment = await sign(market, amount)
  await mineAfter(market, 12, payment)
  await settle(market, payment)
  return payment
}

/** The credit of a payment with the quote it was given by; fails where there is none. */
async function creditOf({ database: { sql } }: Market, { hash }: Payment) {
  const rows = await sql<{ micros: bigint; quote: unknown; state: string; detail: string | null }[]>`
    select d.state, d.detail, c.micros, c.quote
    from credits.deposit d left join credits.deposit_credit c on c.deposit_id = d.id where d.tx_hash = ${hash}`
  expect(rows).toMatchObject([{ state: 'credited', detail: null }])
  const [row] = rows
  const parsed = quoteFromJson(row?.quote)
  if (row === undefined || parsed.kind !== 'quote') throw new Error('there is no quote to be read')
  return { micros: row.micros, quote: parsed.quote, ...readingOf(parsed.quote) }
}

/** The block at which the price was read, and what pool and feed said there. */
function readingOf({ price: { reading } }: Quote) {
  if (reading?.pool?.kind !== 'answered') throw new Error('the quote has no pool')
  return { pricedAt: reading.block, pool: reading.pool }
}

async function depositOf({ database: { sql } }: Market, { hash }: Payment) {
  const [row] = await sql<{ id: string; state: string; reason: string | null; detail: string | null }[]>`
    select id, state, reason, detail from credits.deposit where tx_hash = ${hash}`
  if (row === undefined) throw new Error('there is no such deposit')
  return row
}

const unpriced = (detail: unknown) => ({ state: 'held', reason: 'price_unavailable', detail })
const tooFarFromCredit = 'the AXGT price is too far from one that was credited within a day of it'
const tooFarFromSlow = 'the AXGT price of the last 1800 seconds is too far from that of the last 86400'
const tooShallow = 'the AXGT pool has less liquidity than AXGT_MIN_LIQUIDITY_ETH asks for'

/** How the price moved against the calm one, as a factor. */
const ratio = (micros: bigint, calm: bigint) => Number(micros) / Number(calm)

async function timestampOf({ number }: { number: bigint }): Promise<number> {
  return Number((await chain.client.getBlock({ blockNumber: number })).timestamp)
}

describe('what AXGT is worth', () => {
  test.each([
    { axgtIsToken0: true, decimals: 18 },
    { axgtIsToken0: false, decimals: 18 },
    { axgtIsToken0: true, decimals: 6 },
    { axgtIsToken0: false, decimals: 6 },
  ])('100 AXGT of $decimals decimals, AXGT being token 0: $axgtIsToken0, are 75 minutes', async (order) => {
    const axgt = await chain.deployToken('AXGT', order.decimals)
    const market = await openMarket({ axgt, axgtIsToken0: order.axgtIsToken0 })
    const payment = await sign(market)
    const block = await mineAfter(market, 12, payment)
    await settle(market, payment)
    const { micros, quote, pricedAt, pool } = await creditOf(market, payment)
    // The pool itself floors its price to a tick, which is up to a basis point in favour of token 1; we floor the rest.
    const most = order.axgtIsToken0 ? Number(WORTH) : Number(WORTH) * ONE_TICK
    expect(Number(micros)).toBeLessThanOrEqual(most)
    expect(Number(micros)).toBeGreaterThan(Number(WORTH) / ONE_TICK)
    expect(pricedAt).toMatchObject({ number: block.number, hash: block.hash })
    expect(quote).toMatchObject({
      bonusPercent: '25',
      price: { mode: 'twap', usdPerHour: '1' },
      asOfBlock: { number: block.number, hash: block.hash },
    })
    expect(pool).toMatchObject({
      pool: market.pool.address,
      axgtIsToken0: order.axgtIsToken0,
      axgtDecimals: order.decimals,
      fast: { seconds: TWAP_SECONDS },
      slow: { seconds: DAY_SECONDS },
    })
  })
})

describe('a spot price that is pushed', () => {
  test.each([
    { pushed: 'tenfold', factor: 10n, moved: 10 },
    { pushed: 'to a tenth', factor: { numerator: 1n, denominator: 10n }, moved: 0.1 },
  ])('$pushed for one block: no change in that block, and hardly any after it', async ({ factor, moved }) => {
    const market = await openMarket()
    const { micros: calm } = await creditOf(market, await pay(market))
    const [during, after2, after12] = [await sign(market), await sign(market), await sign(market)]
    await market.pool.pushSpot(factor)
    await mineAfter(market, 12, during)
    // A block of Base, and then as long as one of Ethereum.
    await mineAfter(market, 2, after2)
    await market.pool.swapToPrice('0.000005')
    await mineAfter(market, 10, after12)
    await settle(market, during, after2, after12)
    expect((await creditOf(market, during)).micros).toBe(calm)
    const short = ratio((await creditOf(market, after2)).micros, calm)
    expect(short).toBeCloseTo(moved ** (2 / TWAP_SECONDS), 3)
    expect(Math.abs(short - 1)).toBeLessThan(0.01)
    const long = ratio((await creditOf(market, after12)).micros, calm)
    expect(long).toBeCloseTo(moved ** (12 / TWAP_SECONDS), 3)
    expect(Math.abs(long - 1)).toBeLessThan(0.016)

    await market.pool.passTime(TWAP_SECONDS)
    expect((await creditOf(market, await pay(market))).micros).toBe(calm)
  })

  test('tenfold for ten minutes: held, and credited when the TWAP is back near the others, at that block', async () => {
    const PUSHED_SECONDS = 600
    const market = await openMarket()
    const { pool, gate } = market
    const { micros: calm } = await creditOf(market, await pay(market))
    const [during, after] = [await sign(market), await sign(market)]
    await pool.pushSpot(10n)
    const pushedAt = await timestampOf(await pool.passTime(12))
    await pool.passTime(PUSHED_SECONDS / 2)
    await pool.swapToPrice('0.000005')
    const { number: lastPushed } = await mineAfter(market, PUSHED_SECONDS / 2, during)
    const { number: firstBack } = await mineAfter(market, 12, after)
    await settle(market, during, after)
    for (const payment of [during, after]) {
      expect(await depositOf(market, payment)).toMatchObject(unpriced(tooFarFromSlow))
    }
    expect(gate.reports).toContainEqual({
      kind: 'price',
      rail: `axgt:${chain.chainId}`,
      why: tooFarFromSlow,
    })
    expect((await createQuoter(gate.deps).quote(quoteFor(market, during))).kind).toBe('price_unavailable')

    for (let turn = 0; turn < 160; turn++) await pool.passTime(15)
    await chain.mine(5)
    await lookAgain(market)
    const credit = await creditOf(market, during)
    // Seconds of the pushed price that the TWAP of a block still knows; the slower one knows all of them.
    const pushedSecondsAt = async (number: bigint) =>
      Math.min(Math.max(pushedAt + PUSHED_SECONDS - ((await timestampOf({ number })) - TWAP_SECONDS), 0), 600)
    const movedAt = async (number: bigint) => 10 ** ((await pushedSecondsAt(number)) / TWAP_SECONDS)
    const slow = 10 ** (PUSHED_SECONDS / DAY_SECONDS)
    // Whoever waited may be credited at a fifth of the limit: the first price within the whole of it is the pusher's.
    const isUsable = (moved: number) => moved <= 1.05 && moved / slow <= 1.05
    expect(await movedAt(lastPushed)).toBeCloseTo(10 ** (1 / 3), 6)
    const { number } = credit.pricedAt
    expect(number).toBeGreaterThan(firstBack)
    expect(isUsable(await movedAt(number))).toBe(true)
    expect(isUsable(await movedAt(number - 1n))).toBe(false)
    expect(ratio(credit.micros, calm)).toBeCloseTo(await movedAt(number), 3)
    expect(ratio(credit.micros, calm)).toBeLessThanOrEqual(1.05)
    expect(credit.quote.asOfBlock.number).toBe(lastPushed)
    const next = await creditOf(market, after)
    expect(next.micros).toBe(credit.micros)
    expect(next.pricedAt).toEqual(credit.pricedAt)
    expect((await creditOf(market, await pay(market))).micros).toBeLessThan(credit.micros)
  })
})

/** Lets the gate note the price so many times, ten minutes apart. */
async function noteSteadily(market: Market, times: number): Promise<void> {
  for (let time = 0; time < times; time++) {
    await market.pool.passTime(600)
    await chain.mine(5)
    await lookAgain(market)
  }
}

/** Nothing that was credited within a day of something else is farther from it than the limit. */
async function expectCreditsWithin({ database: { sql } }: Market, limitPercent: number): Promise<void> {
  const far = await sql`
    with credit as (
      select (quote->'price'->>'usdPerUnit')::numeric as usd,
        (quote->'price'->'reading'->'block'->>'timestamp')::bigint as seconds
      from credits.deposit_credit)
    select a.usd as earlier, b.usd as later from credit a join credit b
      on b.seconds >= a.seconds and b.seconds - a.seconds <= ${DAY_SECONDS}
    where abs(b.usd - a.usd) * 100 > a.usd * ${limitPercent}`
  expect(far).toEqual([])
}

describe('a price far from those before it', () => {
  test.each([
    { usd: '1500', is: 'credited' },
    { usd: '1499.99999999', is: 'held' },
    { usd: '2499.99999999', is: 'credited' },
    { usd: '2500.00000001', is: 'held' },
  ])('25 % is the limit: ETH at $usd after 2000 is $is', async ({ usd, is }) => {
    const market = await openMarket()
    const { micros: calm } = await creditOf(market, await pay(market))
    await chain.mineWith(setEthUsd(usd))
    const payment = await pay(market)
    if (is === 'credited') {
      const { micros } = await creditOf(market, payment)
      expect(ratio(micros, calm)).toBeCloseTo(Number(usd) / 2000, 8)
    } else {
      expect(await depositOf(market, payment)).toMatchObject(unpriced(tooFarFromCredit))
    }
  })

  test('where nobody has paid, the median of what was noted counts, for quotes as well', async () => {
    const market = await openMarket()
    await noteSteadily(market, 3)
    await chain.mineWith(setEthUsd('2500.00000001'))
    const payment = await pay(market)
    const { detail } = await depositOf(market, payment)
    expect(detail).toMatch(
      /^the AXGT price is too far from the median of the prices noted over a day, 0\.0099\d* USD$/,
    )
    expect(await createQuoter(market.gate.deps).quote(quoteFor(market, payment))).toMatchObject({
      kind: 'price_unavailable',
      why: detail,
    })
  })

  test('who waits for a day gains nothing; a market that fell by half is followed after three', async () => {
    const market = await openMarket()
    const { micros: calm } = await creditOf(market, await pay(market))
    await chain.mineWith(setEthUsd('1000'))
    const payment = await pay(market)
    expect(await depositOf(market, payment)).toMatchObject(unpriced(tooFarFromCredit))
    const last = await lastNoted(market)
    const isNotedAfter = async (seconds: number) => {
      await market.pool.passTime(last + seconds - Number(await chain.timestamp()))
      await chain.mine(5)
      await lookAgain(market)
      return (await lastNoted(market)) !== last
    }
    for (const seconds of [DAY_SECONDS, DAY_SECONDS + 600, 2 * DAY_SECONDS + 600, 3 * DAY_SECONDS - 600]) {
      expect(await isNotedAfter(seconds)).toBe(false)
      expect(await depositOf(market, payment)).toMatchObject({ state: 'held', reason: 'price_unavailable' })
    }
    expect(await isNotedAfter(3 * DAY_SECONDS)).toBe(true)
    // The new price is the one to be near of from the next block on.
    await market.pool.passTime(12)
    await chain.mine(5)
    await lookAgain(market)
    expect(ratio((await creditOf(market, payment)).micros, calm)).toBeCloseTo(0.5, 8)
  })

  test('two payments of one pass that are too far from each other: the earlier is credited, the other waits', async () => {
    const market = await openMarket()
    const { database } = market
    await noteSteadily(market, 3)
    const [low, high] = [await sign(market), await sign(market)]
    await chain.mineWith(setEthUsd('1600'))
    await mineAfter(market, 12, low)
    await chain.mineWith(setEthUsd('2400'))
    await mineAfter(market, 12, high)
    // Each of them alone is near enough to what was noted.
    await settle(market, high, low)
    expect(Number((await creditOf(market, low)).quote.price.usdPerUnit)).toBeCloseTo(0.008, 5)
    expect(await depositOf(market, high)).toMatchObject(unpriced(tooFarFromCredit))
    await expectCreditsWithin(market, 25)
    const [count] = await database.sql<{ credits: number }[]>`
      select count(*)::int as credits from credits.deposit_credit`
    expect(count).toEqual({ credits: 1 })
  })

  test('a release at a price far from the others poisons nothing', async () => {
    const market = await openMarket()
    const { gate } = market
    const { micros: calm } = await creditOf(market, await pay(market))
    await chain.mineWith(setEthUsd('6000'))
    const payment = await sign(market)
    const { number } = await mineAfter(market, 12, payment)
    await settle(market, payment)
    const { id } = await depositOf(market, payment)
    const order = { depositId: id, atBlock: number, dryRun: false, releasedBy: 'an operator', note: null }
    expect((await releaseDeposit(gate.deps, { ...order, acceptDeviation: false })).kind).toBe('unpriced')
    expect((await releaseDeposit(gate.deps, { ...order, acceptDeviation: true })).kind).toBe('released')
    expect(ratio((await creditOf(market, payment)).micros, calm)).toBeCloseTo(3, 3)
    expect(await depositOf(market, await pay(market))).toMatchObject(unpriced(tooFarFromCredit))
    await chain.mineWith(setEthUsd('2000'))
    expect((await creditOf(market, await pay(market))).micros).toBe(calm)
  })

  async function lastNoted({ database: { sql } }: Market): Promise<number> {
    const [row] = await sql<{ seconds: number }[]>`
      select extract(epoch from block_timestamp)::float8 as seconds
      from credits.price where rail like 'axgt:%' order by block_timestamp desc limit 1`
    if (row === undefined) throw new Error('no price was noted')
    return row.seconds
  }
})

describe('after an outage of more than a day', () => {
  test('the price that somebody pushed for its end is not the one at which all who waited are credited', async () => {
    const market = await openMarket()
    const { pool } = market
    const { micros: calm } = await creditOf(market, await pay(market))
    await noteSteadily(market, 12)
    await chain.mineWith(setEthUsd('0'))
    const payments = [await sign(market), await sign(market)]
    await mineAfter(market, 12, ...payments)
    await settle(market, ...payments)
    await pool.passTime(DAY_SECONDS + 3_600)
    await pool.pushSpot({ numerator: 124n, denominator: 100n })
    await pool.passTime(12)
    await pool.passTime(TWAP_SECONDS)
    await chain.mineWith(setEthUsd('2000'))
    for (let turn = 0; turn < 5; turn++) {
      await pool.passTime(600)
      await chain.mine(5)
      await lookAgain(market)
      for (const payment of payments) {
        expect(await depositOf(market, payment)).toMatchObject({ state: 'held', reason: 'price_unavailable' })
      }
    }
    // It is within the limit, so whoever pays now is credited by it, and may have been told so by a quote.
    const pushed = await pay(market)
    expect(ratio((await creditOf(market, pushed)).micros, calm)).toBeCloseTo(1.24, 2)

    await pool.swapToPrice('0.000005')
    await pool.passTime(12)
    await pool.passTime(TWAP_SECONDS)
    await chain.mine(5)
    await lookAgain(market)
    for (const payment of payments) {
      expect(ratio((await creditOf(market, payment)).micros, calm)).toBeCloseTo(1, 3)
    }
    await expectCreditsWithin(market, 25)
  })
})

test('when there is a price again, that is told also where somebody pays every few minutes', async () => {
  const market = await openMarket()
  const { gate, pool } = market
  const told = () => gate.reports.flatMap((event) => (event.kind === 'price' ? [event.why] : []))
  await pay(market)
  await chain.mineWith(setEthUsd('0'))
  await pool.passTime(301)
  await pay(market)
  expect(told().at(-1)).toBe('the ETH/USD feed answers 0')
  await chain.mineWith(setEthUsd('2000'))
  for (let payment = 0; payment < 4; payment++) {
    await pool.passTime(240)
    await creditOf(market, await pay(market))
  }
  expect(told().at(-1)).toBe(null)
})

describe('a pool that remembers too little', () => {
  /** Somebody trades in every block, enough to move the tick: else the pool writes no observation. */
  async function trade({ pool }: Market, blocks: number, { every = 600, price = 0.000005 } = {}) {
    for (let block = 0; block < blocks; block++) {
      await pool.swapToPrice((price * (block % 2 === 0 ? 1.002 : 1)).toFixed(18))
      await pool.passTime(every)
    }
  }

  test('held with the command that mends it, which does when it is run', async () => {
    const market = await openMarket({ cardinality: 1 })
    const { pool } = market
    await trade(market, 2)
    const payment = await pay(market)
    const { detail, ...held } = await depositOf(market, payment)
    expect(held).toMatchObject({ state: 'held', reason: 'price_unavailable' })
    expect(detail).toMatch(
      /^the AXGT pool remembers \d+ seconds \(1 observations\) and must remember 21600; it needs room for 21601, up to 700 more at a time: cast send 0x[0-9a-f]{40} "increaseObservationCardinalityNext\(uint16\)" 701$/,
    )
    expect(detail).toContain(pool.address)
    await trade(market, 37)
    await lookAgain(market)
    expect(await depositOf(market, payment)).toMatchObject(unpriced(detail))
    expect((await createQuoter(market.gate.deps).quote(quoteFor(market, payment))).kind).toBe(
      'price_unavailable',
    )

    const { hashes } = await chain.mineWith(
      pool.increaseCardinality(Number(/ (\d+)$/.exec(detail ?? '')?.[1])),
    )
    // What docs/operations.md says it costs; Ethereum takes no transaction of more than 2^24.
    const { gasUsed } = await chain.client.getTransactionReceipt({ hash: hashes[0] as Hash })
    expect(Number(gasUsed) / 700).toBeCloseTo(22_200, -3)
    expect(gasUsed).toBeLessThan(2n ** 24n)
    // Five hours are not enough, though they are ten times the TWAP.
    await trade(market, 30)
    await lookAgain(market)
    // What it was held for is told for its own block, which has not changed.
    expect(await depositOf(market, payment)).toMatchObject(unpriced(detail))
    await trade(market, 12)
    await lookAgain(market)
    const { micros, pool: said } = await creditOf(market, payment)
    expect(said).toMatchObject({ cardinality: 701, fast: { seconds: TWAP_SECONDS } })
    expect(said.slow?.seconds).toBeGreaterThanOrEqual(21_600)
    expect(ratio(micros, WORTH)).toBeCloseTo(1.001, 3)
  })

  // The attack: dust trades push the observations out, and then the price is walked, each step near enough to the
  // short memory that is left.
  test.each([
    { memory: 'an hour', cardinality: 12, step: 1.4, held: 'must remember 21600' },
    { memory: 'six hours', cardinality: 73, step: 1.4, held: 'too far from' },
    { memory: 'six hours', cardinality: 73, step: 1.04, held: 'too far from' },
  ])(
    'made to by dust trades, left with $memory, and walked by a factor of $step each half hour: nothing above the limit',
    async ({ cardinality, step, held }) => {
      const market = await openMarket({ cardinality })
      const { micros: calm } = await creditOf(market, await pay(market))
      await lookAgain(market)
      // Enough dust to push all else out, one trade in five minutes.
      await trade(market, cardinality, { every: 300 })
      let price = 0.000005
      const payments: Payment[] = []
      for (let halfHour = 0; halfHour < 10; halfHour++) {
        price *= step
        await trade(market, 6, { every: 300, price })
        const payment = await sign(market)
        await mineAfter(market, 12, payment)
        await settle(market, payment)
        payments.push(payment)
      }
      const deposits = await Promise.all(payments.map((payment) => depositOf(market, payment)))
      for (const [index, payment] of payments.entries()) {
        if (deposits[index]?.state !== 'credited') continue
        const { micros } = await creditOf(market, payment)
        expect(ratio(micros, calm)).toBeLessThanOrEqual(1.25)
      }
      const waiting = deposits.filter(({ state }) => state === 'held')
      // By the slowest of the walks the limit is reached in the third hour, by the others at once.
      expect(waiting.length).toBeGreaterThanOrEqual(step > 1.25 ? 10 : 3)
      for (const { reason, detail } of waiting) {
        expect(reason).toBe('price_unavailable')
        expect(detail).toContain(held)
      }
      await expectCreditsWithin(market, 25)
      const quoted = await createQuoter(market.gate.deps).quote(quoteFor(market, payments[0] as Payment))
      expect(quoted.kind).toBe('price_unavailable')
    },
    400_000,
  )
})

describe('a pool that is not deep', () => {
  test('the floor is the WETH in the pool', async () => {
    const { pool } = await openMarket({ liquidityWeth: 100n })
    const enough = await openGateAt(pool, { AXGT_MIN_LIQUIDITY_ETH: '99.99' })
    const tooLittle = await openGateAt(pool, { AXGT_MIN_LIQUIDITY_ETH: '100.01' })
    const payment = await sign(enough)
    await mineAfter(enough, 12, payment)
    await tooLittle.gate.submit(payment.hash)
    await settle(enough, payment)
    await lookAgain(tooLittle)
    expect(ratio((await creditOf(enough, payment)).micros, WORTH)).toBeCloseTo(1, 3)
    expect(await depositOf(tooLittle, payment)).toMatchObject(unpriced(tooShallow))
  })

  test('liquidity added just in time does not help; it does once the mean over the TWAP reaches the floor', async () => {
    const market = await openMarket({ liquidityWeth: 1n }, { AXGT_MIN_LIQUIDITY_ETH: '10' })
    const { pool } = market
    const [before, during, after] = [await sign(market), await sign(market), await sign(market)]
    await mineAfter(market, 12, before)
    await pool.addLiquidity(parseUnits('99', 18))
    const addedAt = await timestampOf(await mineAfter(market, 12, during))
    await mineAfter(market, 12, after)
    await settle(market, before, during, after)
    for (const payment of [before, during, after]) {
      expect(await depositOf(market, payment)).toMatchObject(unpriced(tooShallow))
    }
    for (let minute = 0; minute < 30; minute++) await pool.passTime(60)
    await chain.mine(5)
    await lookAgain(market)
    // The harmonic mean of 1 WETH for the rest of the TWAP and 100 for that long.
    const depth = (seconds: number) => TWAP_SECONDS / (TWAP_SECONDS - seconds + seconds / 100)
    const { pricedAt } = await creditOf(market, during)
    expect(depth(Number(pricedAt.timestamp) - addedAt)).toBeGreaterThan(10)
    expect(depth((await timestampOf({ number: pricedAt.number - 1n })) - addedAt)).toBeLessThan(10)
    for (const payment of [before, after]) {
      expect((await creditOf(market, payment)).pricedAt).toEqual(pricedAt)
    }
  })
})

describe('the cap on what AXGT may credit in a day', () => {
  const overCap = {
    state: 'held',
    reason: 'daily_cap_reached',
    detail: 'with it, more than AXGT_DAILY_CAP_MINUTES would be credited through AXGT today (UTC)',
  }
  const capped = () => openMarket({}, { AXGT_DAILY_CAP_MINUTES: '100' })

  /** As if all that was credited had been credited the day before, by the database's clock. */
  async function letADayPass({ database: { sql } }: Market): Promise<void> {
    await sql.begin(async (tx) => {
      await tx`set local session_replication_role = replica`
      await tx`update credits.deposit_credit set created_at = created_at - interval '1 day'`
      // And with it what tells of the credits: else `verify` rightly finds that they do not agree.
      await tx`update credits.deposit set credited_at = credited_at - interval '1 day'`
      await tx`update credits.ledger_entry set created_at = created_at - interval '1 day' where kind = 'deposit'`
      await tx`update credits.outbox_event set created_at = created_at - interval '1 day' where kind = 'deposit.credited'`
    })
  }

  async function creditedMicros({ database: { sql } }: Market): Promise<bigint> {
    const [row] = await sql<{ micros: string }[]>`
      select coalesce(sum(micros), 0)::text as micros from credits.deposit_credit`
    return BigInt(row?.micros ?? 0)
  }

  test('of two payments the first fits; the second is credited the next day', async () => {
    const market = await capped()
    const [first, second] = [await sign(market), await sign(market)]
    await mineAfter(market, 12, first)
    await mineAfter(market, 12, second)
    await settle(market, first, second)
    const { micros } = await creditOf(market, first)
    expect(await depositOf(market, second)).toMatchObject(overCap)
    market.gate.skip(600_000)
    await lookAgain(market)
    expect(await depositOf(market, second)).toMatchObject(overCap)
    expect(await creditedMicros(market)).toBe(micros)

    await letADayPass(market)
    market.gate.skip(600_000)
    await lookAgain(market)
    // At the price of its own block, for which it did not have to wait.
    const credit = await creditOf(market, second)
    expect(credit.micros).toBe(micros)
    expect(credit.pricedAt.number).toBe(credit.quote.asOfBlock.number)
  })

  test('two that credit at the same moment count each other', async () => {
    const market = await capped()
    const { gate, database } = market
    const [one, other] = [await sign(market), await sign(market)]
    await mineAfter(market, 12, one, other)
    await chain.mine(5)
    let racing: Promise<unknown> = Promise.resolve()
    await database.sql.begin(async (tx) => {
      // No credit can be written before both are under way.
      await tx`lock table credits.deposit_credit in share mode`
      racing = Promise.all([gate.submit(one.hash), gate.submit(other.hash)])
      await waitUntil(
        async () => {
          // Within a transaction the view would stay as it was first seen.
          const [row] = await database.sql<{ waiting: number }[]>`
            select count(*)::int as waiting from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'`
          return row?.waiting === 2
        },
        { withinMs: 10_000, what: 'two that wait for each other' },
      )
    })
    await racing
    const states = [await depositOf(market, one), await depositOf(market, other)].map(({ state }) => state)
    expect(states.sort()).toEqual(['credited', 'held'])
    expect(await creditedMicros(market)).toBeLessThanOrEqual(100n * MINUTE)
  })

  test('passes and submissions all at once do not exceed it', async () => {
    const market = await capped()
    const { gate } = market
    const payments = [await sign(market), await sign(market), await sign(market), await sign(market)]
    await mineAfter(market, 12, ...payments)
    for (const { hash } of payments.slice(0, 2)) await gate.submit(hash)
    await chain.mine(5)
    await Promise.all([gate.pass(), ...payments.map(({ hash }) => gate.submit(hash)), gate.pass()])
    await lookAgain(market)
    const states = await Promise.all(
      payments.map(async (payment) => (await depositOf(market, payment)).state),
    )
    expect(states.sort()).toEqual(['credited', 'held', 'held', 'held'])
    expect(await creditedMicros(market)).toBeLessThanOrEqual(100n * MINUTE)
  })

  test('a release is not bound by it', async () => {
    const market = await capped()
    const [first, second] = [await sign(market), await sign(market)]
    const { number } = await mineAfter(market, 12, first, second)
    await settle(market, first, second)
    const payments = [first, second]
    const deposits = await Promise.all(payments.map((payment) => depositOf(market, payment)))
    const held = deposits.find(({ state }) => state === 'held')
    expect(held).toMatchObject(overCap)
    const order = {
      acceptDeviation: false,
      dryRun: false,
      releasedBy: 'an operator',
      note: 'a good customer',
    }
    const outcome = await releaseDeposit(market.gate.deps, {
      depositId: held?.id ?? '',
      atBlock: number,
      ...order,
    })
    expect(outcome).toMatchObject({ kind: 'released' })
    const credits = await Promise.all(payments.map((payment) => creditOf(market, payment)))
    expect(credits[0]?.micros).toBe(credits[1]?.micros)
    expect(await creditedMicros(market)).toBeGreaterThan(100n * MINUTE)
  })
})

function quoteFor({ pool: { axgt } }: Market, { payer }: Pick<Payment, 'payer'>, amount = '100') {
  const rail = `axgt:${chain.chainId}` as const
  return {
    rail,
    wallet: payer,
    amountBaseUnits: parseUnits(amount, axgt.decimals),
    atLeastMicros: null,
  }
}

describe('one price for all', () => {
  test('payments of one block are priced alike, whatever is traded between them', async () => {
    const market = await openMarket()
    const [first, second] = [await sign(market), await sign(market)]
    await chain.resend(first.raw)
    await market.pool.pushSpot(2n)
    const block = await mineAfter(market, 12, second)
    await settle(market, first, second)
    const credits = [await creditOf(market, first), await creditOf(market, second)] as const
    expect(credits[0].micros).toBe(credits[1].micros)
    expect(credits[0].quote.price).toEqual(credits[1].quote.price)
    expect(credits[0].pricedAt.hash).toBe(block.hash)
  })

  test('five payments yield no more than the same amount at once, and short of it by their floors at most', async () => {
    const market = await openMarket({}, { AXGT_MIN_DEPOSIT: '1' })
    const parts = ['20.6', '1.000000000000000001', '33.333333333333333333', '7.77', '45.299999999999999999']
    const whole = '108.003333333333333333'
    const payments = [await sign(market, whole)]
    for (const part of parts) payments.push(await sign(market, part))
    await mineAfter(market, 12, ...payments)
    await settle(market, ...payments)
    const amounts = await Promise.all(
      payments.map(async (payment) => (await creditOf(market, payment)).quote.amountBaseUnits),
    )
    const micros = await Promise.all(
      payments.map(async (payment) => (await creditOf(market, payment)).micros),
    )
    const sum = (values: bigint[]) => values.slice(1).reduce((total, value) => total + value, 0n)
    expect(sum(amounts)).toBe(amounts[0])
    expect(sum(micros)).toBeLessThanOrEqual(micros[0] ?? 0n)
    expect((micros[0] ?? 0n) - sum(micros)).toBeLessThan(BigInt(parts.length))
  })

  test('a quote and a payment in the same block agree to the micro', async () => {
    const market = await openMarket()
    await market.pool.pushSpot(2n)
    await market.pool.passTime(333)
    const payment = await sign(market, '123.456')
    const block = await mineAfter(market, 12, payment)
    const quoted = await createQuoter(market.gate.deps).quote(quoteFor(market, payment, '123.456'))
    await settle(market, payment)
    const { quote } = await creditOf(market, payment)
    // What the payer holds decides nothing on this rail, and is not read for a payment.
    expect(quoted).toEqual({ kind: 'quoted', quote: { ...quote, axgtBalance: parseUnits('876.544', 18) } })
    expect(quote.asOfBlock).toEqual({ number: block.number, hash: block.hash })
  })

  test('what is quoted for a number of minutes yields them, and a base unit less does not', async () => {
    const market = await openMarket({}, { AXGT_MIN_DEPOSIT: '0.000001' })
    const wanted = 77n * MINUTE + 7n
    const quoter = createQuoter(market.gate.deps)
    const anybody = quoteFor(market, await sign(market))
    const quoted = await quoter.quote({ ...anybody, amountBaseUnits: null, atLeastMicros: wanted })
    if (quoted.kind !== 'quoted') throw new Error(quoted.kind)
    const { amountBaseUnits } = quoted.quote
    const less = await quoter.quote({ ...anybody, amountBaseUnits: amountBaseUnits - 1n })
    expect(less).toMatchObject({ kind: 'quoted', quote: { creditMicros: wanted - 1n } })
    const payment = await pay(market, formatUnits(amountBaseUnits, 18))
    expect((await creditOf(market, payment)).micros).toBe(wanted)
  })

  test('neither a restart nor another look at the chain changes what was credited', async () => {
    const market = await openMarket()
    const { pool, database, gate } = market
    const { number: fromBlock } = await chain.head()
    const payments = [await pay(market), await pay(market)]
    const snapshots = () => database.sql<{ credit: string }[]>`
      select to_jsonb(c)::text as credit from credits.deposit_credit c order by deposit_id, attempt`
    const before = await snapshots()
    await chain.mineWith(setEthUsd('1000'), pool.pushSpot(3n))
    await pool.passTime(600)
    const tokens = { axgt: pool.axgt }
    const again = await startGateScene({ chain, database, tokens, overrides: settingsOf(pool) })
    const toBlock = (await chain.mine(6)).number
    await rescan(again.deps, { chainId: chain.chainId, fromBlock, toBlock, ether: false })
    for (const { hash } of payments) await again.submit(hash)
    again.skip(61_000)
    expect(await again.pass()).toBe(true)
    expect(before).toHaveLength(2)
    expect(await snapshots()).toEqual(before)
    expect(await gate.differences()).toEqual([])
  })
})

describe('at the start', () => {
  /** What opening the gate says. */
  async function open(
    database: TestDatabase,
    tokens: { axgt: { address: Address }; usdc?: { address: Address } },
    overrides: Record<string, string>,
    rpcUrl = chain.rpcUrl,
  ): Promise<OpenGateResult> {
    const settings = await baseSettings({
      chains: [chain],
      databaseUrl: database.url,
      rpcUrls: { [chain.chainId]: rpcUrl },
      tokens: { [chain.chainId]: tokens },
      overrides,
    })
    const parsed = parseSettings(settings, { stdoutIsTerminal: false })
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults))
    const logger = createLogger('gate', { logLevel: 'fatal', logFormat: 'json' })
    return openGate(parsed.config, database.sql, { logger, metrics: createMetrics() })
  }

  let pool: TestPool
  let database: TestDatabase
  let variable: string
  beforeAll(async () => {
    pool = await createPool(chain)
    database = await createTestDatabase()
    variable = `AXGT_POOL_${chain.chainId}`
  })
  afterAll(() => database.drop())

  test('a pool that does not trade AXGT is refused', async () => {
    const axgt = await chain.deployToken('AXGT', 18)
    const detail = `${variable} (${pool.address}) trades ${pool.axgt.address} and ${pool.weth.address}, and not AXGT, ${axgt.address}`
    // The second time from what was kept.
    for (const _ of ['first', 'again']) {
      expect(await open(database, { axgt }, settingsOf(pool))).toEqual({ kind: 'wrong', detail })
    }
  })

  test('a pool of AXGT and a token that is sold by itself is refused', async () => {
    const tokens = { axgt: pool.axgt, usdc: pool.weth }
    const detail = `${variable} (${pool.address}) trades AXGT for usdc, and not for WETH`
    expect(await open(database, tokens, settingsOf(pool))).toEqual({ kind: 'wrong', detail })
  })

  test('a pool whose other token is not the WETH that is set is refused', async () => {
    const weth = '0x4200000000000000000000000000000000000006'
    const set = { [`WETH_ADDRESS_${chain.chainId}`]: weth }
    const detail = `${variable} (${pool.address}) trades AXGT for ${pool.weth.address}, and not for WETH_ADDRESS_${chain.chainId}, ${weth}`
    expect(await open(database, pool, settingsOf(pool, set))).toEqual({ kind: 'wrong', detail })
    const right = { [`WETH_ADDRESS_${chain.chainId}`]: pool.weth.address }
    expect((await open(database, pool, settingsOf(pool, right))).kind).toBe('open')
  })

  test('what is no pool is refused', async () => {
    const nobody: Address = '0x00000000000000000000000000000000000000aa'
    for (const address of [nobody, feed.address, pool.weth.address]) {
      const detail = `${variable} is ${address}, which is no Uniswap v3 pool on the chain`
      const set = address === feed.address ? { [`ETH_USD_FEED_${chain.chainId}`]: nobody } : {}
      expect(await open(database, pool, settingsOf({ address }, set))).toEqual({ kind: 'wrong', detail })
    }
  })

  test('once a pool is known the gate opens without the RPC, and works when that is back', async () => {
    const { pool: grown } = await openMarket({ axgtIsToken0: false })
    const fresh = await createTestDatabase()
    const proxy = await createRpcProxy(chain.rpcUrl)
    try {
      const tokens = { axgt: grown.axgt }
      const overrides = settingsOf(grown)
      await proxy.refuseConnections()
      expect((await open(fresh, tokens, overrides, proxy.url)).kind).toBe('unavailable')
      await proxy.heal()
      expect((await open(fresh, tokens, overrides, proxy.url)).kind).toBe('open')
      await proxy.refuseConnections()
      const gate = await startGateScene({ chain, database: fresh, rpcUrls: proxy.url, tokens, overrides })
      expect(await gate.pass()).toBe(false)
      await proxy.heal()
      // It is left alone for a few seconds after it failed.
      await waitUntil(() => gate.pass(), { withinMs: 20_000, what: 'a pass that gets through' })
      const market = { pool: grown, gate, database: fresh }
      expect(ratio((await creditOf(market, await pay(market))).micros, WORTH)).toBeCloseTo(1, 3)
    } finally {
      await proxy.stop()
      await fresh.drop()
    }
  })
})
