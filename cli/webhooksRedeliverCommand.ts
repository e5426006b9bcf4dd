import { Argument, Command, Option } from 'commander'
import { listDeliveries, redeliverWebhooks } from '../billing/events/webhooks/deliveries.ts'
import { type Cli, exitCodes } from './cli.ts'
import { parseEventId, parseMoment } from './parseArguments.ts'
import { endpointFromSettings } from './settings.ts'
import { withDatabase } from './withDatabase.ts'

interface Options {
  since?: Date
  until?: Date
  enable?: boolean
  json?: boolean
}

/**
 * `credits webhooks redeliver`: has one event, or those of a period, sent to the receiver of `WEBHOOK_URL` again. Exit
 * code 1 when there is none.
 */
export function webhooksRedeliverCommand({ terminal, end }: Cli): Command {
  return new Command('redeliver')
    .summary('redeliver an event, or those of a period')
    .description(
      'Has one event, or those of a period, delivered to the receiver of WEBHOOK_URL at once, whether they were delivered ' +
        'before, given up or never sent. The running service sends them, under their original ids. Needs ' +
        'no setting other than WEBHOOK_URL.',
    )
    .addArgument(new Argument('[eventId]', 'such as evt_4711; or give --since').argParser(parseEventId))
    .addOption(
      new Option(
        '--since <moment>',
        'events from then on: ISO 8601 with a time zone, or Unix seconds',
      ).argParser(parseMoment),
    )
    .addOption(
      new Option('--until <moment>', 'events before then; up to now if not given').argParser(parseMoment),
    )
    .option('--enable', 're-enable the receiver if it was disabled because it answered 410')
    .option('--json', 'print JSON: {redelivered, endpointId, endpointDisabled}')
    .addHelpText(
      'after',
      '\nExamples:\n  $ npm run credits -- webhooks redeliver evt_4711' +
        '\n  $ npm run credits -- webhooks redeliver --since 2026-01-01T00:00:00Z --until 2026-01-02T00:00:00Z --enable',
    )
    .action((eventId: bigint | undefined, { since, until, enable = false, json = false }: Options) => {
      const fault = faultOf({ eventId, since, until })
      if (fault !== null) {
        terminal.complain(fault)
        return end(exitCodes.usage)
      }
      const endpointId = endpointFromSettings(terminal.env)
      return withDatabase(terminal, async (sql) => {
        const { redelivered } = await redeliverWebhooks(sql, {
          endpointId,
          eventId: eventId ?? null,
          since: since ?? null,
          until: until ?? null,
          enable,
        })
        const [waiting] = await listDeliveries(sql, { endpointId, state: 'pending', limit: 1 })
        const isDisabled = waiting?.isEndpointDisabled ?? false
        if (json) {
          terminal.print(JSON.stringify({ redelivered, endpointId, endpointDisabled: isDisabled }, null, 2))
        } else if (redelivered > 0) {
          terminal.print(`${redelivered} ${redelivered === 1 ? 'event is' : 'events are'} delivered again.`)
        }
        if (redelivered === 0) {
          const what =
            eventId === undefined
              ? 'No event was published in that time.'
              : `No event evt_${eventId} was published.`
          terminal.complain(enable ? `${what} The receiver is enabled.` : what)
          return end(exitCodes.failed)
        }
        if (isDisabled)
          terminal.complain('The receiver is disabled, so they wait: --enable sends to it again.')
      })
    })
}

interface What {
  eventId: bigint | undefined
  since: Date | undefined
  until: Date | undefined
}

function faultOf({ eventId, since, until }: What): string | null {
  if (eventId !== undefined && (since !== undefined || until !== undefined))
    return 'Give either an event id or a period, not both.'
  if (eventId === undefined && since === undefined) return 'Give an event id or --since.'
  if (since !== undefined && until !== undefined && until <= since) return '--until must be after --since.'
  return null
}
