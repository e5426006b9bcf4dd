import type { Fraction } from '../config.ts'
import { parseDecimal } from '../parseDecimal.ts'
import type { Shape } from '../shape.ts'

interface Bounds {
  /** The lowest value, itself excluded. */
  above?: bigint
  /** The lowest value, itself included. */
  atLeast?: bigint
  /** The highest value, itself included. */
  atMost: bigint
}

/** An exact decimal such as `0.0005`, never read through a float. */
export function decimal({ above, atLeast, atMost }: Bounds): Shape<Fraction> {
  const lowest = above === undefined ? `at least ${atLeast ?? 0n}` : `above ${above}`
  return {
    mayBe: `a decimal ${lowest} and at most ${atMost}, with at most 18 decimals`,
    parse(text) {
      const value = parseDecimal(text)
      if (value === null) return { ok: false, why: null }
      const { numerator, denominator } = value
      const isInside =
        (above === undefined || numerator > above * denominator) &&
        numerator >= (atLeast ?? 0n) * denominator &&
        numerator <= atMost * denominator
      return isInside ? { ok: true, value } : { ok: false, why: null }
    },
  }
}
