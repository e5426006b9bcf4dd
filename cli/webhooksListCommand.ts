import { Command, Option } from 'commander'
import { type DeliveryView, listDeliveries } from '../billing/events/webhooks/deliveries.ts'
import { webhookId } from '../billing/events/webhooks/postWebhook.ts'
import type { Cli } from './cli.ts'
import { formatTable } from './format.ts'
import { integerArgument } from './parseArguments.ts'
import { withDatabase } from './withDatabase.ts'

interface Options {
  failed?: boolean
  pending?: boolean
  limit: number
  json?: boolean
}

/** `credits webhooks list`: what was sent to receivers of webhooks and with what outcome, newest event first. */
export function webhooksListCommand({ terminal }: Cli): Command {
  return new Command('list')
    .summary('list deliveries, newest event first')
    .description(
      'Lists deliveries of events with their last attempt, newest event first: all, those that were given up, or those ' +
        'that are still to come. A receiver is named by the first 16 hex digits of the SHA-256 of its URL.',
    )
    .addOption(new Option('--failed', 'only those given up').conflicts('pending'))
    .addOption(new Option('--pending', 'only those still to come'))
    .addOption(
      new Option('--limit <count>', 'deliveries to list').argParser(integerArgument(1, 200)).default(50),
    )
    .option('--json', 'print JSON: {items}')
    .addHelpText(
      'after',
      '\nExamples:\n  $ npm run credits -- webhooks list --failed\n  $ npm run credits -- webhooks list --json',
    )
    .action(({ failed = false, pending = false, limit, json = false }: Options) =>
      withDatabase(terminal, async (sql) => {
        const state = failed ? 'failed' : pending ? 'pending' : null
        const deliveries = await listDeliveries(sql, { endpointId: null, state, limit })
        if (json) terminal.print(JSON.stringify({ items: deliveries.map(deliveryJson) }, null, 2))
        else for (const line of formatDeliveries(deliveries)) terminal.print(line)
      }),
    )
}

function formatDeliveries(deliveries: DeliveryView[]): string[] {
  const rows = deliveries.map((delivery) => [
    webhookId(delivery),
    delivery.createdAt.toISOString(),
    delivery.kind,
    delivery.account,
    delivery.endpointId,
    delivery.isEndpointDisabled && delivery.state === 'pending' ? 'pending: disabled' : delivery.state,
    delivery.attempts.toString(),
    delivery.nextAttemptAt?.toISOString() ?? '',
    [delivery.lastStatus?.toString(), delivery.lastProblem].filter(Boolean).join(' '),
  ])
  const heading = [
    'event',
    'happened',
    'kind',
    'account',
    'receiver',
    'state',
    'attempts',
    'next',
    'last answer',
  ]
  return formatTable([heading, ...rows])
}

function deliveryJson(delivery: DeliveryView) {
  return {
    eventId: webhookId(delivery),
    type: delivery.kind,
    account: delivery.account,
    createdAt: delivery.createdAt.toISOString(),
    endpointId: delivery.endpointId,
    endpointDisabled: delivery.isEndpointDisabled,
    state: delivery.state,
    attempts: delivery.attempts,
    nextAttemptAt: delivery.nextAttemptAt?.toISOString() ?? null,
    deliveredAt: delivery.deliveredAt?.toISOString() ?? null,
    lastAttemptAt: delivery.lastAttemptAt?.toISOString() ?? null,
    lastStatus: delivery.lastStatus,
    lastProblem: delivery.lastProblem,
  }
}
