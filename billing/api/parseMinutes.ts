import { MAX_CREDIT_MICROS, MICROS_PER_MINUTE } from '../pricing/quote.ts'

const DECIMALS = 6
const pattern = /^(-?)(0|[1-9]\d{0,11})(?:\.(\d{1,6}))?$/

/**
 * Reads an adjustment's minutes, `-12.5` for example, as micros. Exact: at most 6 decimals, which always are whole
 * micros. null for everything else: no number, zero in any spelling, an exponent, a plus sign, more digits, or more than
 * one posting may hold (2^53 − 1 micros either way).
 */
export function parseMinutes(text: string): bigint | null {
  const [, sign, whole = '', decimals = ''] = pattern.exec(text) ?? []
  if (sign === undefined) return null
  const millionths = BigInt(whole + decimals.padEnd(DECIMALS, '0'))
  const micros = (millionths * MICROS_PER_MINUTE) / 10n ** BigInt(DECIMALS)
  if (micros === 0n || micros > MAX_CREDIT_MICROS) return null
  return sign === '-' ? -micros : micros
}
