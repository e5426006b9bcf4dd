import postgres from 'postgres'

/** A postgres.js client whose int8 columns are bigint; numeric columns stay strings, never floats. */
export type Sql = postgres.Sql<{ bigint: bigint }>

/** A transaction of that client. */
export type Transaction = postgres.TransactionSql<{ bigint: bigint }>

/** How a pool is opened. */
export interface ConnectOptions {
  /** Most connections; default 10. */
  max?: number
  /** Whether postgres.js may replace a connection after an hour or so; default true. False for one that holds a lock. */
  renew?: boolean
  /** Shown by PostgreSQL in pg_stat_activity; default `billing`. */
  applicationName?: string
}

/**
 * Opens a pool on PostgreSQL. Connections are made when they are first needed, so this itself never fails.
 *
 * By the keep-alive the server notices within about ten seconds that a client's machine is gone, which frees the advisory
 * lock of a dead worker.
 */
export function connect(
  url: string,
  { max = 10, renew = true, applicationName = 'billing' }: ConnectOptions = {},
): Sql {
  return postgres(url, {
    max,
    types: { bigint: postgres.BigInt },
    onnotice: () => {},
    connect_timeout: 10,
    ...(renew ? {} : { max_lifetime: null }),
    connection: {
      application_name: applicationName,
      tcp_keepalives_idle: 5,
      tcp_keepalives_interval: 2,
      tcp_keepalives_count: 3,
    },
  })
}

/**
 * Whether an error that nobody caught comes from a database connection that ended. postgres.js 3.4.9 rejects promises that
 * it never gave to anybody: if a connection is cut while it asks for the array types, which it does first of all, no query of
 * ours fails, and nobody can catch the rejection. Whoever used the connection asks again; a database that is away for a
 * moment is no reason to end the process.
 */
export function isHangUp(error: unknown): boolean {
  return error instanceof Error && /\/postgres\/(src|cjs\/src)\/connection\.js/.test(error.stack ?? '')
}

/** Whether PostgreSQL refused a number that its column or type cannot hold: numeric_value_out_of_range. */
export function isOutOfRange(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '22003'
}
