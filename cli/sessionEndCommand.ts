import { Argument, Command } from 'commander'
import { formatMinutes } from '../billing/api/json/amounts.ts'
import { sessionJson } from '../billing/api/json/sessionJson.ts'
import { type MeteredSession, meterSessions } from '../billing/metering/meterSessions.ts'
import { readSession } from '../billing/metering/sessions.ts'
import { type Cli, exitCodes } from './cli.ts'
import { parseSessionId } from './parseArguments.ts'
import { meteringFromSettings } from './settings.ts'
import { withDatabase } from './withDatabase.ts'

/**
 * `credits session end`: bills a session up to now and ends it, as the operator decides. Idempotent. Exit code 1 when
 * there is no such session.
 */
export function sessionEndCommand({ terminal, end }: Cli): Command {
  return new Command('end')
    .summary('bill a session up to now and end it')
    .description(
      'Bills a session up to this moment and ends it; its next heartbeat is answered with that end. ' +
        'A session that has ended stays as it is. Does not ask any chain. While no service runs, no heartbeat is received, ' +
        'and the time since its last heartbeat is not billed.',
    )
    .addArgument(new Argument('<id>', 'session id').argParser(parseSessionId))
    .option(
      '--json',
      'print JSON: {kind, session, billedMicros, billedMinutes, balanceMicros, balanceMinutes}',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  $ npm run credits -- session end desktop-4711\n  $ npm run credits -- session end desktop-4711 --json',
    )
    .action((id: string, { json = false }: { json?: boolean }) => {
      const { limits } = meteringFromSettings(terminal.env)
      return withDatabase(terminal, async (sql) => {
        const before = await readSession(sql, id)
        const [session] = await meterSessions(sql, limits, [id], 'end')
        if (session === undefined) {
          terminal.complain(`There is no session ${id}.`)
          return end(exitCodes.failed)
        }
        // It may have been ended between the two calls; then the reason is a different one.
        const wasOver = before?.state === 'ended' || session.endReason !== 'ended_by_operator'
        const kind = wasOver ? 'ended_before' : 'ended'
        if (json) terminal.print(JSON.stringify(endJson(kind, session), null, 2))
        else terminal.print(formatEnd(kind, session))
      })
    })
}

function formatEnd(kind: 'ended' | 'ended_before', session: MeteredSession): string {
  const { id, account, billedMicros } = session
  const total = `${formatMinutes(session.totalBilledMicros)} minutes in all`
  if (kind === 'ended_before') {
    return `Session ${id} of ${account} had ended before: ${session.endReason}, ${session.endedAt?.toISOString()}, ${total}. Nothing changed.`
  }
  const billed =
    billedMicros > 0n
      ? `${formatMinutes(billedMicros)} minutes were billed for the time since its last heartbeat`
      : 'nothing was billed for the time since its last heartbeat (the balance is used up, no time has passed, or no service is running)'
  return `Ended session ${id} of ${account}: ${billed}, ${total}. The balance is ${formatMinutes(session.balanceMicros)} minutes.`
}

function endJson(kind: 'ended' | 'ended_before', session: MeteredSession) {
  return {
    kind,
    session: sessionJson(session),
    billedMicros: session.billedMicros.toString(),
    billedMinutes: formatMinutes(session.billedMicros),
    balanceMicros: session.balanceMicros.toString(),
    balanceMinutes: formatMinutes(session.balanceMicros),
  }
}
