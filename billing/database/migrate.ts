import { fileURLToPath } from 'node:url'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import { drizzle } from 'drizzle-orm/postgres-js'
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator'
import postgres from 'postgres'
import { applyFunctions } from './applyFunctions.ts'

const migrationsFolder = fileURLToPath(new URL('./migrations', import.meta.url))

/** An arbitrary number that all releases share: processes that start together take turns on it. */
const MIGRATION_LOCK = 7_236_401_115

/**
 * Brings the schema `credits` up to this build: its migrations, then its SQL functions. Safe to run at every start and from
 * many processes at once: the first takes an advisory lock and does the work, the others wait and find nothing left to do.
 *
 * In a database that a newer release has migrated nothing changes: a process of the older release that restarts during an
 * upgrade must not put functions back that do not know the newer tables.
 */
export async function migrate(url: string): Promise<void> {
  // A client of its own, because drizzle replaces the date parsers of the client it gets. It has one connection, which must
  // not be renewed: the lock lives and dies with it.
  const sql = postgres(url, { max: 1, max_lifetime: null, onnotice: () => {}, connect_timeout: 10 })
  try {
    await sql`select pg_advisory_lock(${MIGRATION_LOCK})`
    await applyMigrations(drizzle(sql), {
      migrationsFolder,
      migrationsSchema: 'credits',
      migrationsTable: 'migration',
    })
    if (!(await isMigratedByNewer(sql))) await applyFunctions(sql)
  } finally {
    // The end of the session frees the lock, even if a migration failed half-way.
    await sql.end({ timeout: 5 })
  }
}

async function isMigratedByNewer(sql: postgres.Sql): Promise<boolean> {
  const newest = Math.max(...readMigrationFiles({ migrationsFolder }).map(({ folderMillis }) => folderMillis))
  const [row] = await sql<{ newer: boolean }[]>`
    select exists (select from credits.migration where created_at > ${newest}) as newer`
  return row?.newer === true
}
