import { pause } from '../clock/createWaker.ts'
import type { Sql } from '../database/connect.ts'
import { accrueStorage, type StorageRate } from './accrueStorage.ts'
import { type MeteredSession, type MeterLimits, meterSessions } from './meterSessions.ts'
import { postUsage } from './postUsage.ts'

const EXPIRY_INTERVAL_MS = 2_000
const VOUCHING_INTERVAL_MS = 2_000
const ACCRUAL_INTERVAL_MS = 30_000
const POSTING_INTERVAL_MS = 60_000

export interface MeteringOptions {
  limits: MeterLimits
  rate: StorageRate
  /** Whose newest block times say how late it is after a downtime. */
  chainIds: readonly number[]
  stop: AbortSignal
  /** Called for every round that fails. */
  onProblem: (what: string, error: unknown) => void
}

/**
 * Does the metering that no caller asks for, until stopped: ends sessions that are silent or have used up their grace, moves
 * the clock over downtimes, bills stored volumes, posts usage. Only
 * the leader runs it, to save work: two at once would bill nothing twice. A round that fails is tried again at its next turn.
 */
export async function runMetering(
  sql: Sql,
  { limits, rate, chainIds, stop, onProblem }: MeteringOptions,
): Promise<void> {
  const jobs: [string, number, () => Promise<unknown>][] = [
    [
      'silent or exhausted sessions could not be ended',
      EXPIRY_INTERVAL_MS,
      () => expireSessions(sql, limits),
    ],
    ['a downtime could not be vouched for', VOUCHING_INTERVAL_MS, () => vouchForDowntime(sql, chainIds)],
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
 * after its last beat, and sessions of accounts that have used up credit and grace since their last heartbeats; returns
 * them. Silence counts only while heartbeats could be received: a downtime of ours ends nothing. The database decides so
 * once more for each session, with its account locked.
 */
export async function expireSessions(sql: Sql, limits: MeterLimits): Promise<MeteredSession[]> {
  const ended: MeteredSession[] = []
  for (const select of [selectSilent, selectExhausted]) {
    for (;;) {
      const found = await select(sql, limits)
      if (found.length === 0) break
      const expired = await meterSessions(
        sql,
        limits,
        found.map(({ id }) => id),
        'expire',
      )
      ended.push(...expired)
      // Sessions that came back meanwhile are no longer silent; whatever is left waits for the next round.
      if (found.length < MAX_SESSIONS_PER_STATEMENT || expired.length === 0) break
    }
  }
  return ended
}

function selectSilent(sql: Sql, limits: MeterLimits): Promise<{ id: string }[]> {
  return sql<{ id: string }[]>`
    select s.id from credits.session s, credits.metering_clock c,
      lateral (select credits.metering_now() as now) t
    where s.state <> 'ended'
      and credits.micros_between(s.last_beat_at, t.now) > ${limits.heartbeatTimeoutMicros}
      and credits.micros_between(c.alive_since, t.now) > ${limits.heartbeatTimeoutMicros}
    order by s.account, s.id limit ${MAX_SESSIONS_PER_STATEMENT}`
}

/** All live sessions of accounts that have used up credit and grace. Where the balance is not low yet, it lasts longer than a beat may be late. */
function selectExhausted(sql: Sql, limits: MeterLimits): Promise<{ id: string }[]> {
  const isToldInTime = BigInt(limits.lowBalanceMinutes) * 60_000_000n >= limits.heartbeatTimeoutMicros
  return sql<{ id: string }[]>`
    with used as (
      select s.account, sum(s.gpus * least(greatest(credits.micros_between(s.billed_through, t.now), 0),
          ${limits.heartbeatTimeoutMicros}::bigint)) as micros
      from credits.session s join credits.meter m on m.account = s.account, (select credits.metering_now() as now) t
      where s.state <> 'ended' and (m.is_low or not ${isToldInTime}::boolean)
      group by s.account
    ), spent as (
      select m.account from used u
      join credits.meter m on m.account = u.account
      join credits.account a on a.address = u.account
      where case when u.micros >= a.balance_micros - m.unposted_micros then
        u.micros - greatest(a.balance_micros - m.unposted_micros, 0) >= credits.plan_grace(m.grace_used_micros,
          m.grace_total_micros, ${limits.graceMicros}, ${limits.gracePercent}, credits.bought_micros(m.account)) end
    )
    select s.id from credits.session s join spent on spent.account = s.account
    where s.state <> 'ended'
    order by s.account, s.id limit ${MAX_SESSIONS_PER_STATEMENT}`
}

/**
 * Moves the metering clock over a downtime of ours as far as the chains say that the time has passed: up to the second
 * highest of their newest block times, or the only one. Neither a chain that stands still nor one whose RPCs invent a time
 * decides alone, where there are several. Returns by how many microseconds the clock moved; 0 while nothing waits.
 */
export async function vouchForDowntime(sql: Sql, chainIds: readonly number[]): Promise<bigint> {
  const [row] = await sql<{ moved: bigint }[]>`
    select credits.vouch((
      select head_timestamp from credits.chain_status where chain_id = any(${chainIds as number[]}::bigint[])
      order by head_timestamp desc offset ${Math.min(1, chainIds.length - 1)} limit 1)) as moved`
  return row?.moved ?? 0n
}

const TICK_INTERVAL_MS = 1_000

/**
 * Ticks the metering clock once a second, until stopped. Every process that can receive heartbeats runs it: a tick says that
 * this process listens, and tells a jump of the machine's clock from time that passed, by a clock that does not jump. A
 * tick that fails is reported, once until one succeeds, and tried again; while none succeeds, nothing is billed and nothing
 * expires.
 *
 * Resolves after the first tick, and rejects if that one fails; `stopped` resolves when the loop has ended.
 */
export async function runMeteringClock(
  sql: Sql,
  { stop, onProblem }: { stop: AbortSignal; onProblem: (error: unknown) => void },
): Promise<{ stopped: Promise<void> }> {
  let last = await tick(sql, null)
  const run = async () => {
    let wasTold = false
    while (!stop.aborted) {
      await pause(TICK_INTERVAL_MS, stop)
      if (stop.aborted) return
      try {
        last = await tick(sql, last)
        wasTold = false
      } catch (error) {
        if (!wasTold) onProblem(error)
        wasTold = true
      }
    }
  }
  return { stopped: run() }
}

interface Tick {
  /** By the metering clock. */
  seen: Date
  /** By this process's monotonic clock, in milliseconds. */
  at: number
}

async function tick(sql: Sql, last: Tick | null): Promise<Tick> {
  const at = performance.now()
  const elapsedMicros = last === null ? 0n : BigInt(Math.round((at - last.at) * 1_000))
  const [row] = await sql<{ seen: Date }[]>`
    select credits.tick(${last?.seen ?? null}::timestamptz, ${elapsedMicros}) as seen`
  if (row === undefined) throw new Error('the metering clock did not answer')
  return { seen: row.seen, at }
}
