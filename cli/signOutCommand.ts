import { Argument, Command } from 'commander'
import type { Address } from 'viem'
import { signOutWallets } from '../billing/auth/walletTokens.ts'
import type { Cli } from './cli.ts'
import { parseAddress } from './parseArguments.ts'
import { withDatabase } from './withDatabase.ts'

/**
 * `credits sign-out`: ends the tokens of a wallet, or of all, at once. Idempotent.
 */
export function signOutCommand({ terminal }: Cli): Command {
  return new Command('sign-out')
    .summary('sign a wallet, or all of them, out everywhere')
    .description(
      'Ends the tokens of a wallet at once, on all devices, and every sign-in it has begun. Balances and running ' +
        'sessions are not affected; the wallet may sign in again.',
    )
    .addArgument(new Argument('[address]', 'wallet address').argParser(parseAddress))
    .option('--all', 'all wallets')
    .option('--json', 'print JSON: {ended}')
    .addHelpText(
      'after',
      '\nExamples:\n  $ npm run credits -- sign-out 0x52908400098527886e0f7030069857d2e4169ee7\n  $ npm run credits -- sign-out --all',
    )
    .action(
      (
        address: Address | undefined,
        { all = false, json = false }: { all?: boolean; json?: boolean },
        command: Command,
      ) => {
        if (all === (address !== undefined)) command.error('Give either a wallet or --all.')
        return withDatabase(terminal, async (sql) => {
          const ended = await signOutWallets(sql, address ?? null)
          if (json) terminal.print(JSON.stringify({ ended }, null, 2))
          else terminal.print(`Signed out: ${ended} ${ended === 1 ? 'token' : 'tokens'} ended.`)
        })
      },
    )
}
