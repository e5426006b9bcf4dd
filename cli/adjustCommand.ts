import { Argument, Command, Option } from 'commander'
import type { Address } from 'viem'
import { entryJson } from '../billing/api/json/accountJson.ts'
import { formatMinutes } from '../billing/api/json/amounts.ts'
import { adjust } from '../billing/ledger/adjust.ts'
import { type Cli, exitCodes } from './cli.ts'
import { parseAddress, parseIdempotencyKey, parseMinutesArgument, parseReason } from './parseArguments.ts'
import { withDatabase } from './withDatabase.ts'

interface Options {
  reason: string
  key: string
  json?: boolean
}

/**
 * `credits adjust`: raises or lowers an account by hand, once per key. Exit code 1 when the key was used for something
 * else.
 */
export function adjustCommand({ terminal, end }: Cli): Command {
  return new Command('adjust')
    .summary('raise or lower an account by hand')
    .description(
      'Posts an adjustment, once per key: running the same command again changes nothing and prints the same. The same key with ' +
        'another wallet, amount or reason is refused. Entries are never removed: undo one by posting the opposite under another key.',
    )
    .addArgument(new Argument('<address>', 'wallet address').argParser(parseAddress))
    .addArgument(
      new Argument('<minutes>', 'decimal number with at most 6 decimals; negative to lower').argParser(
        parseMinutesArgument,
      ),
    )
    .addOption(
      new Option('--reason <text>', 'why; shown in the account’s history')
        .argParser(parseReason)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--key <key>', 'idempotency key, for example the ticket')
        .argParser(parseIdempotencyKey)
        .makeOptionMandatory(),
    )
    .option('--json', 'print JSON: {kind, entry, balanceMicros, balanceMinutes}')
    .addHelpText(
      'after',
      '\nExamples:\n  $ npm run credits -- adjust 0x52908400098527886e0f7030069857d2e4169ee7 60 --reason "ticket 4711" --key ticket-4711' +
        '\n  $ npm run credits -- adjust 0x52908400098527886e0f7030069857d2e4169ee7 -60 --reason "ticket 4711 undone" --key ticket-4711-undo',
    )
    .action((wallet: Address, micros: bigint, { reason, key, json = false }: Options) =>
      withDatabase(terminal, async (sql) => {
        const result = await adjust(sql, { wallet, micros, reason, idempotencyKey: key })
        switch (result.kind) {
          case 'posted':
          case 'repeated': {
            const { kind, entry, balanceMicros } = result
            const balanceMinutes = formatMinutes(balanceMicros)
            if (json) {
              const answer = {
                kind,
                entry: entryJson(entry),
                balanceMicros: balanceMicros.toString(),
                balanceMinutes,
              }
              terminal.print(JSON.stringify(answer, null, 2))
            } else {
              const what = kind === 'posted' ? 'Posted' : 'Posted before, nothing changed:'
              terminal.print(
                `${what} entry ${entry.id}, ${formatMinutes(entry.micros)} minutes; the balance after it is ${balanceMinutes} minutes.`,
              )
            }
            return
          }
          case 'conflict':
            terminal.complain(
              `The key "${key}" was used for another wallet, amount or reason. Nothing was posted.`,
            )
            return end(exitCodes.failed)
          case 'would_overflow':
            terminal.complain('The balance would be more than the ledger can hold. Nothing was posted.')
            return end(exitCodes.failed)
        }
      }),
    )
}
