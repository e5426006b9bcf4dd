import { Command, Option } from 'commander'
import type { Address } from 'viem'
import { sessionJson } from '../billing/api/json/sessionJson.ts'
import { listSessions } from '../billing/metering/sessions.ts'
import { type Cli, exitCodes } from './cli.ts'
import { formatSessions } from './format.ts'
import { integerArgument, parseAddress } from './parseArguments.ts'
import { withDatabase } from './withDatabase.ts'

interface Options {
  account?: Address
  live?: boolean
  limit: number
  cursor?: string
  json?: boolean
}

/** `credits session list`: sessions, newest start first. */
export function sessionListCommand({ terminal, end }: Cli): Command {
  return new Command('list')
    .summary('list sessions, newest first')
    .description(
      'Lists sessions, newest start first: all, or those of an account, or those that run. Costs are ' +
        'up to the last heartbeat.',
    )
    .addOption(new Option('--account <address>', 'only of this wallet').argParser(parseAddress))
    .option('--live', 'only those that have not ended')
    .addOption(
      new Option('--limit <count>', 'sessions to list').argParser(integerArgument(1, 200)).default(50),
    )
    .option('--cursor <cursor>', 'continue where a list ended')
    .option('--json', 'print JSON: {items, nextCursor}')
    .addHelpText(
      'after',
      '\nExamples:\n  $ npm run credits -- session list --live' +
        '\n  $ npm run credits -- session list --account 0x52908400098527886e0f7030069857d2e4169ee7 --json',
    )
    .action(({ account, live = false, limit, cursor, json = false }: Options) =>
      withDatabase(terminal, async (sql) => {
        const filter = { account: account ?? null, live }
        const page = await listSessions(sql, filter, { cursor: cursor ?? null, limit })
        if (page.kind === 'bad_cursor') {
          terminal.complain('--cursor is not one that a list has printed.')
          return end(exitCodes.usage)
        }
        if (json) {
          const answer = { items: page.items.map(sessionJson), nextCursor: page.nextKey }
          terminal.print(JSON.stringify(answer, null, 2))
          return
        }
        for (const line of formatSessions(page.items, { accounts: true })) terminal.print(line)
        if (page.nextKey !== null) terminal.print(`More: --cursor ${page.nextKey}`)
      }),
    )
}
