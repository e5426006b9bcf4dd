import { fileURLToPath } from 'node:url'
import { drizzle } from 'drizzle-orm/postgres-js'
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator'
import postgres from 'postgres'

const migrationsFolder = fileURLToPath(new URL('./migrations', import.meta.url))

/** Any fixed number: processes that start together take turns on it. */
const MIGRATION_LOCK = 7_236_401_115

/**
 * Brings the ledger's schema up to this build's. Safe to run by many processes at once and again at every start: the
 * first takes an advisory lock and migrates, the others wait and find nothing left to do.
 */
export async function migrate(url: string): Promise<void> {
  // A client of its own: drizzle replaces the date parsers of the client it is given.
  const sql = postgres(url, { max: 1, onnotice: () => {}, connect_timeout: 10 })
  try {
    await sql`select pg_advisory_lock(${MIGRATION_LOCK})`
    await applyMigrations(drizzle(sql), {
      migrationsFolder,
      migrationsSchema: 'credits',
      migrationsTable: 'migration',
    })
  } finally {
    // Ending the session frees the lock, also when a migration failed half-way.
    await sql.end({ timeout: 5 })
  }
}
