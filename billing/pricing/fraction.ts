import type { Fraction } from '../config/config.ts'

/** An integer as a fraction. */
export function fractionOf(integer: bigint): Fraction {
  return { numerator: integer, denominator: 1n }
}

/** a + b, exact. */
export function add(a: Fraction, b: Fraction): Fraction {
  return {
    numerator: a.numerator * b.denominator + b.numerator * a.denominator,
    denominator: a.denominator * b.denominator,
  }
}

/** a − b, exact. */
export function subtract(a: Fraction, b: Fraction): Fraction {
  return add(a, { numerator: -b.numerator, denominator: b.denominator })
}

/** a × b, exact. */
export function multiply(a: Fraction, b: Fraction): Fraction {
  return { numerator: a.numerator * b.numerator, denominator: a.denominator * b.denominator }
}

/** a ÷ b, exact. Throws RangeError when b is zero. */
export function divide(a: Fraction, b: Fraction): Fraction {
  if (b.numerator === 0n) throw new RangeError('division of a fraction by zero')
  const sign = b.numerator < 0n ? -1n : 1n
  return {
    numerator: a.numerator * b.denominator * sign,
    denominator: a.denominator * b.numerator * sign,
  }
}

/** Negative when a < b, zero when they are the same number, positive when a > b. */
export function compare(a: Fraction, b: Fraction): -1 | 0 | 1 {
  const left = a.numerator * b.denominator
  const right = b.numerator * a.denominator
  return left < right ? -1 : left > right ? 1 : 0
}

/** The same number in lowest terms: what a stored snapshot shows. */
export function reduce(fraction: Fraction): Fraction {
  let a = fraction.numerator < 0n ? -fraction.numerator : fraction.numerator
  let b = fraction.denominator
  while (b > 0n) [a, b] = [b, a % b]
  // a is 0 only for 0/0, which no valid fraction is.
  return { numerator: fraction.numerator / a, denominator: fraction.denominator / a }
}

/** The greatest integer not above it: rounds towards −∞, for negative numbers too. */
export function floor({ numerator, denominator }: Fraction): bigint {
  const quotient = numerator / denominator
  return numerator % denominator < 0n ? quotient - 1n : quotient
}

/** The least integer not below it. */
export function ceil(fraction: Fraction): bigint {
  return -floor({ numerator: -fraction.numerator, denominator: fraction.denominator })
}

/**
 * As a decimal string without trailing zeros, `12.5` for example. Exact where `maxDecimals` digits suffice, otherwise
 * floored to that many. 18 decimals by default.
 */
export function formatFraction(fraction: Fraction, maxDecimals = 18): string {
  const scaled = floor({
    numerator: fraction.numerator * 10n ** BigInt(maxDecimals),
    denominator: fraction.denominator,
  })
  const digits = (scaled < 0n ? -scaled : scaled).toString().padStart(maxDecimals + 1, '0')
  const whole = digits.slice(0, digits.length - maxDecimals)
  const decimals = digits.slice(digits.length - maxDecimals).replace(/0+$/, '')
  return `${scaled < 0n ? '-' : ''}${whole}${decimals === '' ? '' : `.${decimals}`}`
}
