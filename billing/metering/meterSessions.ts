import type { Address } from 'viem'
import type { Config } from '../config/config.ts'
import type { Sql, Transaction } from '../database/connect.ts'
import type { SessionEndReason, SessionState } from './schema.ts'

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

/** What sessions are metered by, in the units of the meter: microseconds of time, which are micros for one GPU. */
export interface MeterLimits {
  heartbeatIntervalMicros: bigint
  heartbeatTimeoutMicros: bigint
  graceMicros: bigint
  lowBalanceMinutes: number
}

const MICROS_PER_SECOND = 1_000_000n
const SECONDS_PER_MINUTE = 60n

/** The limits that the settings name. */
export function meterLimits({ sessions }: Pick<Config, 'sessions'>): MeterLimits {
  return {
    heartbeatIntervalMicros: BigInt(sessions.heartbeatIntervalSeconds) * MICROS_PER_SECOND,
    heartbeatTimeoutMicros: BigInt(sessions.heartbeatTimeoutSeconds) * MICROS_PER_SECOND,
    graceMicros: BigInt(sessions.graceMinutes) * SECONDS_PER_MINUTE * MICROS_PER_SECOND,
    lowBalanceMinutes: sessions.lowBalanceMinutes,
  }
}

/**
 * Gives accounts their whole grace allowance again and ends the grace of their sessions: what a deposit of at least the
 * minimum does, and nothing else. What ran in grace up to this moment is never billed; the next heartbeat bills from here.
 *
 * Idempotent. Takes the meters in sorted order, after the accounts, as everything does that takes both. The sessions are
 * looked at by a statement of their own: one that began before the locks were there would not see what others did meanwhile.
 */
export async function refillGrace(tx: Transaction, accounts: string[]): Promise<void> {
  if (accounts.length === 0) return
  await tx`
    with locked as (
      select account from credits.meter where account = any(${accounts}::text[]) order by account for update
    )
    update credits.meter m set grace_used_micros = 0 from locked
    where m.account = locked.account and m.grace_used_micros > 0`
  await tx`
    update credits.session set billed_through = greatest(billed_through, credits.metering_now())
    where account = any(${accounts}::text[]) and state = 'grace'`
}

/** A session as callers see it. */
export interface SessionView {
  id: string
  account: Address
  profile: string
  gpus: number
  state: SessionState
  endReason: SessionEndReason | null
  startedAt: Date
  endedAt: Date | null
  totalBilledMicros: bigint
}

/** A session after it was metered, with what its account then has. */
export interface MeteredSession extends SessionView {
  /** What this one call billed. */
  billedMicros: bigint
  balanceMicros: bigint
  isLow: boolean
  /** What is left of the account's grace allowance. */
  graceLeftMicros: bigint
}
