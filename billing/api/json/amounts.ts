import { formatFraction } from '../../pricing/fraction.ts'
import { MICROS_PER_MINUTE } from '../../pricing/quote.ts'

/**
 * Writes micros as minutes: a decimal string with at most 6 decimals, floored towards −∞, so that it never shows more
 * credit than there is, nor less debt.
 *
 * @example formatMinutes(90_000_000n) // '1.5'
 * @example formatMinutes(-1n) // '-0.000001'
 */
export function formatMinutes(micros: bigint): string {
  return formatFraction({ numerator: micros, denominator: MICROS_PER_MINUTE }, 6)
}
