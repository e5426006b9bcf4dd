import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { drizzle } from 'drizzle-orm/postgres-js'
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator'
import postgres from 'postgres'
import type { TestDatabase } from './createTestDatabase.ts'

export const migrationsFolder = fileURLToPath(new URL('../../billing/database/migrations', import.meta.url))

interface Journal {
  entries: { idx: number; tag: string }[]
}
const journal: Journal = JSON.parse(await readFile(join(migrationsFolder, 'meta/_journal.json'), 'utf8'))

/** The names of all migrations, oldest first. */
export const migrationTags = journal.entries.map(({ tag }) => tag)

/** Makes a database one without the schema, in which nothing was ever migrated. */
export async function dropSchema({ sql }: TestDatabase): Promise<void> {
  await sql`drop schema credits cascade`
}

/** Leaves a database as a release left it whose last migration was `tag`, with drizzle's own bookkeeping and no more. */
export async function bringUpTo(database: TestDatabase, tag: string): Promise<void> {
  await dropSchema(database)
  const folder = await mkdtemp(join(tmpdir(), 'credits-migrations-'))
  const client = postgres(database.url, { max: 1, onnotice: () => {} })
  try {
    await cp(migrationsFolder, folder, { recursive: true })
    const entries = journal.entries.slice(0, migrationTags.indexOf(tag) + 1)
    await writeFile(join(folder, 'meta/_journal.json'), JSON.stringify({ ...journal, entries }))
    await applyMigrations(drizzle(client), {
      migrationsFolder: folder,
      migrationsSchema: 'credits',
      migrationsTable: 'migration',
    })
  } finally {
    await client.end()
    await rm(folder, { recursive: true })
  }
}
