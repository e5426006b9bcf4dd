import type { Address } from 'viem'
import type { Sql } from '../database/connect.ts'
import type { MeterLimits } from './meterSessions.ts'

/** What an account holds at this moment, and how long it lasts. */
export interface AccountView {
  address: Address
  /** The sum of its entries, less usage not yet posted, less what its sessions have used since their last heartbeat. */
  balanceMicros: bigint
  /** What all running sessions burn together. */
  burnMicrosPerMinute: bigint
  /** null while nothing burns. */
  runsOutAt: Date | null
  /** What is left lasts no longer than the warning threshold at the present burn. */
  low: boolean
  /** How long it may run on at the GPUs that run now; null while no session is in grace. */
  graceRemainingSeconds: number | null
}

const MICROS_PER_MINUTE = 60_000_000n

interface Row {
  available: bigint
  accrued: string
  liveGpus: bigint
  grace: bigint | null
  now: Date
}

/**
 * Reads what an account holds at this moment, not only as of the last heartbeat: what its sessions have used since then
 * counts as if it were billed now. So a session in grace burns again from a top-up on, and one that has used up the balance
 * is in grace, before its next heartbeat says so. The balance is negative after spent credit was reversed, or because of
 * storage. An address that was never seen has 0. Changes nothing.
 */
export async function readAccount(sql: Sql, limits: MeterLimits, address: Address): Promise<AccountView> {
  const [row] = await sql<Row[]>`
    select a.balance_micros - coalesce(m.unposted_micros, 0) as available,
      case when s.gpus > 0 and s.accrued >= a.balance_micros - coalesce(m.unposted_micros, 0) then
        credits.plan_grace(m.grace_used_micros, m.grace_total_micros, ${limits.graceMicros}, ${limits.gracePercent},
          credits.bought_micros(a.address)) end as grace,
      clock_timestamp() as now,
      coalesce(s.accrued, 0)::text as accrued, coalesce(s.gpus, 0) as "liveGpus"
    from credits.account a
    left join credits.meter m on m.account = a.address
    left join lateral (
      select sum(s.gpus) as gpus,
        sum(s.gpus * least(greatest(credits.micros_between(s.billed_through, t.now), 0),
          ${limits.heartbeatTimeoutMicros}::bigint)) as accrued
      from credits.session s, (select credits.metering_now() as now) t
      where s.account = a.address and s.state <> 'ended'
    ) s on true
    where a.address = ${address}`
  if (row === undefined) return { address, ...NOTHING }
  const accrued = BigInt(row.accrued)
  const left = row.available - accrued
  // Sessions do not take a balance below zero; one that is below already stays as it is.
  const balanceMicros = row.available <= 0n ? row.available : left > 0n ? left : 0n
  const burnMicrosPerMinute = balanceMicros > 0n ? row.liveGpus * MICROS_PER_MINUTE : 0n
  const isInGrace = row.liveGpus > 0n && balanceMicros <= 0n
  // What its sessions have used of it since their last heartbeats is used.
  const graceLeft = (row.grace ?? 0n) + (row.available <= 0n ? -accrued : left)
  return {
    address,
    balanceMicros,
    burnMicrosPerMinute,
    runsOutAt: runsOutAt(row.now, balanceMicros, burnMicrosPerMinute),
    low:
      row.liveGpus > 0n &&
      balanceMicros <= BigInt(limits.lowBalanceMinutes) * row.liveGpus * MICROS_PER_MINUTE,
    graceRemainingSeconds: isInGrace
      ? Number((graceLeft > 0n ? graceLeft : 0n) / row.liveGpus / 1_000_000n)
      : null,
  }
}

const NOTHING: Omit<AccountView, 'address'> = {
  balanceMicros: 0n,
  burnMicrosPerMinute: 0n,
  runsOutAt: null,
  low: false,
  graceRemainingSeconds: null,
}

/** The last millisecond that a Date can hold. */
const LATEST_MS = 8_640_000_000_000_000n

function runsOutAt(now: Date, balanceMicros: bigint, burnMicrosPerMinute: bigint): Date | null {
  if (burnMicrosPerMinute === 0n) return null
  const lastsMs = (balanceMicros * 60_000n) / burnMicrosPerMinute
  const at = BigInt(now.getTime()) + lastsMs
  return new Date(Number(at < LATEST_MS ? at : LATEST_MS))
}
