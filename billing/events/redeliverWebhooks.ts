import type { Sql } from '../database/connect.ts'
import { registerEndpoint } from './registerEndpoint.ts'

export interface Redelivery {
  endpointId: string
  /** One event, or null: those of a time. */
  eventId: bigint | null
  /** From then on; null: from the first. */
  since: Date | null
  /** Before then; null: up to now. */
  until: Date | null
  /** Whether a receiver that was disabled is to be sent webhooks again. */
  enable: boolean
}

/**
 * Has published events delivered again, or for the first time where a receiver was not known or disabled when they
 * happened: at once, with all attempts before them. They keep their ids, so a receiver can tell that it knows one.
 * Answers how many there are. While the receiver is disabled they wait.
 */
export async function redeliverWebhooks(
  sql: Sql,
  { endpointId, eventId, since, until, enable }: Redelivery,
): Promise<{ redelivered: number }> {
  await registerEndpoint(sql, endpointId)
  if (enable) await sql`update credits.webhook_endpoint set disabled_at = null where id = ${endpointId}`
  const { count } = await sql`
    insert into credits.webhook_delivery (event_id, endpoint_id, state, next_attempt_at)
    select e.id, ${endpointId}, 'pending', clock_timestamp() from credits.outbox_event e
    where e.seq is not null
      ${eventId === null ? sql`` : sql`and e.id = ${eventId}`}
      ${since === null ? sql`` : sql`and e.created_at >= ${since}`}
      ${until === null ? sql`` : sql`and e.created_at < ${until}`}
    order by e.id
    on conflict (event_id, endpoint_id) do update
      set state = 'pending', attempts = 0, next_attempt_at = excluded.next_attempt_at, delivered_at = null`
  return { redelivered: count }
}
