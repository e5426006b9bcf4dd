import type { Shape } from '../shape.ts'

/** A decimal integer without sign, exponent or leading zeros, `minimum` and `maximum` included. */
export function integer(minimum: number, maximum: number): Shape<number> {
  const mayBe =
    maximum === Number.MAX_SAFE_INTEGER
      ? `an integer of at least ${minimum}`
      : `an integer from ${minimum} to ${maximum}`
  return {
    mayBe,
    parse(text) {
      if (!/^(0|[1-9]\d{0,15})$/.test(text)) return { ok: false, why: null }
      const value = Number(text)
      if (value < minimum || value > maximum) return { ok: false, why: null }
      return { ok: true, value }
    },
  }
}
