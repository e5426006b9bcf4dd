import type { Sql } from '../database/connect.ts'
import type { ClaimedDelivery } from './webhooks/deliveries.ts'

/** Gives a claimed delivery back that was not attempted to its end: it is due at once, to whoever comes next. */
export async function releaseDelivery(
  sql: Sql,
  { eventId, endpointId, attempts }: ClaimedDelivery,
): Promise<void> {
  await sql`
    update credits.webhook_delivery set next_attempt_at = clock_timestamp()
    where event_id = ${eventId} and endpoint_id = ${endpointId} and attempts = ${attempts} and state = 'pending'`
}
