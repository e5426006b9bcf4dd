import { expect, test } from 'vitest'
import {
  add,
  ceil,
  compare,
  divide,
  floor,
  formatFraction,
  multiply,
  reduce,
  subtract,
} from '../../../billing/pricing/fraction.ts'

const of = (numerator: bigint, denominator = 1n) => ({ numerator, denominator })

test('arithmetic is exact', () => {
  expect(reduce(add(of(1n, 3n), of(1n, 6n)))).toEqual(of(1n, 2n))
  expect(reduce(subtract(of(1n, 3n), of(1n, 2n)))).toEqual(of(-1n, 6n))
  expect(reduce(multiply(of(2n, 3n), of(3n, 4n)))).toEqual(of(1n, 2n))
  expect(reduce(divide(of(1n, 2n), of(-1n, 4n)))).toEqual(of(-2n))
  expect(compare(of(1n, 3n), of(333_333_333n, 1_000_000_000n))).toBe(1)
  expect(compare(of(2n, 4n), of(1n, 2n))).toBe(0)
})

test('dividing by zero throws', () => {
  expect(() => divide(of(1n), of(0n))).toThrow('division of a fraction by zero')
})

test.each([
  [of(7n, 2n), 3n, 4n],
  [of(-7n, 2n), -4n, -3n],
  [of(4n, 2n), 2n, 2n],
  [of(-4n, 2n), -2n, -2n],
  [of(0n), 0n, 0n],
])('floor goes towards −∞ and ceil towards +∞: %o', (fraction, down, up) => {
  expect(floor(fraction)).toBe(down)
  expect(ceil(fraction)).toBe(up)
})

test.each([
  [of(0n), '0'],
  [of(25n, 2n), '12.5'],
  [of(-1n, 2n), '-0.5'],
  [of(1n, 3n), '0.333333333333333333'],
  [of(1n, 10n ** 18n), '0.000000000000000001'],
  [of(12_000n), '12000'],
])('is written as a decimal string: %o', (fraction, text) => {
  expect(formatFraction(fraction)).toBe(text)
})
