import { Command } from 'commander'
import { migrate } from '../billing/database/migrate.ts'
import type { Cli } from './cli.ts'
import { withDatabaseUrl } from './withDatabase.ts'

/** `credits migrate`: brings the database's schema up to this build, as every start of the service does. */
export function migrateCommand({ terminal }: Cli): Command {
  return new Command('migrate')
    .summary('bring the database up to this build')
    .description(
      'Creates or upgrades the ledger’s schema. The service does the same at every start; on its own, the command serves restores and ' +
        'upgrades by hand. Safe to repeat, and while the service runs.',
    )
    .addHelpText(
      'after',
      '\nExample:\n  $ DATABASE_URL=postgres://user:secret@db/credits npm run credits -- migrate',
    )
    .action(() =>
      withDatabaseUrl(terminal, { mayCreate: true }, async (url) => {
        await migrate(url)
        terminal.print('The database is up to date.')
      }),
    )
}
