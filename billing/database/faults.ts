import postgres from 'postgres'

/** Why the database cannot be used: it is away, takes no writes, has no room, or is too busy to answer in time. */
export type DatabaseFault = 'away' | 'read_only' | 'full' | 'busy'

/** What postgres.js and Node say of a connection that cannot be had, or has ended. */
const CONNECTION_LOST =
  /^(CONNECTION_(CLOSED|ENDED|DESTROYED)|CONNECT_TIMEOUT|E(CONN\w+|PIPE|TIMEDOUT|HOSTUNREACH|NETUNREACH|HOSTDOWN|NETDOWN|NOTFOUND|AI_AGAIN)|ERR_STREAM_DESTROYED)$/

/**
 * Which PostgreSQL errors (appendix A) say that the database cannot be used, rather than that a statement is wrong. Classes:
 * 08 connection, 28 refused to log in, 53 no resources, 57P shutdown or not yet up, 58 system error. 3D000: the database is
 * not there (yet). 40001, 40P01, 55P03, 57014: it was in the way of others, or they in its.
 */
const FAULTS: [RegExp, DatabaseFault][] = [
  [/^25006$/, 'read_only'],
  [/^53100$/, 'full'],
  [/^(08\w{3}|28\w{3}|3D000|57P0[1-5]|58\w{3}|25P0[34])$/, 'away'],
  [/^(53\w{3}|40001|40P01|55P03|57014|DATABASE_BUSY)$/, 'busy'],
]

/** Says whether an error means that the database cannot be used at the moment, and why; null: it means something else. */
export function databaseFault(error: unknown): DatabaseFault | null {
  if (!(error instanceof Error && 'code' in error)) return null
  const code = String(error.code)
  if (CONNECTION_LOST.test(code)) return isOfDatabase(error) ? 'away' : null
  if (!(error instanceof postgres.PostgresError) && code !== 'DATABASE_BUSY') return null
  return FAULTS.find(([codes]) => codes.test(code))?.[1] ?? null
}

/** Errors of sockets look the same whoever they come from; of ours postgres.js notes the query, or names itself. */
function isOfDatabase(error: Error): boolean {
  return 'query' in error || /^CONNECT/.test(String('code' in error && error.code)) || isHangUp(error)
}

/** Whether the connection that an error came over is gone, or about to be. */
export function isLost(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof postgres.PostgresError) return /^(FATAL|PANIC)$/.test(error.severity)
  return 'code' in error && CONNECTION_LOST.test(String(error.code))
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
