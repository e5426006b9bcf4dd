import type { Sql } from '../billing/database/connect.ts'
import type { MeterLimits } from '../billing/metering/meterSessions.ts'
import { addressSql } from './addressSql.ts'

/**
 * Starts sessions in a filled ledger, as the service would, on accounts `firstAccount`, `firstAccount + apart` and so on;
 * with `apart` 0, all on one. Returns their ids, which are UUIDs.
 */
export async function startSessions(
  sql: Sql,
  limits: MeterLimits,
  order: { name: string; sessions: number; firstAccount: number; apart: number },
): Promise<string[]> {
  const started = await sql<{ id: string; outcome: string }[]>`
    select s.id, credits.start_session(s.id, s.account, 'small', 1, ${limits.heartbeatTimeoutMicros},
      ${limits.lowBalanceMinutes}) as outcome
    from (
      select md5(${order.name} || n)::uuid::text as id,
        ${sql.unsafe(addressSql(`(${order.firstAccount} + n * ${order.apart})`))} as account
      from generate_series(0, ${order.sessions - 1}) as n
    ) s`
  const refused = started.find(({ outcome }) => outcome !== 'created')
  if (refused !== undefined) throw new Error(`session ${refused.id} is ${refused.outcome}`)
  return started.map(({ id }) => id)
}
