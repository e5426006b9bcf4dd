import type { Sql, Transaction } from '../database/connect.ts'
import type { MeterLimits } from '../sessions/meterLimits.ts'
import type { MeteredSession } from '../sessions/sessionView.ts'

/**
 * What is done with sessions: `beat` bills up to now, `expire` ends those that have been silent for too long and leaves the
 * others, `release` and `end` bill up to now and end.
 */
export type MeterAction = 'beat' | 'expire' | 'release' | 'end'

/**
 * Bills sessions and moves them on, many with one statement, on the database's clock. A moment is billed once, whoever
 * asks at once and however often; a balance is not taken below zero by it; an ended session stays as it is. Ids that are
 * not known are missing from the answer, which is in no particular order.
 *
 * The plan is in the database (`credits.plan_…`, ADR 0014): it needs the clock and the balance of the very moment at
 * which the account is locked.
 */
export function meterSessions(
  sql: Sql | Transaction,
  limits: MeterLimits,
  ids: readonly string[],
  action: MeterAction,
): Promise<MeteredSession[]> {
  return sql<MeteredSession[]>`
    select id, account, profile, gpus, state, end_reason as "endReason", started_at as "startedAt",
      ended_at as "endedAt", billed_micros as "billedMicros", total_billed_micros as "totalBilledMicros",
      balance_micros as "balanceMicros", is_low as "isLow", grace_left_micros as "graceLeftMicros"
    from credits.meter_sessions(${ids as string[]}::text[], ${action}, ${limits.heartbeatIntervalMicros},
      ${limits.heartbeatTimeoutMicros}, ${limits.graceMicros}, ${limits.lowBalanceMinutes})`
}
