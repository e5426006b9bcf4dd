import { pause } from '../clock/createWaker.ts'
import { connect } from './connect.ts'

/** An arbitrary number that all releases share; one process at a time holds the lock. */
const LEADER_LOCK = 5_119_002_346

/**
 * How often a process that does not lead tries to, and a leader checks that it still does. Together with the keep-alive of the
 * leader's session, another leads well within 15 seconds.
 */
const ELECTION_INTERVAL_MS = 1_000

/** Held by the one process that leads. */
export interface Leadership {
  /** Aborted the moment leadership is lost. */
  signal: AbortSignal
  /** Gives leadership up. */
  release(): Promise<void>
}

/**
 * Waits until this process leads, by a session-level advisory lock, which PostgreSQL frees when the holder's session ends,
 * however it ends. Resolves with null if `stop` is aborted first.
 *
 * Leadership saves work; it is not what keeps a deposit from being credited twice. If two processes believed that they lead,
 * the constraints of the database would stop them.
 */
export async function electLeader(databaseUrl: string, stop: AbortSignal): Promise<Leadership | null> {
  while (!stop.aborted) {
    const leadership = await tryToLead(databaseUrl)
    if (leadership !== null) return leadership
    await pause(ELECTION_INTERVAL_MS, stop)
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
      // The lock lives and dies with this session: if a query fails, the lock is gone.
      reserved`select 1`.catch(() => lost.abort())
    }, ELECTION_INTERVAL_MS)
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
    // The database is away. That is no leadership, and the next attempt follows.
    await session.end({ timeout: 1 }).catch(() => {})
    return null
  }
}
