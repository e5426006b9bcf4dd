import { floor } from './fraction.ts'
import type { Quote } from './quote.ts'

/**
 * Recomputes a quote's credit from its amount and its exact rate, floored once: what a stored snapshot must agree with.
 */
export function recomputeMicros({
  amountBaseUnits,
  price,
}: Pick<Quote, 'amountBaseUnits' | 'price'>): bigint {
  const { numerator, denominator } = price.microsPerBaseUnit
  return floor({ numerator: amountBaseUnits * numerator, denominator })
}
