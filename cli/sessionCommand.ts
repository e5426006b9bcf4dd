import { Command } from 'commander'
import type { Cli } from './cli.ts'
import { sessionEndCommand } from './sessionEndCommand.ts'
import { sessionListCommand } from './sessionListCommand.ts'

/** `credits session`: the commands about running desktops. */
export function sessionCommand(cli: Cli): Command {
  return new Command('session')
    .summary('look at sessions, end one')
    .addCommand(sessionListCommand(cli))
    .addCommand(sessionEndCommand(cli))
}
