import { z } from '@hono/zod-openapi'
import { formatFraction } from '../../pricing/fraction.ts'
import { MICROS_PER_MINUTE } from '../../pricing/quote.ts'

/**
 * Formats micros as minutes: a decimal string with at most 6 decimals, floored towards −∞, so it never shows more credit or
 * less debt than there is.
 *
 * @example formatMinutes(90_000_000n) // '1.5'
 * @example formatMinutes(-1n) // '-0.000001'
 */
export function formatMinutes(micros: bigint): string {
  return formatFraction({ numerator: micros, denominator: MICROS_PER_MINUTE }, 6)
}

/** An integer of any size in an answer: a decimal string, because a JSON number would lose digits. */
export const bigintText = z.string().openapi({ pattern: '^-?(0|[1-9][0-9]*)$', example: '3600000000' })

/** Minutes in an answer, next to the micros they come from; see `formatMinutes`. */
export const minutesText = z.string().openapi({
  pattern: '^-?(0|[1-9][0-9]*)(\\.[0-9]{1,6})?$',
  example: '60',
  description: 'Minutes with at most 6 decimals, floored.',
})

/** A price in an answer: USD per whole unit of an asset, for people. Credits are computed with the exact `rate`. */
export const usdText = z.string().openapi({
  pattern: '^(0|[1-9][0-9]*)(\\.[0-9]{1,18})?$',
  example: '2500',
  description: 'USD per whole unit, with at most 18 decimals, floored.',
})
