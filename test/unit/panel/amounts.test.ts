import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  amountFor,
  formatAmount,
  microsFor,
  parseAmount,
  parseWantedMinutes,
  showAmount,
} from '../../../panel/pay/amounts.ts'

const MAX_BASE_UNITS = 2n ** 256n - 1n
const decimals = fc.integer({ min: 0, max: 30 })
const baseUnits = fc.bigInt({ min: 1n, max: MAX_BASE_UNITS })

describe('amounts typed by people', () => {
  test('every amount is read back as itself', () => {
    fc.assert(
      fc.property(baseUnits, decimals, (amount, places) => {
        expect(parseAmount(formatAmount(amount, places), places)).toEqual({
          kind: 'amount',
          baseUnits: amount,
        })
      }),
    )
  })

  test('surplus decimals are refused, whatever they are, unless they are zeros', () => {
    fc.assert(
      fc.property(baseUnits, decimals, fc.integer({ min: 1, max: 9 }), (amount, places, digit) => {
        const [whole = '', fraction = ''] = formatAmount(amount, places).split('.')
        const padded = `${whole}.${fraction.padEnd(places, '0')}`
        expect(parseAmount(`${padded}${digit}`, places)).toEqual({
          kind: 'fault',
          fault: 'too_many_decimals',
        })
        expect(parseAmount(`${padded}000`, places)).toEqual({ kind: 'amount', baseUnits: amount })
      }),
    )
  })

  test.each([
    ['0.0005', 18, 500_000_000_000_000n],
    ['.5', 6, 500_000n],
    ['0,5', 6, 500_000n],
    ['1,5', 6, 1_500_000n],
    ['0,001', 6, 1000n],
    [' 1 ', 6, 1_000_000n],
    ['007', 6, 7_000_000n],
    ['1000,001', 6, 1_000_001_000n],
  ])('%j is read', (text, places, amount) => {
    expect(parseAmount(text, places)).toEqual({ kind: 'amount', baseUnits: amount })
  })

  test.each([
    ['', 'empty'],
    ['   ', 'empty'],
    ['1,000', 'ambiguous_comma'],
    ['25,500', 'ambiguous_comma'],
    ['1,000.5', 'not_a_number'],
    ['1.000.000', 'not_a_number'],
    ['1e3', 'not_a_number'],
    ['0x10', 'not_a_number'],
    ['-1', 'not_a_number'],
    ['+1', 'not_a_number'],
    ['1.', 'not_a_number'],
    ['.', 'not_a_number'],
    ['NaN', 'not_a_number'],
    ['Infinity', 'not_a_number'],
    ['1 000', 'not_a_number'],
    ['١', 'not_a_number'],
    ['0', 'zero'],
    ['0.000000', 'zero'],
    ['0.0000001', 'too_many_decimals'],
    ['9'.repeat(78), 'too_large'],
    ['9'.repeat(79), 'not_a_number'],
  ])('%j is not an amount of 6 decimals: %s', (text, fault) => {
    expect(parseAmount(text, 6)).toEqual({ kind: 'fault', fault })
  })

  test('wanted minutes are exact micros, and no more than one payment may become', () => {
    expect(parseWantedMinutes('60')).toEqual({ kind: 'minutes', micros: 3_600_000_000n })
    expect(parseWantedMinutes('0.000001')).toEqual({ kind: 'minutes', micros: 60n })
    expect(parseWantedMinutes('0.0000001')).toEqual({ kind: 'fault', fault: 'too_many_decimals' })
    expect(parseWantedMinutes('150119987.579016')).toEqual({
      kind: 'minutes',
      micros: 9_007_199_254_740_960n,
    })
    expect(parseWantedMinutes('150119988')).toEqual({ kind: 'fault', fault: 'too_large' })
  })
})

describe('amounts shown to people', () => {
  test('what is shown is never more than there is, and never nothing where there is something', () => {
    fc.assert(
      fc.property(baseUnits, decimals, (amount, places) => {
        const shown = parseAmount(showAmount(amount, places).replaceAll(',', ''), places)
        if (shown.kind !== 'amount') throw new Error(`reads as ${shown.fault}`)
        expect(shown.baseUnits).toBeLessThanOrEqual(amount)
        expect(shown.baseUnits).toBeGreaterThan(0n)
      }),
    )
  })

  test.each([
    [500_000_000_000_000n, 18, '0.0005'],
    [1_234_567_891_234_567_891n, 18, '1.234567'],
    [1n, 18, '0.000000000000000001'],
    [12_345_678_900_000n, 6, '12,345,678.9'],
    [999_999n, 6, '0.999999'],
    [0n, 6, '0'],
    [1000n, 0, '1,000'],
  ])('%d with %d decimals reads %s', (amount, places, text) => {
    expect(showAmount(amount, places)).toBe(text)
  })
})

describe('amount and minutes, both ways', () => {
  const rate = fc.record({
    numerator: fc.bigInt({ min: 1n, max: 10n ** 30n }),
    denominator: fc.bigInt({ min: 1n, max: 10n ** 30n }),
  })

  test('the amount for some minutes yields them, and one base unit less does not', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 2n ** 53n }), rate, (micros, perBaseUnit) => {
        const amount = amountFor(micros, perBaseUnit)
        if (amount === null) throw new Error('there is a rate')
        expect(microsFor(amount, perBaseUnit)).toBeGreaterThanOrEqual(micros)
        expect(microsFor(amount - 1n, perBaseUnit)).toBeLessThan(micros)
      }),
    )
  })

  test('an amount is never promised more than its exact worth', () => {
    fc.assert(
      fc.property(baseUnits, rate, (amount, perBaseUnit) => {
        const micros = microsFor(amount, perBaseUnit)
        expect(micros * perBaseUnit.denominator).toBeLessThanOrEqual(amount * perBaseUnit.numerator)
      }),
    )
  })

  test('at a rate of nothing no amount buys anything', () => {
    expect(amountFor(1n, { numerator: 0n, denominator: 1n })).toBeNull()
  })
})
