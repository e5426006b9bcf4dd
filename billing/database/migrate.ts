import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import { drizzle } from 'drizzle-orm/postgres-js'
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator'
import postgres from 'postgres'

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

/** A functions.sql stands beside the code that calls its functions. Applied in this order. */
export const functionSources = ['../metering/functions.sql', '../events/functions.sql'].map(
  (path) => new URL(path, import.meta.url),
)

/**
 * Makes the SQL functions of a database those of this build: all in one transaction, or none, and only if their sources are
 * not the ones applied last. The caller holds the migration lock and has applied the migrations.
 *
 * The hash of the sources is kept in a table that a migration creates, like every other table; a table made here would be
 * the only one that the schema files do not show. A function that somebody changed by hand is not noticed: delete the row
 * of `credits.applied_functions`, and the next start puts it right.
 *
 * While two releases run side by side, both call the functions of the one that applied its own last. So
 * - a function keeps its name, parameters and result as long as any release that may still run calls it; with another
 *   signature it is a new function with a new name. PostgreSQL would refuse another result or other names of parameters,
 *   and would keep the old function beside one with other types;
 * - a function that no release calls any more is dropped by a migration;
 * - a trigger whose function is new stands beside it, as `create or replace trigger`: when migrations run, the function
 *   does not exist yet.
 *
 * See docs/adr/0017-keep-sql-functions-as-source.md.
 */
export async function applyFunctions(sql: postgres.Sql): Promise<void> {
  const texts = await Promise.all(functionSources.map((source) => readFile(source, 'utf8')))
  const sha256 = createHash('sha256').update(texts.join('\n')).digest('hex')
  await sql.begin(async (tx) => {
    const [applied] = await tx<{ sha256: string }[]>`select sha256 from credits.applied_functions`
    if (applied?.sha256 === sha256) return
    for (const text of texts) await tx.unsafe(text)
    await tx`
      insert into credits.applied_functions (sha256) values (${sha256})
      on conflict (one) do update set sha256 = excluded.sha256, applied_at = excluded.applied_at`
  })
}
