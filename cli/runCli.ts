import { Command, CommanderError } from 'commander'
import { accountCommand } from './accountCommand.ts'
import { adjustCommand } from './adjustCommand.ts'
import { BadSettings, type Cli, type ExitCode, exitCodes, type Terminal } from './cli.ts'
import { depositListCommand } from './depositListCommand.ts'
import { depositReleaseCommand } from './depositReleaseCommand.ts'
import { depositShowCommand } from './depositShowCommand.ts'
import { depositSubmitCommand } from './depositSubmitCommand.ts'
import { migrateCommand } from './migrateCommand.ts'
import { rescanCommand } from './rescanCommand.ts'
import { sessionEndCommand } from './sessionEndCommand.ts'
import { sessionListCommand } from './sessionListCommand.ts'
import { signOutCommand } from './signOutCommand.ts'
import { verifyCommand } from './verifyCommand.ts'
import { webhooksListCommand } from './webhooksListCommand.ts'
import { webhooksRedeliverCommand } from './webhooksRedeliverCommand.ts'

/**
 * Runs one command line of the operator's CLI and returns its exit code: 0 done, 1 the answer is no or something failed,
 * 64 an invalid command line, 78 settings that do not allow the command. Never throws.
 */
export async function runCli(args: string[], terminal: Terminal): Promise<ExitCode> {
  let code: ExitCode = exitCodes.ok
  const cli: Cli = {
    terminal,
    end(ending) {
      code = ending
    },
  }
  const program = new Command('credits')
    .description(
      'The operator’s commands. They read the same settings as the service, from the environment or .env, and can run beside it.',
    )
    .helpOption('-h, --help', 'show help')
    .addCommand(verifyCommand(cli))
    .addCommand(accountCommand(cli))
    .addCommand(depositCommand(cli))
    .addCommand(sessionCommand(cli))
    .addCommand(signOutCommand(cli))
    .addCommand(webhooksCommand(cli))
    .addCommand(adjustCommand(cli))
    .addCommand(migrateCommand(cli))
    .addCommand(rescanCommand(cli))
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 differences, not found or failed, 64 bad command line, 78 bad settings.' +
        '\n\nExamples:\n  $ npm run credits -- verify\n  $ npm run credits -- deposit list --state held\n  $ npm run credits -- deposit show --help',
    )
  for (const command of allOf(program)) {
    command
      .exitOverride()
      .showHelpAfterError('(--help shows how)')
      .configureOutput({
        writeOut: (text) => terminal.print(text.replace(/\n$/, '')),
        writeErr: (text) => terminal.complain(text.replace(/\n$/, '')),
      })
  }
  try {
    await program.parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    terminal.progress('')
    return explain(error, terminal)
  }
}

function explain(error: unknown, terminal: Terminal): ExitCode {
  // Commander has already printed its own errors; asking for help is not an error.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
  terminal.complain(error instanceof Error ? messageOf(error) : String(error))
  return error instanceof BadSettings ? exitCodes.settings : exitCodes.failed
}

/** A refused connection arrives as several failures, one for each address tried, under an empty message. */
function messageOf(error: Error): string {
  if (error instanceof AggregateError) return error.errors.map((each) => messageOf(each)).join('; ')
  return error.message
}

function allOf(command: Command): Command[] {
  return [command, ...command.commands.flatMap((child) => allOf(child))]
}

/** `credits deposit`: the commands for deposits. */
function depositCommand(cli: Cli): Command {
  return new Command('deposit')
    .summary('look at deposits, submit a payment, release what is held')
    .addCommand(depositShowCommand(cli))
    .addCommand(depositListCommand(cli))
    .addCommand(depositSubmitCommand(cli))
    .addCommand(depositReleaseCommand(cli))
}

/** `credits session`: the commands for desktop sessions. */
function sessionCommand(cli: Cli): Command {
  return new Command('session')
    .summary('look at sessions, end one')
    .addCommand(sessionListCommand(cli))
    .addCommand(sessionEndCommand(cli))
}

/** `credits webhooks`: the commands for events that are sent out. */
function webhooksCommand(cli: Cli): Command {
  return new Command('webhooks')
    .summary('look at deliveries of events, redeliver them')
    .addCommand(webhooksListCommand(cli))
    .addCommand(webhooksRedeliverCommand(cli))
}
