import { pause } from '../clock/pause.ts'
import { connect } from './connect.ts'

/** Any fixed number; one gate at a time holds it. */
const LEADER_LOCK = 5_119_002_346

/** How often one that does not lead tries again; with the keep-alive of the leader's session, well below 15 seconds. */
const TRY_EVERY_MS = 1_000

export interface Leadership {
  /** Aborted the moment leadership is lost. */
  signal: AbortSignal
  /** Gives it up. */
  release(): Promise<void>
}

/**
 * Waits until this process is the one that gates, by a session-level advisory lock: PostgreSQL itself gives it to the next
 * one when the holder's session ends, however it ended.
 *
 * Leadership saves work; it is not what keeps credits single. Two that both believed to lead would meet at the database's
 * constraints. Resolves with null when `stop` is aborted first.
 */
export async function electLeader(databaseUrl: string, stop: AbortSignal): Promise<Leadership | null> {
  while (!stop.aborted) {
    const leadership = await tryToLead(databaseUrl)
    if (leadership !== null) return leadership
    await pause(TRY_EVERY_MS, stop)
  }
  return null
}

async function tryToLead(databaseUrl: string): Promise<Leadership | null> {
  const session = connect(databaseUrl, { max: 1, renew: false, applicationName: 'billing leader' })
  const lost = new AbortController()
  try {
    const reserved = await session.reserve()
    const [row] = await reserved<{ leads: boolean }[]>`select pg_try_advisory_lock(${LEADER_LOCK}) as leads`
    if (row?.leads !== true) {
      await session.end({ timeout: 1 })
      return null
    }
    const pulse = setInterval(() => {
      // The lock lives and dies with this very session: a question that fails means that it is gone.
      reserved`select 1`.catch(() => lost.abort())
    }, TRY_EVERY_MS)
    lost.signal.addEventListener('abort', () => clearInterval(pulse))
    return {
      signal: lost.signal,
      async release() {
        clearInterval(pulse)
        lost.abort()
        await session.end({ timeout: 1 })
      },
    }
  } catch {
    // The database is away: that is no leadership, and it is tried again.
    await session.end({ timeout: 1 }).catch(() => {})
    return null
  }
}
