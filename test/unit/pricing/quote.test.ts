import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Asset, Fraction, PricingConfig, RailConfig } from '../../../billing/config/config.ts'
import { compare, multiply } from '../../../billing/pricing/fraction.ts'
import {
  MAX_CREDIT_MICROS,
  MICROS_PER_MINUTE,
  type Quote,
  type QuoteInput,
  quote,
} from '../../../billing/pricing/quote.ts'

const of = (numerator: bigint, denominator = 1n): Fraction => ({ numerator, denominator })
const ETHER = 10n ** 18n
const WALLET = '0x00000000000000000000000000000000000000aa'

type FixedPricing = PricingConfig & { eth: { mode: 'fixed' }; axgt: { mode: 'fixed' } }

const defaults: FixedPricing = {
  usdPerHour: of(1n),
  ethUsdMaxAgeSeconds: 7_200,
  eth: { mode: 'fixed', minutesPerEth: of(120_000n), minimumEth: of(5n, 10_000n) },
  usdc: { minimumUsdc: of(1n) },
  axgt: {
    mode: 'fixed',
    minutesPer100: of(60n),
    minimumAxgt: of(100n),
    bonusPercent: of(25n),
    dailyCapMicros: null,
  },
  tiers: [
    { minimumAxgt: 0n, discountPercent: of(0n) },
    { minimumAxgt: 100n, discountPercent: of(5n) },
    { minimumAxgt: 1_000n, discountPercent: of(10n) },
    { minimumAxgt: 10_000n, discountPercent: of(15n) },
    { minimumAxgt: 100_000n, discountPercent: of(25n) },
  ],
}

const railOf = (asset: Asset): RailConfig => ({
  rail: `${asset}:1`,
  asset,
  chainId: 1,
  token: asset === 'eth' ? null : '0x00000000000000000000000000000000000000bb',
})

const input = (asset: Asset, change: Partial<QuoteInput> = {}): QuoteInput => ({
  pricing: defaults,
  rail: railOf(asset),
  decimals: asset === 'usdc' ? 6 : 18,
  wallet: WALLET,
  amountBaseUnits: null,
  axgt: { balance: 0n, decimals: 18 },
  block: { number: 7n, hash: '0x07' },
  oracle: null,
  history: null,
  ...change,
})

function quoted(asset: Asset, change: Partial<QuoteInput> = {}): Quote {
  const outcome = quote(input(asset, change))
  if (outcome.kind !== 'quoted') throw new Error(`expected a quote, got ${outcome.kind}`)
  return outcome.quote
}

const minutes = (q: Quote): number => Number(q.creditMicros) / Number(MICROS_PER_MINUTE)
const holding = (balance: bigint) => ({ axgt: { balance, decimals: 18 } })

describe('with the default prices', () => {
  test('0.0005 ETH is 60 minutes, and is the minimum', () => {
    const q = quoted('eth', { amountBaseUnits: (ETHER * 5n) / 10_000n })
    expect(minutes(q)).toBe(60)
    expect(q.minimumBaseUnits).toBe(q.amountBaseUnits)
    expect(q.tier).toEqual({ index: 0, label: 'Tier 0', discountPercent: '0' })
  })

  test('0.000375 ETH is 60 minutes for a holder of 100 000 AXGT, and is the minimum', () => {
    const q = quoted('eth', { amountBaseUnits: 375_000_000_000_000n, ...holding(100_000n * ETHER) })
    expect(minutes(q)).toBe(60)
    expect(q.minimumBaseUnits).toBe(375_000_000_000_000n)
    expect(q.tier).toEqual({ index: 4, label: 'Tier 4', discountPercent: '25' })
    expect(q.axgtBalance).toBe(100_000n * ETHER)
  })

  test.each([0n, 100_000n * ETHER])('1 USDC is 60 minutes for a holder of %s AXGT base units', (balance) => {
    const q = quoted('usdc', { amountBaseUnits: 1_000_000n, ...holding(balance) })
    expect(minutes(q)).toBe(60)
    expect(q.minimumBaseUnits).toBe(1_000_000n)
    expect(q.tier).toEqual({ index: 0, label: 'Tier 0', discountPercent: '0' })
    expect(q.price.microsPerBaseUnit).toEqual(of(3600n))
  })

  test.each([0n, 100_000n * ETHER])(
    '100 AXGT is 75 minutes for a holder of %s AXGT base units',
    (balance) => {
      const q = quoted('axgt', { amountBaseUnits: 100n * ETHER, ...holding(balance) })
      expect(minutes(q)).toBe(75)
      expect(q.minimumBaseUnits).toBe(100n * ETHER)
      expect(q.bonusPercent).toBe('25')
      expect(q.tier.discountPercent).toBe('0')
    },
  )

  test('no amount asks for the wallet’s own minimum', () => {
    expect(minutes(quoted('eth', holding(1_000n * ETHER)))).toBe(60)
    expect(quoted('eth', holding(1_000n * ETHER)).amountBaseUnits).toBe(450_000_000_000_000n)
  })

  test('a chain without AXGT has tier 0 and no AXGT balance', () => {
    const q = quoted('eth', { axgt: null })
    expect(q.tier.index).toBe(0)
    expect(q.axgtBalance).toBeNull()
  })
})

describe('tiers', () => {
  test.each([
    [100n, 1, '5'],
    [1_000n, 2, '10'],
    [10_000n, 3, '15'],
    [100_000n, 4, '25'],
  ])(
    '%s AXGT less one base unit, exactly, and one more: the tier begins exactly there',
    (whole, index, percent) => {
      const tierAt = (balance: bigint) => quoted('eth', holding(balance)).tier
      expect(tierAt(whole * ETHER - 1n).index).toBe(index - 1)
      expect(tierAt(whole * ETHER)).toEqual({ index, label: `Tier ${index}`, discountPercent: percent })
      expect(tierAt(whole * ETHER + 1n).index).toBe(index)
    },
  )

  test('AXGT with other decimals is counted in whole AXGT all the same', () => {
    expect(quoted('eth', { axgt: { balance: 99n, decimals: 0 } }).tier.index).toBe(0)
    expect(quoted('eth', { axgt: { balance: 100n, decimals: 0 } }).tier.index).toBe(1)
  })
})

describe('exactness', () => {
  test('one base unit of each asset is worth its exact floor', () => {
    // 120 000 minutes × 60 000 000 micros ÷ 10^18 wei is far below one micro.
    expect(quoted('eth', { amountBaseUnits: 1n }).creditMicros).toBe(0n)
    expect(quoted('usdc', { amountBaseUnits: 1n }).creditMicros).toBe(3600n)
    expect(quoted('axgt', { amountBaseUnits: 1n }).creditMicros).toBe(0n)
  })

  test.each(['eth', 'usdc', 'axgt'] as const)(
    '2^256 − 1 base units of %s are refused, never rounded',
    (asset) => {
      expect(quote(input(asset, { amountBaseUnits: 2n ** 256n - 1n }))).toEqual({ kind: 'amount_too_large' })
    },
  )

  test('the greatest credit is 2^53 − 1 micros: one base unit more is refused', () => {
    const greatest = MAX_CREDIT_MICROS / 3600n
    expect(quoted('usdc', { amountBaseUnits: greatest }).creditMicros).toBe(greatest * 3600n)
    expect(quote(input('usdc', { amountBaseUnits: greatest + 1n }))).toEqual({ kind: 'amount_too_large' })
  })

  test('a discount that does not divide evenly rounds the minimum up and the credit down', () => {
    const pricing: PricingConfig = {
      ...defaults,
      eth: { mode: 'fixed', minutesPerEth: of(7n), minimumEth: of(1n, 3n) },
      tiers: [{ minimumAxgt: 0n, discountPercent: of(10n, 3n) }],
    }
    const q = quoted('eth', { pricing })
    const exactMinimum = multiply(of(1n, 3n), of(290n * ETHER, 300n))
    expect(compare(of(q.minimumBaseUnits), exactMinimum)).toBe(1)
    expect(compare(of(q.minimumBaseUnits - 1n), exactMinimum)).toBe(-1)
  })

  test('a price per hour with decimals is exact', () => {
    const pricing = { ...defaults, usdPerHour: of(3n, 10n) }
    expect(quoted('usdc', { pricing, amountBaseUnits: 3_000_000n }).creditMicros).toBe(
      600n * MICROS_PER_MINUTE,
    )
  })

  test('tokens of 0 and of 77 decimals are quoted, 78 is refused', () => {
    expect(minutes(quoted('usdc', { decimals: 0, amountBaseUnits: 1n }))).toBe(60)
    expect(minutes(quoted('usdc', { decimals: 77, amountBaseUnits: 10n ** 77n }))).toBe(60)
    expect(() => quote(input('usdc', { decimals: 78 }))).toThrow('decimals must be 0…77, not 78')
  })

  test('a negative amount is a broken assumption', () => {
    expect(() => quote(input('eth', { amountBaseUnits: -1n }))).toThrow('an amount cannot be negative')
  })
})

describe('for any prices and amounts', () => {
  const fraction = (min: bigint, max: bigint) =>
    fc.tuple(fc.bigInt({ min, max }), fc.bigInt({ min: 1n, max: 10n ** 6n })).map(([n, d]) => of(n, d))
  const positive = fraction(1n, 10n ** 9n)
  const pricing: fc.Arbitrary<FixedPricing> = fc.record({
    usdPerHour: positive,
    ethUsdMaxAgeSeconds: fc.constant(7_200),
    eth: fc.record({ mode: fc.constant('fixed' as const), minutesPerEth: positive, minimumEth: positive }),
    usdc: fc.record({ minimumUsdc: positive }),
    axgt: fc.record({
      mode: fc.constant('fixed' as const),
      minutesPer100: positive,
      minimumAxgt: positive,
      bonusPercent: fraction(0n, 10n ** 8n),
      dailyCapMicros: fc.constant(null),
    }),
    tiers: fc
      .bigInt({ min: 0n, max: 99_999n })
      .map((n) => [{ minimumAxgt: 0n, discountPercent: of(n, 1000n) }]),
  })
  const asset = fc.constantFrom<Asset>('eth', 'usdc', 'axgt')
  const decimals = fc.integer({ min: 0, max: 24 })
  const amount = fc.bigInt({ min: 0n, max: 10n ** 24n })
  const microsOf = (a: Asset, change: Partial<QuoteInput>): bigint | null => {
    const outcome = quote(input(a, change))
    return outcome.kind === 'quoted' ? outcome.quote.creditMicros : null
  }

  test('splitting a payment never yields more than paying at once', () => {
    fc.assert(
      fc.property(
        asset,
        pricing,
        decimals,
        fc.array(amount, { minLength: 1, maxLength: 8 }),
        (a, p, d, parts) => {
          const together = parts.reduce((sum, part) => sum + part, 0n)
          const atOnce = microsOf(a, { pricing: p, decimals: d, amountBaseUnits: together })
          fc.pre(atOnce !== null)
          const split = parts.map(
            (part) => microsOf(a, { pricing: p, decimals: d, amountBaseUnits: part }) ?? -1n,
          )
          expect(split.every((micros) => micros >= 0n)).toBe(true)
          expect(split.reduce((sum, micros) => sum + micros, 0n) <= (atOnce ?? -1n)).toBe(true)
        },
      ),
    )
  })

  // The exact value is computed here by another route: the settings' numbers straight from the design's table.
  test('a quote never exceeds the exact value and is less than one micro below it', () => {
    fc.assert(
      fc.property(asset, pricing, decimals, amount, (a, p, d, amountBaseUnits) => {
        const micros = microsOf(a, { pricing: p, decimals: d, amountBaseUnits })
        fc.pre(micros !== null)
        const [numerator, denominator] = exactMicros(a, p, d, amountBaseUnits)
        expect((micros ?? -1n) * denominator <= numerator).toBe(true)
        expect(((micros ?? -1n) + 1n) * denominator > numerator).toBe(true)
      }),
    )
  })

  test('more is never worth less', () => {
    fc.assert(
      fc.property(asset, pricing, decimals, amount, amount, (a, p, d, one, other) => {
        const [less, more] = one < other ? [one, other] : [other, one]
        const greater = microsOf(a, { pricing: p, decimals: d, amountBaseUnits: more })
        fc.pre(greater !== null)
        const smaller = microsOf(a, { pricing: p, decimals: d, amountBaseUnits: less })
        expect(smaller !== null && smaller <= (greater ?? -1n)).toBe(true)
      }),
    )
  })

  function exactMicros(a: Asset, p: FixedPricing, d: number, amountBaseUnits: bigint): [bigint, bigint] {
    const scale = 10n ** BigInt(d)
    switch (a) {
      case 'eth': {
        const percent = p.tiers[0]?.discountPercent ?? of(0n)
        const { numerator: m, denominator: n } = p.eth.minutesPerEth
        const paid = 100n * percent.denominator - percent.numerator
        return [amountBaseUnits * m * 60_000_000n * 100n * percent.denominator, scale * n * paid]
      }
      case 'usdc':
        return [amountBaseUnits * 3_600_000_000n * p.usdPerHour.denominator, scale * p.usdPerHour.numerator]
      case 'axgt': {
        const { numerator: m, denominator: n } = p.axgt.minutesPer100
        const { numerator: b, denominator: c } = p.axgt.bonusPercent
        return [amountBaseUnits * m * 60_000_000n * (100n * c + b), scale * n * 100n * 100n * c]
      }
    }
  }
})
