import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type postgres from 'postgres'

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
