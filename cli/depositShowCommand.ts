import { Argument, Command } from 'commander'
import type { Hash } from 'viem'
import { formatMinutes } from '../billing/api/json/amounts.ts'
import { adminDepositJson } from '../billing/api/json/depositJson.ts'
import { type CreditView, readCredits, readDeposits } from '../billing/deposits/depositViews.ts'
import { type Cli, exitCodes } from './cli.ts'
import { formatDeposit } from './format.ts'
import { parseDepositKey } from './parseArguments.ts'
import { confirmationsFromSettings } from './settings.ts'
import { withDatabase } from './withDatabase.ts'

/**
 * `credits deposit show`: what is recorded of a payment, with every credit and its quote. Exit code 1 when nothing is
 * recorded.
 */
export function depositShowCommand({ terminal, end }: Cli): Command {
  return new Command('show')
    .summary('show a recorded deposit, its credits and their quotes')
    .description(
      'Shows what is recorded of a deposit, or of all deposits of a transaction. Does not ask any chain.',
    )
    .addArgument(new Argument('<id|txHash>', 'deposit id or transaction hash').argParser(parseDepositKey))
    .option('--json', 'print JSON: a list of deposits, each with its credits')
    .addHelpText('after', `\nExample:\n  $ npm run credits -- deposit show 0x${'4'.repeat(64)}`)
    .action((key: { id: string } | { txHash: Hash }, { json = false }: { json?: boolean }) =>
      withDatabase(terminal, async (sql) => {
        const deposits = await readDeposits(sql, confirmationsFromSettings(terminal.env), key)
        const shown = []
        for (const deposit of deposits) shown.push({ deposit, credits: await readCredits(sql, deposit.id) })
        if (json) {
          const answer = shown.map(({ deposit, credits }) => ({
            ...adminDepositJson(deposit),
            credits: credits.map(creditJson),
          }))
          terminal.print(JSON.stringify(answer, null, 2))
        } else {
          for (const { deposit, credits } of shown) {
            for (const line of [...formatDeposit(deposit), ...credits.flatMap(formatCredit)])
              terminal.print(line)
          }
        }
        if (deposits.length > 0) return
        const what = 'id' in key ? `deposit ${key.id}` : `deposit of transaction ${key.txHash}`
        terminal.complain(`No ${what} is recorded. "deposit submit" asks the chains.`)
        end(exitCodes.failed)
      }),
    )
}

function creditJson(credit: CreditView) {
  return {
    attempt: credit.attempt,
    entryId: credit.entryId.toString(),
    reversalEntryId: credit.reversalEntryId?.toString() ?? null,
    amountBaseUnits: credit.amountBaseUnits.toString(),
    micros: credit.micros.toString(),
    minutes: formatMinutes(credit.micros),
    quote: credit.quote,
    blockNumber: credit.blockNumber.toString(),
    blockHash: credit.blockHash,
    createdAt: credit.createdAt.toISOString(),
  }
}

function formatCredit(credit: CreditView): string[] {
  const fate = credit.reversalEntryId === null ? 'stands' : `reversed by entry ${credit.reversalEntryId}`
  return [
    `  credit ${credit.attempt}: ${formatMinutes(credit.micros)} minutes by entry ${credit.entryId}, ${fate}`,
    `    at block ${credit.blockNumber} ${credit.blockHash}, posted ${credit.createdAt.toISOString()}`,
    `    quote ${JSON.stringify(credit.quote)}`,
  ]
}
