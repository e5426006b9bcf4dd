import { connect, type Sql } from './connect.ts'
import { type DatabaseFault, databaseFault } from './faults.ts'

/** What a process does: both, or only serve, or only gate, meter and deliver. */
export type Role = 'all' | 'api' | 'worker'

/** How many connections each purpose has. The rest of `DATABASE_POOL_SIZE` is one that listens and, of a worker, the leader's. */
export interface PoolPlan {
  /** Answering requests. None in a worker. */
  requests: number
  /** Starting, billing and releasing sessions, so that no read can starve a heartbeat. None in a worker. */
  beats: number
  /** Whatever runs without being asked: the gate, metering, events, webhooks. */
  work: number
  /** Health and metrics, which must answer when all the others hang. */
  health: number
}

/** The fewest connections that a process can do everything with: one for each purpose. */
export const MIN_POOL_SIZE = 6
const FROM_HERE_ON_TWO_FOR_HEALTH = 12

/** Divides the connections of a process by purpose. Pure. */
export function planPools(size: number, role: Role): PoolPlan {
  const health = size < FROM_HERE_ON_TWO_FOR_HEALTH ? 1 : 2
  const left = size - health - 1 - (role === 'api' ? 0 : 1)
  if (role === 'worker') return { requests: 0, beats: 0, work: left, health }
  const beats = Math.max(1, Math.floor(left / 4))
  const work = Math.max(1, Math.floor(left / (role === 'api' ? 8 : 4)))
  return { requests: left - beats - work, beats, work, health }
}

/** The pools of a process. `requests` and `beats` are those of `work` in a worker, which nobody asks. */
export interface Pools extends Record<keyof PoolPlan, Sql> {
  /** Says what is wrong with the database as a whole; null: nothing known. Never throws, answers within three seconds. */
  fault(): Promise<DatabaseFault | null>
  close(): Promise<void>
}

/** A queue longer than this is not worked off before its last one has given up. */
const WAITING_PER_CONNECTION = 200
/** The server's own timeout shall come first: its error says which statement it was. */
const DEADLINE_BEYOND_STATEMENT_MS = 500
const HEALTH_TIMEOUT_MS = 2_000

/**
 * What runs unasked may take longer: a statement over a backlog, a lock behind which others wait. But a transaction must not
 * stand still: if this process is frozen, its locks keep the next leader from crediting.
 */
const WORK_TIMEOUTS = { statementMs: 60_000, lockMs: 10_000, idleInTransactionMs: 5_000 }

/** Nothing else says that a disk is full: while it is, one write or other fails at least this often. */
const FULL_IS_REMEMBERED_MS = 30_000

/**
 * Opens the pools of a process on one database: together with the connection that listens and the leader's they have `size`
 * connections. Each has the timeouts of its purpose, enforced by the server. A statement or a transaction of a request takes
 * at most `timeoutMs`, waiting included; beyond that it is cancelled and fails with a `DatabaseBusy`.
 */
export function openPools(
  url: string,
  { size, timeoutMs, role }: { size: number; timeoutMs: number; role: Role },
): Pools {
  const plan = planPools(size, role)
  let fullAt = Number.NEGATIVE_INFINITY
  const onFault = (fault: DatabaseFault) => {
    if (fault === 'full') fullAt = performance.now()
  }
  const cancel = (pid: number) => {
    health`select pg_cancel_backend(${pid})`.catch(() => {})
  }
  const open = (max: number, statementMs: number, applicationName: string) =>
    connect(url, {
      max,
      applicationName,
      timeouts: { statementMs, lockMs: statementMs, idleInTransactionMs: statementMs },
      bounds: {
        waiting: max * WAITING_PER_CONNECTION,
        deadlineMs: statementMs + DEADLINE_BEYOND_STATEMENT_MS,
        cancel,
      },
      onFault,
    })
  const health: Sql = open(plan.health, HEALTH_TIMEOUT_MS, 'billing health')
  const work = connect(url, { max: plan.work, timeouts: WORK_TIMEOUTS, onFault })
  const requests = plan.requests === 0 ? work : open(plan.requests, timeoutMs, 'billing requests')
  const beats = plan.beats === 0 ? work : open(plan.beats, timeoutMs, 'billing heartbeats')

  async function fault(): Promise<DatabaseFault | null> {
    try {
      const [row] = await health<{ isReadOnly: boolean }[]>`
        select pg_is_in_recovery() or current_setting('transaction_read_only')::boolean as "isReadOnly"`
      if (row?.isReadOnly) return 'read_only'
      return performance.now() - fullAt < FULL_IS_REMEMBERED_MS ? 'full' : null
    } catch (error) {
      return databaseFault(error) ?? 'away'
    }
  }

  return {
    requests,
    beats,
    work,
    health,
    fault,
    async close() {
      await Promise.all([...new Set([requests, beats, work, health])].map((pool) => pool.end({ timeout: 2 })))
    },
  }
}
