import type { TraceSupport } from './probeTraces.ts'

/** What is known of whether a chain's RPCs trace. Times are milliseconds of a clock that never goes back. */
export interface TraceWatch {
  /** The way in which ETH is found now; null while the first answers are awaited. */
  mode: 'traces' | 'transactions' | null
  /** Since when every clear answer spoke for the other way; null when the last one spoke for this one. */
  otherSinceMs: number | null
  /** How often in that time it was said. */
  otherTimes: number
  lastOtherMs: number
  /** The way was chosen at the start, on the word of two answers. */
  isFirst: boolean
}

/** At the start: a method that is plainly missing is refused this often in a row. */
const FIRST_REFUSALS = 2
/** A change makes a new index, so it takes minutes of the same word, said again and again. */
const REFUSED_FOR_MS = 180_000
const TRACED_FOR_MS = 120_000
/** Back from what two answers decided at the start: they may have come from a node that was just starting too. */
const TRACED_FOR_AT_FIRST_MS = 30_000
const MIN_TIMES = 4
/** A word that was not repeated for so long is no longer the same word. */
const FORGET_AFTER_MS = 180_000

export const newTraceWatch: TraceWatch = {
  mode: null,
  otherSinceMs: null,
  otherTimes: 0,
  lastOtherMs: 0,
  isFirst: false,
}

/**
 * Decides from one probe in which way ETH is to be found. Pure: gives the new memory.
 *
 * Falling back takes three minutes of refusals without a single success, coming back two minutes of traces without a
 * refusal: an RPC that goes back and forth changes nothing. What is unclear counts for neither.
 *
 * @param isStarting while nothing has been started yet: then two refusals suffice, and nothing needs to be rebuilt.
 */
export function planTraces(
  before: TraceWatch,
  { support, nowMs, isStarting }: { support: TraceSupport; nowMs: number; isStarting: boolean },
): TraceWatch {
  const mode = before.mode ?? (isStarting ? null : 'traces')
  if (support === 'unknown') return { ...before, mode }
  const says = support === 'supported' ? 'traces' : 'transactions'
  if (says === (mode ?? 'traces')) {
    return { ...before, mode: says, otherSinceMs: null, otherTimes: 0 }
  }
  const isNew = before.otherSinceMs === null || nowMs - before.lastOtherMs > FORGET_AFTER_MS
  const otherSinceMs = isNew ? nowMs : (before.otherSinceMs ?? nowMs)
  const otherTimes = isNew ? 1 : before.otherTimes + 1
  const after = { ...before, mode, otherSinceMs, otherTimes, lastOtherMs: nowMs }
  if (mode === null) {
    if (otherTimes < FIRST_REFUSALS) return after
    return { ...after, mode: says, otherSinceMs: null, otherTimes: 0, isFirst: true }
  }
  const tracedForMs = before.isFirst ? TRACED_FOR_AT_FIRST_MS : TRACED_FOR_MS
  const forMs = says === 'traces' ? tracedForMs : REFUSED_FOR_MS
  if (otherTimes < MIN_TIMES || nowMs - otherSinceMs < forMs) return after
  return { ...after, mode: says, otherSinceMs: null, otherTimes: 0, isFirst: false }
}
