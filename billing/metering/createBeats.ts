import pLimit from 'p-limit'
import type { Sql } from '../database/connect.ts'
import { type MeteredSession, type MeterLimits, meterSessions } from './meterSessions.ts'

/** How long the first of a group waits for others … */
const GATHERED_FOR_MS = 2
/**
 * … unless so many are there: measured, a statement for 32 takes twice as long as one for a single heartbeat, and from
 * there on grows with their number, so that waiting for more saves nothing.
 */
const ENOUGH = 32
/** Heartbeats that one statement answers, as many as a batch may name. */
const AT_ONCE = 1_000
/** Groups under way at once: while one is committed, the next is billed. */
const GROUPS_UNDER_WAY = 2
/** Heartbeats that may wait; beyond, the caller is told to come again. */
const MAX_BEATS_WAITING = 10_000

/** `overloaded`: too many wait already; `unknown`: no session has that id. */
export type BeatResult =
  | { kind: 'metered'; session: MeteredSession }
  | { kind: 'unknown' }
  | { kind: 'overloaded' }

interface Waiting {
  id: string
  answer: (result: BeatResult) => void
  fail: (error: unknown) => void
}

/**
 * Gathers single heartbeats that come within a few milliseconds into one statement and one commit, and answers each after
 * that commit. Bounded: no more than 10 000 wait.
 */
export function createBeats(sql: Sql, limits: MeterLimits): (id: string) => Promise<BeatResult> {
  let waiting: Waiting[] = []
  let underWay = 0
  let timer: NodeJS.Timeout | null = null

  function schedule(): void {
    if (waiting.length === 0 || underWay >= GROUPS_UNDER_WAY) return
    if (waiting.length >= ENOUGH) void send()
    else timer ??= setTimeout(() => void send(), GATHERED_FOR_MS)
  }

  async function send(): Promise<void> {
    if (timer !== null) clearTimeout(timer)
    timer = null
    const group = waiting.slice(0, AT_ONCE)
    waiting = waiting.slice(AT_ONCE)
    underWay += 1
    schedule()
    try {
      const ids = [...new Set(group.map(({ id }) => id))]
      const sessions = new Map((await meterSessions(sql, limits, ids, 'beat')).map((one) => [one.id, one]))
      for (const { id, answer } of group) {
        const session = sessions.get(id)
        answer(session === undefined ? { kind: 'unknown' } : { kind: 'metered', session })
        // Whoever asked for the same session at the same time is told what this one statement billed only once.
        if (session !== undefined && session.billedMicros > 0n)
          sessions.set(id, { ...session, billedMicros: 0n })
      }
    } catch (error) {
      for (const { fail } of group) fail(error)
    } finally {
      underWay -= 1
      schedule()
    }
  }

  return (id) => {
    if (waiting.length >= MAX_BEATS_WAITING) return Promise.resolve({ kind: 'overloaded' })
    return new Promise((answer, fail) => {
      waiting.push({ id, answer, fail })
      schedule()
    })
  }
}

/** Batches that are billed at once: each holds a connection and the meters of up to a thousand accounts. */
const MAX_BATCHES_UNDER_WAY = 4
/** Batches that may wait, of up to a thousand heartbeats each; beyond, the caller is told to come again. */
const MAX_BATCHES_WAITING = 20

/** `overloaded`: too many wait already, and nothing was billed. */
export type BatchResult = { kind: 'metered'; sessions: MeteredSession[] } | { kind: 'overloaded' }

/**
 * Bills batches of heartbeats, each with one statement: all of it or, on an error, none. In no particular order; ids that
 * are not known are missing. Bounded: four at once and twenty that wait, so that batches which wait for an account, or for
 * a slow disk, take neither the memory nor the connections of everybody else.
 */
export function createBatches(sql: Sql, limits: MeterLimits): (ids: string[]) => Promise<BatchResult> {
  const underWay = pLimit(MAX_BATCHES_UNDER_WAY)
  return async (ids) => {
    if (underWay.activeCount + underWay.pendingCount >= MAX_BATCHES_UNDER_WAY + MAX_BATCHES_WAITING)
      return { kind: 'overloaded' }
    return underWay(async () => ({
      kind: 'metered',
      sessions: await meterSessions(sql, limits, ids, 'beat'),
    }))
  }
}
