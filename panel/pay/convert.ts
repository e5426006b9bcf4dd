/** Micros per base unit, exact: the `rate` of a quote. */
export interface Rate {
  numerator: bigint
  denominator: bigint
}

/**
 * What an amount becomes at a quote's rate, in micros: multiplied, divided once and floored, as billing does it. It lets
 * the page answer while somebody types; what counts is the service's quote that follows, and in the end the deposit's block.
 */
export function microsFor(amountBaseUnits: bigint, { numerator, denominator }: Rate): bigint {
  return (amountBaseUnits * numerator) / denominator
}

/** The least amount, in base units, that yields at least so many micros; null at a rate of nothing. */
export function amountFor(micros: bigint, { numerator, denominator }: Rate): bigint | null {
  if (numerator === 0n) return null
  return (micros * denominator + numerator - 1n) / numerator
}
