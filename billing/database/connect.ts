import { connect as openSocket, type Socket } from 'node:net'
import postgres from 'postgres'
import { type DatabaseFault, databaseFault, isLost } from './faults.ts'
import { type Bounds, guardQueries } from './guardQueries.ts'

/** A postgres.js client whose int8 columns are bigint; numeric columns stay strings, never floats. */
export type Sql = postgres.Sql<{ bigint: bigint }>

/** A transaction of that client. */
export type Transaction = postgres.TransactionSql<{ bigint: bigint }>

/** How long the server lets a session work or wait, in milliseconds. It enforces this itself, so it also holds for a process that is frozen. */
export interface Timeouts {
  /** A statement that runs longer is cancelled; 0: none is. */
  statementMs: number
  /** A statement that waits longer for one lock is cancelled; 0: none is. */
  lockMs: number
  /** A transaction in which nothing is asked for so long is rolled back, and its session ended: it may hold locks. */
  idleInTransactionMs: number
}

/** How a pool is opened. */
export interface ConnectOptions {
  /** Most connections; default 10. */
  max?: number
  /** Whether postgres.js may replace a connection after an hour or so; default true. False for one that holds a lock. */
  renew?: boolean
  /** Shown by PostgreSQL in pg_stat_activity; default `billing`. */
  applicationName?: string
  /** Default: none. */
  timeouts?: Timeouts
  /** How many may wait for a connection, and for how long; default: any number, for ever. */
  bounds?: Bounds
  /** Called with every error that says the database itself cannot be used. */
  onFault?: (fault: DatabaseFault) => void
  /** Called whenever a connection of the pool has ended. */
  onClose?: () => void
}

const CONNECT_TIMEOUT_SECONDS = 5
/** How much longer than the longest statement a server may be silent before its connection counts as dead. */
const SILENCE_BEYOND_STATEMENT_MS = 5_000
/** Of sent data that nobody acknowledges: a frozen client whose buffers are full, a machine that is gone. */
const TCP_USER_TIMEOUT_MS = 10_000

/**
 * Opens a pool on PostgreSQL. Connections are made when they are first needed, so this itself never fails.
 *
 * Nothing waits for ever: the server ends what takes longer than `timeouts` say. By the keep-alive it notices within about
 * ten seconds that a client's machine is gone, which frees its locks. And a server that stops answering, without a reset of
 * the connection, is given up soon after the statement timeout; TCP alone would take a quarter of an hour.
 */
export function connect(
  url: string,
  {
    max = 10,
    renew = true,
    applicationName = 'billing',
    timeouts,
    bounds,
    onFault,
    onClose,
  }: ConnectOptions = {},
): Sql {
  const silence = {
    maxMs: timeouts?.statementMs ? timeouts.statementMs + SILENCE_BEYOND_STATEMENT_MS : null,
    readOnlyAt: 0,
  }
  const pool = postgres(url, {
    max,
    types: { bigint: postgres.BigInt },
    onnotice: () => {},
    connect_timeout: CONNECT_TIMEOUT_SECONDS,
    // The default grows to 20 seconds, which a database that is back would be waited for in vain.
    backoff: (retries: number) => Math.min(1, 3 ** retries / 100),
    ...(renew ? {} : { max_lifetime: null }),
    ...(onClose ? { onclose: onClose } : {}),
    ...{ socket: watchedSockets(silence) },
    connection: {
      application_name: applicationName,
      tcp_keepalives_idle: 5,
      tcp_keepalives_interval: 2,
      tcp_keepalives_count: 3,
      tcp_user_timeout: TCP_USER_TIMEOUT_MS,
      ...(timeouts && {
        statement_timeout: timeouts.statementMs,
        lock_timeout: timeouts.lockMs,
        idle_in_transaction_session_timeout: timeouts.idleInTransactionMs,
      }),
    },
  })
  return guardQueries(pool, {
    bounds: bounds === undefined ? null : { ...bounds, connections: max },
    isLost,
    onError(error) {
      const fault = databaseFault(error)
      if (fault === 'read_only') silence.readOnlyAt = performance.now()
      if (fault !== null) onFault?.(fault)
    },
  })
}

const WATCH_INTERVAL_MS = 1_000
/** A connection younger than this is not closed for being to a read-only server: the next one would be too. */
const MIN_AGE_MS = 5_000

/**
 * Makes the function that opens a pool's sockets, and ends those whose server has gone silent after something was sent, or
 * has turned out to be read-only: after a failover the address leads to another server, the old connection does not.
 *
 * postgres.js wants a socket at once, connected or not, and must not get an error instead: it would lose a place in the pool.
 */
function watchedSockets(silence: { maxMs: number | null; readOnlyAt: number }) {
  let attempts = 0
  return ({ host, port, path }: { host: string[]; port: number[]; path: string | false }): Socket => {
    const at = attempts++ % host.length
    const socket = path ? openSocket(path) : openSocket(port[at] as number, host[at])
    Object.assign(socket, { host: host[at], port: port[at] })
    const openedAt = performance.now()
    let seen = { bytesRead: -1, bytesWritten: 0, at: openedAt }
    const watch = setInterval(() => {
      if (socket.destroyed) return clearInterval(watch)
      const now = performance.now()
      const { bytesRead, bytesWritten } = socket
      const isAnswered = bytesRead !== seen.bytesRead || bytesWritten === seen.bytesWritten
      if (isAnswered) seen = { bytesRead, bytesWritten, at: now }
      else if (silence.maxMs !== null && now - seen.at > silence.maxMs) socket.destroy()
      if (isAnswered && silence.readOnlyAt > openedAt + MIN_AGE_MS) socket.destroy()
    }, WATCH_INTERVAL_MS)
    watch.unref()
    return socket
  }
}

/** Whether PostgreSQL refused a number that its column or type cannot hold: numeric_value_out_of_range. */
export function isOutOfRange(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '22003'
}
