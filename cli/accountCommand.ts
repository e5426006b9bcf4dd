import { Argument, Command, Option } from 'commander'
import type { Address } from 'viem'
import { balanceJson } from '../billing/api/balanceJson.ts'
import { entryJson } from '../billing/api/entryJson.ts'
import { formatMinutes } from '../billing/api/formatMinutes.ts'
import { listEntries } from '../billing/ledger/listEntries.ts'
import { readBalance } from '../billing/ledger/readBalance.ts'
import type { Cli } from './cli.ts'
import { formatTable } from './formatTable.ts'
import { integerArgument, parseAddress } from './parseArguments.ts'
import { withDatabase } from './withDatabase.ts'

/** `credits account show`: what an account holds and how it came to it. */
export function accountCommand({ terminal }: Cli): Command {
  const show = new Command('show')
    .summary('show a balance and the newest entries')
    .description('Shows what an account holds and its newest entries. An address never seen has balance 0.')
    .addArgument(new Argument('<address>', 'wallet address').argParser(parseAddress))
    .addOption(
      new Option('--limit <count>', 'entries to show').argParser(integerArgument(1, 200)).default(20),
    )
    .option('--json', 'print JSON: {balance, entries}')
    .addHelpText(
      'after',
      `\nExample:\n  $ npm run credits -- account show 0x52908400098527886e0f7030069857d2e4169ee7`,
    )
    .action((address: Address, { limit, json = false }: { limit: number; json?: boolean }) =>
      withDatabase(terminal, async (sql) => {
        const balanceMicros = await readBalance(sql, address)
        const page = await listEntries(sql, address, { cursor: null, limit })
        if (page.kind !== 'page') throw new Error('a first page has no cursor')
        if (json) {
          const answer = { balance: balanceJson(address, balanceMicros), entries: page.items.map(entryJson) }
          terminal.print(JSON.stringify(answer, null, 2))
          return
        }
        terminal.print(`account ${address}`)
        terminal.print(`balance ${formatMinutes(balanceMicros)} minutes (${balanceMicros} micros)`)
        if (page.items.length === 0) return
        const rows = page.items.map((entry) => [
          entry.id.toString(),
          entry.createdAt.toISOString(),
          formatMinutes(entry.micros),
          entry.reference,
        ])
        for (const line of formatTable([['entry', 'posted', 'minutes', 'reference'], ...rows]))
          terminal.print(line)
        if (page.nextKey !== null) terminal.print('… and older ones')
      }),
    )
  return new Command('account').summary('look at accounts').addCommand(show)
}
