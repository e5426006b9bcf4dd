import { Command } from 'commander'
import type { Cli } from './cli.ts'
import { depositListCommand } from './depositListCommand.ts'
import { depositReleaseCommand } from './depositReleaseCommand.ts'
import { depositShowCommand } from './depositShowCommand.ts'
import { depositSubmitCommand } from './depositSubmitCommand.ts'

/** `credits deposit`: the commands about deposits. */
export function depositCommand(cli: Cli): Command {
  return new Command('deposit')
    .summary('look at deposits, submit a payment, release what is held')
    .addCommand(depositShowCommand(cli))
    .addCommand(depositListCommand(cli))
    .addCommand(depositSubmitCommand(cli))
    .addCommand(depositReleaseCommand(cli))
}
