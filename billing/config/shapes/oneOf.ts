import type { Shape } from '../shape.ts'

/** One of a few words, to the letter. */
export function oneOf<const T extends string>(words: readonly T[], mayBe?: string): Shape<T> {
  const quoted = words.map((word) => `\`${word}\``)
  return {
    mayBe: mayBe ?? (quoted.length > 2 ? `one of ${quoted.join(', ')}` : quoted.join(' or ')),
    parse(text) {
      const value = words.find((word) => word === text)
      return value === undefined ? { ok: false, why: null } : { ok: true, value }
    },
  }
}
