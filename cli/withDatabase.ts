import { existsSync } from 'node:fs'
import { formatFaults, parseDatabaseSettings } from '../billing/config/parseSettings.ts'
import { connect, type Sql } from '../billing/database/connect.ts'
import { findEmbeddedPostgres, startEmbeddedPostgres } from '../supervisor/embeddedPostgres.ts'
import { findHome } from '../supervisor/postgres/locateHome.ts'
import { BadSettings, type Terminal } from './cli.ts'

/**
 * Runs `work` on the database of the settings, of which only `DATABASE_URL` and `DATA_DIR` are read: the one at the URL,
 * or the embedded one. If a service is running, its embedded database is shared; if none is, the database is started for
 * as long as the command takes. A missing one is created only if `mayCreate`: verifying an empty database because
 * `DATA_DIR` was mistyped would prove nothing.
 */
export async function withDatabaseUrl<T>(
  terminal: Terminal,
  { mayCreate }: { mayCreate: boolean },
  work: (url: string) => Promise<T>,
): Promise<T> {
  const parsed = parseDatabaseSettings(terminal.env)
  if (!parsed.ok) throw new BadSettings(formatFaults(parsed.faults))
  const { databaseUrl, dataDir } = parsed.settings
  if (databaseUrl !== null) return work(databaseUrl)
  const running = await findEmbeddedPostgres(dataDir)
  if (running !== null) return work(running)
  const home = findHome(dataDir)
  if (!mayCreate && (home === null || !existsSync(home))) {
    throw new BadSettings(
      `There is no database in DATA_DIR, which is ${dataDir}, and DATABASE_URL is not set.`,
    )
  }
  const embedded = await startEmbeddedPostgres({ dataDir })
  try {
    return await work(embedded.url)
  } finally {
    await embedded.stop()
  }
}

/** The same with a connection, to a database that has been migrated. */
export async function withDatabase<T>(terminal: Terminal, work: (sql: Sql) => Promise<T>): Promise<T> {
  return withDatabaseUrl(terminal, { mayCreate: false }, async (url) => {
    const sql = connect(url, { max: 4, applicationName: 'credits' })
    try {
      const [ledger] = await sql<{ there: boolean }[]>`
        select to_regclass('credits.ledger_entry') is not null as there`
      if (!ledger?.there)
        throw new Error('The database holds no ledger. Run `npm run credits -- migrate` first.')
      return await work(sql)
    } finally {
      await sql.end({ timeout: 5 })
    }
  })
}
