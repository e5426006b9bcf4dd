import { Command, Option } from 'commander'
import type { Address } from 'viem'
import { formatMinutes } from '../billing/api/json/amounts.ts'
import { adminDepositJson } from '../billing/api/json/depositJson.ts'
import { listDeposits } from '../billing/deposits/depositViews.ts'
import {
  type DepositReason,
  type DepositState,
  depositReasons,
  depositStates,
} from '../billing/deposits/schema.ts'
import { type Cli, exitCodes } from './cli.ts'
import { formatTable } from './format.ts'
import { integerArgument, parseAddress } from './parseArguments.ts'
import { confirmationsFromSettings } from './settings.ts'
import { withDatabase } from './withDatabase.ts'

interface Options {
  state?: DepositState
  reason?: DepositReason
  payer?: Address
  limit: number
  cursor?: string
  json?: boolean
}

/** `credits deposit list`: recorded deposits, newest block first. */
export function depositListCommand({ terminal, end }: Cli): Command {
  return new Command('list')
    .summary('list recorded deposits, newest first')
    .description(
      'Lists recorded deposits, newest block first: all, or those with a given state, reason or payer.',
    )
    .addOption(new Option('--state <state>', 'only in this state').choices(depositStates))
    .addOption(new Option('--reason <reason>', 'only held for this reason').choices(depositReasons))
    .addOption(new Option('--payer <address>', 'only from this payer').argParser(parseAddress))
    .addOption(
      new Option('--limit <count>', 'deposits to list').argParser(integerArgument(1, 200)).default(50),
    )
    .option('--cursor <cursor>', 'continue where a list ended')
    .option('--json', 'print JSON: {items, nextCursor}')
    .addHelpText(
      'after',
      '\nExamples:\n  $ npm run credits -- deposit list --state held\n  $ npm run credits -- deposit list --reason rpc_disagreement --json',
    )
    .action(({ state, reason, payer, limit, cursor, json = false }: Options) =>
      withDatabase(terminal, async (sql) => {
        const filter = { payer: payer ?? null, state: state ?? null, reason: reason ?? null }
        const confirmations = confirmationsFromSettings(terminal.env)
        const page = await listDeposits(sql, confirmations, filter, { cursor: cursor ?? null, limit })
        if (page.kind === 'bad_cursor') {
          terminal.complain('--cursor is not one that a list has printed.')
          return end(exitCodes.usage)
        }
        if (json) {
          const answer = { items: page.items.map(adminDepositJson), nextCursor: page.nextKey }
          terminal.print(JSON.stringify(answer, null, 2))
          return
        }
        const rows = page.items.map((deposit) => [
          deposit.blockNumber?.toString() ?? '',
          deposit.reason === null ? deposit.state : `${deposit.state}: ${deposit.reason}`,
          deposit.creditMicros === null ? '' : formatMinutes(deposit.creditMicros),
          deposit.amountBaseUnits.toString(),
          deposit.id,
          deposit.detail ?? '',
        ])
        const heading = ['block', 'state', 'minutes', 'base units', 'deposit', 'why']
        for (const line of formatTable([heading, ...rows])) terminal.print(line)
        if (page.nextKey !== null) terminal.print(`More: --cursor ${page.nextKey}`)
      }),
    )
}
