import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseDecimal } from '../../../billing/config/shapes/numbers.ts'

const digits = (minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789'), minLength, maxLength })

describe('parseDecimal', () => {
  test('reads decimals as fractions in lowest terms', () => {
    expect(parseDecimal('0.0005')).toEqual({ numerator: 1n, denominator: 2000n })
    expect(parseDecimal('120000')).toEqual({ numerator: 120000n, denominator: 1n })
    expect(parseDecimal('0.05')).toEqual({ numerator: 1n, denominator: 20n })
    expect(parseDecimal('0.000')).toEqual({ numerator: 0n, denominator: 1n })
    expect(parseDecimal('007.50')).toEqual({ numerator: 15n, denominator: 2n })
  })

  test('keeps what a float would lose', () => {
    expect(parseDecimal('0.1')).toEqual({ numerator: 1n, denominator: 10n })
    expect(parseDecimal('9007199254740993.000000000000000001')).toEqual({
      numerator: 9007199254740993000000000000000001n,
      denominator: 10n ** 18n,
    })
  })

  test.each([
    ...[
      '',
      ' ',
      '.',
      '.5',
      '1.',
      '1e3',
      '0x10',
      '+1',
      '-1',
      '-0',
      '1_000',
      '1,5',
      '1 ',
      ' 1',
      'NaN',
      'Infinity',
    ],
    ...['1.1.1', '٣', '0.0000000000000000001', '1'.repeat(31), '1\n'],
  ])('refuses %j', (text) => {
    expect(parseDecimal(text)).toBeNull()
  })

  test('is exact for every plain decimal', () => {
    fc.assert(
      fc.property(digits(1, 30), digits(0, 18), (whole, decimals) => {
        const fraction = parseDecimal(decimals === '' ? whole : `${whole}.${decimals}`)
        expect(fraction).not.toBeNull()
        if (fraction === null) return
        const scaled = BigInt(whole + decimals) * fraction.denominator
        expect(scaled).toBe(fraction.numerator * 10n ** BigInt(decimals.length))
        expect(gcd(fraction.numerator, fraction.denominator)).toBe(1n)
      }),
    )
  })
})

function gcd(a: bigint, b: bigint): bigint {
  return b === 0n ? a : gcd(b, a % b)
}
