import { Command } from 'commander'
import type { Cli } from './cli.ts'
import { webhooksListCommand } from './webhooksListCommand.ts'
import { webhooksRedeliverCommand } from './webhooksRedeliverCommand.ts'

/** `credits webhooks`: the commands about events that are sent out. */
export function webhooksCommand(cli: Cli): Command {
  return new Command('webhooks')
    .summary('look at deliveries of events, deliver again')
    .addCommand(webhooksListCommand(cli))
    .addCommand(webhooksRedeliverCommand(cli))
}
