import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Quote, recomputeMicros } from '../../../billing/pricing/quote.ts'
import { quoteFromJson, quoteToJson } from '../../../billing/pricing/quoteJson.ts'

const example: Quote = {
  rail: 'eth:1',
  wallet: '0x00000000000000000000000000000000000000aa',
  amountBaseUnits: 500_000_000_000_000n,
  minimumBaseUnits: 500_000_000_000_000n,
  creditMicros: 3_600_000_000n,
  tier: { index: 0, label: 'Tier 0', discountPercent: '0' },
  axgtBalance: 2n ** 255n,
  bonusPercent: '0',
  price: {
    mode: 'fixed',
    usdPerUnit: '2000',
    usdPerHour: '1',
    microsPerBaseUnit: { numerator: 9n, denominator: 1_250_000n },
    description: '120000 minutes per ETH, less 0 % of the price',
    reading: null,
  },
  asOfBlock: { number: 12n, hash: `0x${'1'.repeat(64)}` },
}

test('a snapshot comes back from JSON text as the same quote, whatever the size of its numbers', () => {
  const natural = fc.bigInt({ min: 0n, max: 2n ** 256n })
  fc.assert(
    fc.property(natural, natural, fc.option(natural), (amountBaseUnits, creditMicros, axgtBalance) => {
      const quote: Quote = { ...example, amountBaseUnits, creditMicros, axgtBalance }
      const back = quoteFromJson(JSON.parse(JSON.stringify(quoteToJson(quote))))
      expect(back).toEqual({ kind: 'quote', quote })
    }),
  )
})

test('the credit can be recomputed from the snapshot alone', () => {
  expect(recomputeMicros(example)).toBe(3_600_000_000n)
  expect(recomputeMicros({ ...example, amountBaseUnits: 138_888n })).toBe(0n)
  expect(recomputeMicros({ ...example, amountBaseUnits: 138_889n })).toBe(1n)
})

test.each([
  ['nothing', null],
  ['a number where a string belongs', { ...quoteToJson(example), amountBaseUnits: 5 }],
  ['a negative amount', { ...quoteToJson(example), amountBaseUnits: '-5' }],
  ['an unknown field', { ...quoteToJson(example), more: true }],
  [
    'a rate with denominator 0',
    {
      ...quoteToJson(example),
      price: { ...quoteToJson(example).price, microsPerBaseUnit: { numerator: '1', denominator: '0' } },
    },
  ],
])('%s is not a snapshot', (_what, json) => {
  expect(quoteFromJson(json)).toMatchObject({ kind: 'malformed' })
})
