/** Deeper than any request of ours, shallow enough for every recursive reader behind us. */
const MAX_DEPTH = 32

const loneSurrogate = /\p{Surrogate}/u

/**
 * Says what makes a parsed JSON value unfit for a request, or null. Refused are: nesting deeper than 32, NUL (PostgreSQL
 * can not store it), lone surrogates (they would be replaced on the way into UTF-8, so what is stored would not be what
 * was sent) and the key `__proto__`. Walks without recursion: the input may be 10 000 deep.
 */
export function inspectJson(value: unknown): string | null {
  const waiting: { value: unknown; depth: number }[] = [{ value, depth: 0 }]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (typeof next.value === 'string') {
      const fault = inspectText(next.value)
      if (fault) return fault
    } else if (typeof next.value === 'object' && next.value !== null) {
      if (next.depth >= MAX_DEPTH) return `is nested deeper than ${MAX_DEPTH}`
      for (const [key, child] of Object.entries(next.value)) {
        if (key === '__proto__') return 'has the key __proto__'
        const fault = inspectText(key)
        if (fault) return fault
        waiting.push({ value: child, depth: next.depth + 1 })
      }
    }
  }
  return null
}

function inspectText(text: string): string | null {
  if (text.includes('\0')) return 'holds a NUL character'
  return loneSurrogate.test(text) ? 'holds a lone surrogate' : null
}
