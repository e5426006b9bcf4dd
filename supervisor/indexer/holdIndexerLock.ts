import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from 'pino'
import postgres from 'postgres'

/** An arbitrary fixed number that all indexers of a database agree on. */
const INDEXER_LOCK = 7_236_401_117
const ASK_EVERY_MS = 1_000

/** A held lock. */
export interface IndexerLock {
  /** Whether the connection that holds it is still open. */
  held(): boolean
  release(): Promise<void>
}

/**
 * Waits until no other supervisor runs an indexer on this database, and keeps others out as long as the connection is
 * open. Two indexers would write into one schema, and each would delete what the other needs.
 *
 * @param onLost called once when the connection of a held lock ends without `release`: the database went away.
 * @throws when aborted, or when the database is unreachable.
 */
export async function holdIndexerLock(
  url: string,
  signal: AbortSignal,
  logger: Logger,
  onLost: () => void,
): Promise<IndexerLock> {
  let open = true
  let locked = false
  const sql = postgres(url, {
    max: 1,
    // postgres.js renews connections after a while, which would silently release the lock.
    max_lifetime: null,
    connect_timeout: 10,
    onnotice: () => {},
    onclose: () => {
      const isLost = locked && open
      open = false
      if (isLost) onLost()
    },
    connection: { application_name: 'supervisor indexer lock', tcp_keepalives_idle: 5 },
  })
  const release = async () => {
    open = false
    await sql.end({ timeout: 1 })
  }
  try {
    for (let told = false; ; told = true) {
      signal.throwIfAborted()
      const [row] = await sql<{ locked: boolean }[]>`select pg_try_advisory_lock(${INDEXER_LOCK}) as locked`
      locked = row?.locked === true
      if (locked) return { held: () => open, release }
      if (!told) logger.info('another indexer works on this database; standing by')
      await wait(ASK_EVERY_MS, undefined, { signal })
    }
  } catch (error) {
    await release()
    throw error
  }
}
