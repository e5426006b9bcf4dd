import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatMinutes } from '../../../billing/api/json/amounts.ts'
import { parseAmount, parseMinutes } from '../../../billing/api/request/fields.ts'

test.each([
  [0n, '0'],
  [3_600_000_000n, '60'],
  [90_000_000n, '1.5'],
  [59n, '0'],
  [60n, '0.000001'],
  [119n, '0.000001'],
  [-1n, '-0.000001'],
  [-60n, '-0.000001'],
  [-61n, '-0.000002'],
  [9_007_199_254_740_991n, '150119987.579016'],
  [-(2n ** 63n), '-153722867280.912931'],
])('%s micros are %s minutes, floored towards minus infinity', (micros, minutes) => {
  expect(formatMinutes(micros)).toBe(minutes)
})

test('minutes that are read come out as they were written, exactly', () => {
  const micros = fc
    .bigInt({ min: -(2n ** 53n - 1n) / 60n, max: (2n ** 53n - 1n) / 60n })
    .filter((n) => n !== 0n)
  fc.assert(
    fc.property(micros, (millionths) => {
      expect(parseMinutes(formatMinutes(millionths * 60n))).toBe(millionths * 60n)
    }),
  )
})

test('the most that one adjustment may be is 2^53 - 1 micros', () => {
  expect(parseMinutes('150119987.579016')).toBe(9_007_199_254_740_960n)
  expect(parseMinutes('-150119987.579016')).toBe(-9_007_199_254_740_960n)
  expect(parseMinutes('150119987.579017')).toBeNull()
})

test.each([
  ['0.0005', 18, 500_000_000_000_000n],
  ['1.000001', 6, 1_000_001n],
  ['1.0000010', 6, null],
  ['5', 0, 5n],
  ['5.0', 0, null],
])('the amount %s with %i decimals is %s base units', (text, decimals, baseUnits) => {
  expect(parseAmount(text, decimals)).toBe(baseUnits)
})
