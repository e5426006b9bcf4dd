import type { Sql } from '../database/connect.ts'
import type { SessionView } from './sessionView.ts'

/** Reads one session as it was last metered; null when there is none of that id. */
export async function readSession(sql: Sql, id: string): Promise<SessionView | null> {
  const [row] = await sql<SessionView[]>`
    select id, account, profile, gpus, state, end_reason as "endReason", started_at as "startedAt",
      ended_at as "endedAt", total_billed_micros as "totalBilledMicros"
    from credits.session where id = ${id}`
  return row ?? null
}
