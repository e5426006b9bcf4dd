import { pause } from '../clock/pause.ts'
import type { Sql } from '../database/connect.ts'
import { accrueStorage, type StorageRate } from './accrueStorage.ts'
import { type MeteredSession, type MeterLimits, meterSessions } from './meterSessions.ts'
import { postUsage } from './postUsage.ts'

const EXPIRY_INTERVAL_MS = 2_000
const ACCRUAL_INTERVAL_MS = 30_000
const POSTING_INTERVAL_MS = 60_000

export interface MeteringOptions {
  limits: MeterLimits
  rate: StorageRate
  stop: AbortSignal
  /** Called for every round that fails. */
  onProblem: (what: string, error: unknown) => void
}

/**
 * Does the metering that no caller asks for, until stopped: ends silent sessions, bills stored volumes, posts usage. Only
 * the leader runs it, to save work: two at once would bill nothing twice. A round that fails is tried again at its next turn.
 */
export async function runMetering(
  sql: Sql,
  { limits, rate, stop, onProblem }: MeteringOptions,
): Promise<void> {
  const jobs: [string, number, () => Promise<unknown>][] = [
    ['silent sessions could not be ended', EXPIRY_INTERVAL_MS, () => expireSessions(sql, limits)],
    ['stored volumes could not be billed', ACCRUAL_INTERVAL_MS, () => accrueStorage(sql, rate)],
    ['usage could not be posted', POSTING_INTERVAL_MS, () => postUsage(sql)],
  ]
  await Promise.all(
    jobs.map(async ([what, everyMs, job]) => {
      while (!stop.aborted) {
        await job().catch((error: unknown) => onProblem(what, error))
        await pause(everyMs, stop)
      }
    }),
  )
}

const MAX_SESSIONS_PER_STATEMENT = 1_000

/**
 * Ends sessions that have been silent for longer than the heartbeat timeout, each billed for at most one heartbeat interval
 * after its last beat, and returns them. Only if heartbeats could be received all that time: a downtime of ours ends
 * nothing. The database decides so once more for each session, with its account locked.
 */
export async function expireSessions(sql: Sql, limits: MeterLimits): Promise<MeteredSession[]> {
  const ended: MeteredSession[] = []
  for (;;) {
    const silent = await sql<{ id: string }[]>`
      select s.id from credits.session s, credits.metering_clock c,
        lateral (select credits.metering_now() as now) t
      where s.state <> 'ended'
        and credits.micros_between(s.last_beat_at, t.now) > ${limits.heartbeatTimeoutMicros}
        and credits.micros_between(c.alive_since, t.now) > ${limits.heartbeatTimeoutMicros}
      order by s.account, s.id limit ${MAX_SESSIONS_PER_STATEMENT}`
    if (silent.length === 0) return ended
    const expired = await meterSessions(
      sql,
      limits,
      silent.map(({ id }) => id),
      'expire',
    )
    ended.push(...expired)
    // Sessions that came back meanwhile are no longer silent; whatever is left waits for the next round.
    if (silent.length < MAX_SESSIONS_PER_STATEMENT || expired.length === 0) return ended
  }
}
