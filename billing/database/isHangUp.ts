/**
 * Whether an error that nobody caught is that of a database connection that ended. postgres.js 3.4.9 lets some of them escape
 * past every promise it gave out: when a connection is cut while it asks for the array types, which it does first of all, no
 * query of ours is told, and the rejection is nobody's. Whoever used the connection asks again; a database that went away
 * for a moment is no reason to end a process.
 */
export function isHangUp(error: unknown): boolean {
  return error instanceof Error && /\/postgres\/(src|cjs\/src)\/connection\.js/.test(error.stack ?? '')
}
