import pLimit from 'p-limit'
import type { Sql } from '../database/connect.ts'
import { meterSessions } from '../metering/meterSessions.ts'
import type { MeterLimits } from './meterLimits.ts'
import type { MeteredSession } from './sessionView.ts'

/** Batches that are billed at once: each holds a connection and the meters of up to a thousand accounts. */
const UNDER_WAY = 4
/** Batches that may wait, of up to a thousand heartbeats each; beyond, the caller is told to come again. */
const IN_WAITING = 20

/** `overloaded`: too many wait already, and nothing was billed. */
export type BatchResult = { kind: 'metered'; sessions: MeteredSession[] } | { kind: 'overloaded' }

/**
 * Bills batches of heartbeats, each with one statement: all of it or, on an error, none. In no particular order; ids that
 * are not known are missing. Bounded: four at once and twenty that wait, so that batches which wait for an account, or for
 * a slow disk, take neither the memory nor the connections of everybody else.
 */
export function createBatches(sql: Sql, limits: MeterLimits): (ids: string[]) => Promise<BatchResult> {
  const underWay = pLimit(UNDER_WAY)
  return async (ids) => {
    if (underWay.activeCount + underWay.pendingCount >= UNDER_WAY + IN_WAITING) return { kind: 'overloaded' }
    return underWay(async () => ({
      kind: 'metered',
      sessions: await meterSessions(sql, limits, ids, 'beat'),
    }))
  }
}
