import type { Address } from 'viem'
import type { Config } from '../config/config.ts'
import type { Sql, Transaction } from '../database/connect.ts'
import { lockAccounts } from '../ledger/post.ts'
import type { SessionEndReason, SessionState } from './schema.ts'

/**
 * What is done with sessions: `beat` bills up to now; `expire` ends those that have been silent for too long and those of
 * accounts that have used up credit and grace, and leaves the others alone; `release` (by the caller) and `end` (by the
 * operator) bill up to now and end.
 */
export type MeterAction = 'beat' | 'expire' | 'release' | 'end'

/**
 * Bills sessions and moves them on, any number with one statement, by the metering clock. A moment is billed once, however
 * many ask at the same time and however often; no balance is taken below zero; an ended session stays as it is. The answer
 * is in no particular order and leaves unknown ids out.
 *
 * What a balance does not pay for is grace, as far as the account has any; a session beyond it ended at that moment.
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
    from credits.bill_sessions(${ids as string[]}::text[], ${action}, ${limits.heartbeatIntervalMicros},
      ${limits.heartbeatTimeoutMicros}, ${limits.graceMicros}, ${limits.gracePercent}, ${limits.lowBalanceMinutes})`
}

/** The limits that sessions are metered by. Times are in microseconds; a microsecond of one GPU costs one micro. */
export interface MeterLimits {
  heartbeatIntervalMicros: bigint
  heartbeatTimeoutMicros: bigint
  /** The most grace between two refills, in micros of one GPU. */
  graceMicros: bigint
  /** The most grace ever, in percent of what deposits ever bought. */
  gracePercent: number
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
    gracePercent: sessions.gracePercent,
    lowBalanceMinutes: sessions.lowBalanceMinutes,
  }
}

/**
 * Counts the grace that sessions have used up to this moment; a session that has used up the last of it ends. To be called
 * before a deposit is posted: what ran in grace until then is never billed, but it is grace that was used. Locks the
 * accounts and then their meters, in sorted order, until the transaction ends.
 */
export async function settleGrace(
  tx: Transaction,
  limits: MeterLimits,
  accounts: readonly string[],
): Promise<void> {
  if (accounts.length === 0) return
  await lockAccounts(tx, accounts)
  await tx`
    select from credits.bill_sessions(
      array(select id from credits.session where account = any(${accounts as string[]}::text[]) and state = 'grace'),
      'settle', ${limits.heartbeatIntervalMicros}, ${limits.heartbeatTimeoutMicros}, ${limits.graceMicros},
      ${limits.gracePercent}, ${limits.lowBalanceMinutes})`
}

/** A credited deposit of at least the minimum, and whose account it went to. */
export interface RefillingDeposit {
  depositId: string
  account: string
}

/**
 * Lets accounts use their whole grace allowance again, within their share of what they ever bought. A deposit does this once,
 * also when it is credited again after a reversal: the primary key of `credits.grace_refill` says so. All grace that was ever
 * used stays counted.
 *
 * Must run in the transaction that credits, after {@link settleGrace}. Locks the meters in sorted order, after the accounts,
 * like everything that locks both.
 */
export async function refillGrace(tx: Transaction, deposits: readonly RefillingDeposit[]): Promise<void> {
  if (deposits.length === 0) return
  const accounts = deposits.map(({ account }) => account)
  await tx`select 1 from credits.meter where account = any(${accounts}::text[]) order by account for update`
  await tx`
    with refill as (
      insert into credits.grace_refill (deposit_id, account, grace_total_micros)
      select d.id, d.account, coalesce(m.grace_total_micros, 0)
      from unnest(${deposits.map(({ depositId }) => depositId)}::text[], ${accounts}::text[]) as d (id, account)
      left join credits.meter m on m.account = d.account
      on conflict do nothing
      returning account
    )
    update credits.meter m set grace_used_micros = 0
    where m.grace_used_micros > 0 and m.account in (select account from refill)`
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
  /** How long it may run on unbilled at the GPUs that the account runs now, in microseconds; null unless in grace. */
  graceLeftMicros: bigint | null
}
