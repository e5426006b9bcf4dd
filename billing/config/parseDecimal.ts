import type { Fraction } from './config.ts'

const MAX_INTEGER_DIGITS = 30
const MAX_DECIMALS = 18
const PLAIN_DECIMAL = new RegExp(`^(\\d{1,${MAX_INTEGER_DIGITS}})(?:\\.(\\d{1,${MAX_DECIMALS}}))?$`)

/**
 * Reads a plain decimal such as `0.0005` as an exact fraction in lowest terms (`1/2000`), without a float on the way.
 * At most 30 digits before the point and 18 after it; null for everything else: signs, exponents, `.5`, `1.`, spaces.
 */
export function parseDecimal(text: string): Fraction | null {
  const match = PLAIN_DECIMAL.exec(text)
  if (match === null) return null
  const decimals = match[2] ?? ''
  const numerator = BigInt(`${match[1]}${decimals}`)
  const denominator = 10n ** BigInt(decimals.length)
  const divisor = greatestCommonDivisor(numerator, denominator)
  return { numerator: numerator / divisor, denominator: denominator / divisor }
}

function greatestCommonDivisor(left: bigint, right: bigint): bigint {
  let [a, b] = [left, right]
  while (b !== 0n) [a, b] = [b, a % b]
  return a
}
