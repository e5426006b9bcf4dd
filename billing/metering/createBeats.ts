import pLimit from 'p-limit'
import type { Sql } from '../database/connect.ts'
import { type MeteredSession, type MeterLimits, meterSessions } from './meterSessions.ts'

/** How long the first heartbeat of a group waits for others, unless `MIN_BEATS_WITHOUT_WAIT` are there before. */
const MAX_GATHERING_MS = 2
/**
 * From this many on a group does not wait for more. Measured: a statement for 32 heartbeats takes twice as long as one for
 * a single heartbeat; beyond that the time grows with their number, so waiting for more saves nothing.
 */
const MIN_BEATS_WITHOUT_WAIT = 32
/** As many as a batch may name. */
const MAX_BEATS_PER_STATEMENT = 1_000
/** While one group commits, the next is billed. */
const MAX_GROUPS_UNDER_WAY = 2
/** Beyond this the caller is told to try again. */
const MAX_BEATS_WAITING = 10_000

/** What became of one heartbeat. `overloaded`: too many wait already; `unknown`: no session has that id. */
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
 * Makes the function that bills single heartbeats. Those that come within a few milliseconds share one statement and one
 * commit, and each is answered after that commit. Bounded: no more than 10 000 wait.
 */
export function createBeats(sql: Sql, limits: MeterLimits): (id: string) => Promise<BeatResult> {
  let waiting: Waiting[] = []
  let underWay = 0
  let timer: NodeJS.Timeout | null = null

  function schedule(): void {
    if (waiting.length === 0 || underWay >= MAX_GROUPS_UNDER_WAY) return
    if (waiting.length >= MIN_BEATS_WITHOUT_WAIT) void send()
    else timer ??= setTimeout(() => void send(), MAX_GATHERING_MS)
  }

  async function send(): Promise<void> {
    if (timer !== null) clearTimeout(timer)
    timer = null
    const group = waiting.slice(0, MAX_BEATS_PER_STATEMENT)
    waiting = waiting.slice(MAX_BEATS_PER_STATEMENT)
    underWay += 1
    schedule()
    try {
      const ids = [...new Set(group.map(({ id }) => id))]
      const sessions = new Map((await meterSessions(sql, limits, ids, 'beat')).map((one) => [one.id, one]))
      for (const { id, answer } of group) {
        const session = sessions.get(id)
        answer(session === undefined ? { kind: 'unknown' } : { kind: 'metered', session })
        // If a session was asked for twice in this group, only the first answer says what the one statement billed.
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

/** Each batch that is being billed holds a connection and the meters of up to a thousand accounts. */
const MAX_BATCHES_UNDER_WAY = 4
/** Of up to a thousand heartbeats each. Beyond this the caller is told to try again. */
const MAX_BATCHES_WAITING = 20

/** What became of a batch. `overloaded`: too many wait already, and nothing was billed. */
export type BatchResult = { kind: 'metered'; sessions: MeteredSession[] } | { kind: 'overloaded' }

/**
 * Makes the function that bills batches of heartbeats, each with one statement: all of it or, on an error, none. The answer
 * is in no particular order and leaves unknown ids out. Bounded: four batches at once and twenty that wait, so that batches
 * held up by a locked account or a slow disk do not use up the memory and the connections that others need.
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
