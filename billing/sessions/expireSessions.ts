import type { Sql } from '../database/connect.ts'
import { meterSessions } from '../metering/meterSessions.ts'
import type { MeterLimits } from './meterLimits.ts'
import type { MeteredSession } from './sessionView.ts'

const AT_ONCE = 1_000

/**
 * Ends sessions that have been silent for longer than the heartbeat timeout, each billed for at most one heartbeat interval
 * after its last beat. Only while heartbeats could be received all that time: a downtime of ours ends nothing, and
 * the database decides that once more for each session with its account locked.
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
      order by s.account, s.id limit ${AT_ONCE}`
    if (silent.length === 0) return ended
    const expired = await meterSessions(
      sql,
      limits,
      silent.map(({ id }) => id),
      'expire',
    )
    ended.push(...expired)
    // Those that came back meanwhile are not silent any more; whatever is left is for the next time.
    if (silent.length < AT_ONCE || expired.length === 0) return ended
  }
}
