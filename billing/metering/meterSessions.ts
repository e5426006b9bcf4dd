import type { Address } from 'viem'
import type { Config } from '../config/config.ts'
import type { Sql, Transaction } from '../database/connect.ts'
import type { SessionEndReason, SessionState } from './schema.ts'

/**
 * What is done with sessions: `beat` bills up to now, `expire` ends those that have been silent for too long and leaves the
 * others alone, `release` (by the caller) and `end` (by the operator) bill up to now and end.
 */
export type MeterAction = 'beat' | 'expire' | 'release' | 'end'

/**
 * Bills sessions and moves them on, any number with one statement, by the metering clock. A moment is billed once, however
 * many ask at the same time and however often; no balance is taken below zero; an ended session stays as it is. The answer
 * is in no particular order and leaves unknown ids out.
 *
 * The plan is in functions.sql (`credits.plan_…`, ADR 0014): it needs the clock and the balance as they are once the account
 * is locked.
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

/** The limits that sessions are metered by. Times are in microseconds; a microsecond of one GPU costs one micro. */
export interface MeterLimits {
  heartbeatIntervalMicros: bigint
  heartbeatTimeoutMicros: bigint
  graceMicros: bigint
  lowBalanceMinutes: number
}

const MICROS_PER_SECOND = 1_000_000n
const SECONDS_PER_MINUTE = 60n

/** Takes the limits from the settings. */
export function meterLimits({ sessions }: Pick<Config, 'sessions'>): MeterLimits {
  return {
    heartbeatIntervalMicros: BigInt(sessions.heartbeatIntervalSeconds) * MICROS_PER_SECOND,
    heartbeatTimeoutMicros: BigInt(sessions.heartbeatTimeoutSeconds) * MICROS_PER_SECOND,
    graceMicros: BigInt(sessions.graceMinutes) * SECONDS_PER_MINUTE * MICROS_PER_SECOND,
    lowBalanceMinutes: sessions.lowBalanceMinutes,
  }
}

/**
 * Gives accounts their whole grace allowance back and forgives the grace that their sessions are in. Only a deposit of at
 * least the minimum does this. Time that ran in grace before this moment is never billed; the next heartbeat bills from here.
 *
 * Idempotent. Locks the meters in sorted order, after the accounts, like everything that locks both. A statement of its own
 * updates the sessions: one that began before the locks were held would not see what others did meanwhile.
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

/** A session as it is after metering, with what its account then has. */
export interface MeteredSession extends SessionView {
  /** What this call billed. */
  billedMicros: bigint
  balanceMicros: bigint
  isLow: boolean
  /** What is left of the account's grace allowance. */
  graceLeftMicros: bigint
}
