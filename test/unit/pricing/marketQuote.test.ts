import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Asset } from '../../../billing/config/config.ts'
import { unjudgedAxgtUsd } from '../../../billing/pricing/axgtUsd.ts'
import { type Quote, type QuoteInput, quote } from '../../../billing/pricing/quote.ts'
import { quoteFromJson, quoteToJson } from '../../../billing/pricing/quoteJson.ts'
import { isRateOf, recomputeRate } from '../../../billing/pricing/recomputeRate.ts'
import { feed, marketPricing, NOW, of, pool, poolWindow, reading, SEQUENCER, TICK } from './readings.ts'

const ETHER = 10n ** 18n
const WALLET = `0x${'aa'.repeat(20)}` as const

const input = (asset: Asset, change: Partial<QuoteInput> = {}): QuoteInput => ({
  pricing: marketPricing,
  rail: { rail: `${asset}:1`, asset, chainId: 1, token: asset === 'eth' ? null : WALLET },
  decimals: asset === 'usdc' ? 6 : 18,
  wallet: WALLET,
  amountBaseUnits: null,
  axgt: { balance: 0n, decimals: 18 },
  block: { number: 7n, hash: reading().block.hash },
  oracle: reading(),
  history: null,
  ...change,
})

function quoted(asset: Asset, change: Partial<QuoteInput> = {}): Quote {
  const outcome = quote(input(asset, change))
  if (outcome.kind !== 'quoted') throw new Error(JSON.stringify(outcome))
  return outcome.quote
}

describe('ETH by Chainlink', () => {
  test('0.0005 ETH at 2000 USD is 60 minutes at 1 USD an hour, 80 for the highest tier', () => {
    const amountBaseUnits = ETHER / 2_000n
    expect(quoted('eth', { amountBaseUnits }).creditMicros).toBe(3_600_000_000n)
    const holder = { balance: 100_000n * ETHER, decimals: 18 }
    expect(quoted('eth', { amountBaseUnits, axgt: holder }).creditMicros).toBe(4_800_000_000n)
  })

  test('the snapshot says price, round and where it came from, and not what a pool nobody asked about said', () => {
    const { price } = quoted('eth')
    expect(price).toMatchObject({ mode: 'chainlink', usdPerUnit: '2000', usdPerHour: '1' })
    expect(price.reading).toEqual({ ...reading(), pool: null })
    expect(price.description).toBe(
      '1 ETH is 2000 USD by Chainlink; an hour costs 1 USD, less 0 % of the price',
    )
  })

  test('twice the price of an hour is half the minutes', () => {
    const pricing = { ...marketPricing, usdPerHour: of(2n) }
    expect(quoted('eth', { pricing, amountBaseUnits: ETHER }).creditMicros).toBe(
      quoted('eth', { amountBaseUnits: ETHER }).creditMicros / 2n,
    )
  })
})

test('AXGT is its TWAP in USD plus the bonus', () => {
  const q = quoted('axgt', { amountBaseUnits: 100n * ETHER })
  // A cent each, 60 minutes for a USD, 25 % more: 75 minutes and, as the tick is not exactly there, a little.
  expect(q.creditMicros).toBeGreaterThan(75n * 60_000_000n)
  expect(q.creditMicros).toBeLessThan(76n * 60_000_000n)
  expect(q.price.mode).toBe('twap')
})

test.each<[Asset, string]>([
  ['eth', 'were not read'],
  ['axgt', 'were not read'],
])('%s has no price where nothing was read', (asset, why) => {
  expect(quote(input(asset, { oracle: null }))).toMatchObject({
    kind: 'price_unavailable',
    why: expect.stringContaining(why),
  })
})

test('USDC needs no price source', () => {
  expect(quoted('usdc', { oracle: null }).price.usdPerUnit).toBe('1')
})

test('an absurd answer is no price, rather than digits that fit nowhere', () => {
  const oracle = reading({ ethUsd: feed({ answer: 2n ** 255n - 1n, decimals: 0 }) })
  expect(quote(input('eth', { oracle }))).toEqual({
    kind: 'price_unavailable',
    why: 'the price is beyond anything that can be one',
  })
})

describe('for any feed, pool and amount', () => {
  const markets = fc.record({
    answer: fc.bigInt({ min: 1n, max: 10n ** 14n }),
    tick: fc.integer({ min: -200_000, max: 100_000 }),
    remainder: fc.integer({ min: 0, max: 1_799 }),
    axgtIsToken0: fc.boolean(),
    decimals: fc.constantFrom(6, 8, 18),
  })
  const built = markets.map(({ answer, tick, remainder, axgtIsToken0, decimals }) => {
    const fast = poolWindow(1_800, tick, 10n ** 30n)
    return {
      decimals,
      oracle: reading({
        ethUsd: feed({ answer }),
        sequencer: { kind: 'answered', feed: SEQUENCER, answer: 0n, startedAt: NOW - 9_999n },
        pool: pool({
          axgtIsToken0,
          axgtDecimals: decimals,
          fast: { ...fast, tickCumulativeDelta: fast.tickCumulativeDelta + BigInt(remainder) },
          slow: poolWindow(86_400, tick, 10n ** 30n),
        }),
      }),
    }
  })
  const pricing = {
    ...marketPricing,
    axgt: { ...marketPricing.axgt, minimumLiquidityEth: of(0n) },
  }
  const asset = fc.constantFrom<Asset>('eth', 'axgt')
  const microsOf = (a: Asset, change: Partial<QuoteInput>) => {
    const outcome = quote(input(a, { pricing, ...change }))
    return outcome.kind === 'quoted' ? outcome.quote.creditMicros : null
  }

  test('splitting a payment never yields more than paying at once', () => {
    const amounts = fc.array(fc.bigInt({ min: 0n, max: 10n ** 22n }), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(asset, built, amounts, (a, { oracle, decimals }, parts) => {
        const change = { oracle, decimals: a === 'axgt' ? decimals : 18 }
        const sum = parts.reduce((total, part) => total + part, 0n)
        const atOnce = microsOf(a, { ...change, amountBaseUnits: sum })
        fc.pre(atOnce !== null)
        const split = parts.map((part) => microsOf(a, { ...change, amountBaseUnits: part }) ?? 0n)
        expect(split.reduce((total, micros) => total + micros, 0n) <= (atOnce ?? -1n)).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  test('the amount for wanted minutes yields at least those, and a base unit less does not', () => {
    const wanted = fc.bigInt({ min: 1n, max: 10n ** 14n })
    fc.assert(
      fc.property(asset, built, wanted, (a, { oracle, decimals }, atLeastMicros) => {
        const change = { oracle, decimals: a === 'axgt' ? decimals : 18, pricing }
        const outcome = quote(input(a, { ...change, atLeastMicros }))
        fc.pre(outcome.kind === 'quoted')
        if (outcome.kind !== 'quoted') return
        const { amountBaseUnits, creditMicros } = outcome.quote
        expect(creditMicros >= atLeastMicros).toBe(true)
        const less = microsOf(a, { ...change, amountBaseUnits: amountBaseUnits - 1n })
        expect((less ?? 0n) < atLeastMicros).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  test('the snapshot alone explains the rate, after a way through JSON', () => {
    fc.assert(
      fc.property(asset, built, (a, { oracle, decimals }) => {
        const outcome = quote(input(a, { oracle, decimals: a === 'axgt' ? decimals : 18, pricing }))
        fc.pre(outcome.kind === 'quoted')
        if (outcome.kind !== 'quoted') return
        const back = quoteFromJson(JSON.parse(JSON.stringify(quoteToJson(outcome.quote))))
        expect(back).toEqual({ kind: 'quote', quote: outcome.quote })
        const rate = recomputeRate(outcome.quote)
        expect(rate !== null && isRateOf(outcome.quote, rate)).toBe(true)
      }),
      { numRuns: 60 },
    )
  })
})

test('a snapshot whose reading was altered no longer explains its rate', () => {
  const q = quoted('axgt')
  const altered = reading({ pool: pool({ fast: poolWindow(1_800, TICK + 1) }) })
  const rate = recomputeRate({ ...q, price: { ...q.price, reading: altered } })
  expect(rate !== null && isRateOf(q, rate)).toBe(false)
  expect(unjudgedAxgtUsd(altered)).not.toEqual(unjudgedAxgtUsd(reading()))
})

test('a snapshot stored before market prices is read as it was', () => {
  const json = quoteToJson(quoted('usdc'))
  const { usdPerUnit: _unit, usdPerHour: _hour, reading: _reading, ...price } = json.price
  const back = quoteFromJson({ ...json, price })
  expect(back).toMatchObject({ kind: 'quote', quote: { price: { usdPerUnit: null, reading: null } } })
})
