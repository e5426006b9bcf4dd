export interface WaitOptions {
  /** How long it may take on a machine with nothing else to do. A busy one is given {@link PATIENCE} times as long. */
  withinMs: number
  /** What is waited for, in words, for the error. */
  what: string
  /** Default 25. */
  everyMs?: number
}

/** Tests must pass on two cores at a load of ten: a bound that only a quiet machine keeps says nothing about the product. */
const PATIENCE = 4

/**
 * Waits until `fact` resolves to something other than undefined, null or false, and returns that.
 *
 * A fact that throws (a connection refused while something restarts) is one that is not there yet; the last such error
 * is the cause of the failure. A fact that never resolves fails at the bound too.
 *
 * @throws after `withinMs` times the patience, telling what was waited for and what was seen last.
 */
export async function waitUntil<T>(
  fact: () => Promise<T | undefined | null | false> | T | undefined | null | false,
  { withinMs, what, everyMs = 25 }: WaitOptions,
): Promise<T> {
  const boundMs = withinMs * PATIENCE
  const end = performance.now() + boundMs
  let last: unknown
  let cause: unknown
  for (;;) {
    const left = end - performance.now()
    if (left <= 0) break
    try {
      const seen = await Promise.race([fact(), silence(left)])
      if (seen === SILENT) {
        last = 'no answer at all'
        break
      }
      if (seen !== undefined && seen !== null && seen !== false) return seen as T
      last = seen
      cause = undefined
    } catch (error) {
      last = error instanceof Error ? error.message : error
      cause = error
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
  throw new Error(`waited ${boundMs} ms for ${what}; last seen: ${show(last)}`, { cause })
}

const SILENT = Symbol('silent')

function silence(ms: number): Promise<typeof SILENT> {
  return new Promise((resolve) => setTimeout(() => resolve(SILENT), ms).unref())
}

function show(value: unknown): string {
  if (typeof value === 'string') return value
  return (
    JSON.stringify(value, (_key, it: unknown) => (typeof it === 'bigint' ? `${it}n` : it)) ?? String(value)
  )
}
