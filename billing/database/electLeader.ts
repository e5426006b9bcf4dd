import { pause } from '../clock/createWaker.ts'
import { connect, type Sql } from './connect.ts'

/** An arbitrary number that all releases share; one process at a time holds the lock. */
const LEADER_LOCK = 5_119_002_346

/**
 * How often a process that does not lead tries to, and a leader checks that it still does. Together with the keep-alive of the
 * leader's session, another leads well within 15 seconds.
 */
const ELECTION_INTERVAL_MS = 1_000

/** PostgreSQL's undefined_object: there is no setting of that name. */
const UNDEFINED_OBJECT = '42704'

const TIMEOUTS = { statementMs: 5_000, lockMs: 5_000, idleInTransactionMs: 5_000 }

/** A leader that lets so many pulses fail is frozen: the server ends its session, and with it the leadership. */
const SILENT_LEADER_SECONDS = 8

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

/**
 * Asks the server to end this session when nothing is asked in it for a while. A process that is stopped, or whose event loop
 * is blocked, still has a connection that answers the keep-alive: without this it would lead for ever. PostgreSQL before 14
 * has no such setting, and its leader only ends with its connection.
 */
async function endWhenSilent(session: Sql): Promise<void> {
  await session`select set_config('idle_session_timeout', ${`${SILENT_LEADER_SECONDS}s`}, false)`.catch(
    (error: unknown) => {
      if (!(error instanceof Error && 'code' in error && error.code === UNDEFINED_OBJECT)) throw error
    },
  )
}

async function tryToLead(databaseUrl: string): Promise<Leadership | null> {
  const lost = new AbortController()
  // The lock lives and dies with the one connection of this session: another would not have it.
  const session = connect(databaseUrl, {
    max: 1,
    renew: false,
    applicationName: 'billing leader',
    timeouts: TIMEOUTS,
    onClose: () => lost.abort(),
  })
  try {
    // Where nothing can be written there is nothing to lead.
    const [row] = await session<{ leads: boolean }[]>`
      select not current_setting('transaction_read_only')::boolean
        and pg_try_advisory_lock(${LEADER_LOCK}) as leads`
    if (row?.leads !== true || lost.signal.aborted) {
      await session.end({ timeout: 1 })
      return null
    }
    await endWhenSilent(session)
    const pulse = setInterval(() => {
      session`select 1`.catch(() => lost.abort())
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
