import type { Shape } from '../shape.ts'

/** Text of a given pattern, kept as it is. */
export function text(pattern: RegExp, mayBe: string): Shape<string> {
  return {
    mayBe,
    parse: (value) => (pattern.test(value) ? { ok: true, value } : { ok: false, why: null }),
  }
}
