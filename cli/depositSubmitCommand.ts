import { Argument, Command, Option } from 'commander'
import type { Hash } from 'viem'
import { transactionJson } from '../billing/api/json/depositJson.ts'
import { createDesk, type TransactionOutcome, type TransactionView } from '../billing/desk/createDesk.ts'
import { type Cli, type ExitCode, exitCodes } from './cli.ts'
import { formatDeposit } from './format.ts'
import { integerArgument, parseHash } from './parseArguments.ts'
import { withGate } from './withGate.ts'

interface Options {
  chain?: number
  json?: boolean
}

/**
 * `credits deposit submit`: verifies and credits a transaction by the gate's own code, without the indexer. Exit code 0
 * when there is something to credit, now or later, else 1.
 */
export function depositSubmitCommand({ terminal, end }: Cli): Command {
  return new Command('submit')
    .summary('verify a payment by its transaction hash')
    .description(
      'Asks the chains for a transaction, records what it pays and credits it when it is deep enough, by the very code ' +
        'of the service. Credits the payer, whoever submits, and at most once. Needs all settings of the service.',
    )
    .addArgument(new Argument('<txHash>', 'transaction hash').argParser(parseHash))
    .addOption(
      new Option('--chain <chainId>', 'ask this chain only').argParser(
        integerArgument(1, Number.MAX_SAFE_INTEGER),
      ),
    )
    .option('--json', 'print JSON, as POST /v1/deposits answers')
    .addHelpText('after', `\nExample:\n  $ npm run credits -- deposit submit 0x${'4'.repeat(64)} --chain 1`)
    .action((txHash: Hash, { chain, json = false }: Options) =>
      withGate(terminal, async (deps) => {
        if (chain !== undefined && !deps.chains.has(chain)) {
          terminal.complain(`Chain ${chain} is not configured (RAILS).`)
          return end(exitCodes.usage)
        }
        const lookup = await createDesk(deps).submit(txHash, chain)
        switch (lookup.kind) {
          case 'not_found':
            terminal.complain('No configured chain knows this transaction.')
            return end(exitCodes.failed)
          case 'unavailable':
            terminal.complain('A chain could not be reached, and no other knows this transaction. Try again.')
            return end(exitCodes.failed)
          case 'found':
            if (json) terminal.print(JSON.stringify(transactionJson(lookup.transaction), null, 2))
            else for (const line of formatTransaction(lookup.transaction)) terminal.print(line)
            return end(codeOf(lookup.transaction.outcome))
        }
      }),
    )
}

function formatTransaction({ txHash, outcome, deposits }: TransactionView): string[] {
  return [`transaction ${txHash}: ${outcome}`, ...deposits.flatMap(formatDeposit)]
}

function codeOf(outcome: TransactionOutcome): ExitCode {
  switch (outcome) {
    case 'pending':
    case 'settled':
      return exitCodes.ok
    case 'no_qualifying_transfer':
    case 'transaction_failed':
      return exitCodes.failed
  }
}
