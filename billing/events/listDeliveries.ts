import type { Sql } from '../database/connect.ts'
import type { DeliveryView } from './deliveryView.ts'
import type { WebhookDeliveryState } from './schema.ts'

/** Lists deliveries for the operator, the newest event first: to one receiver or all (null), in one state or any (null). */
export function listDeliveries(
  sql: Sql,
  {
    endpointId,
    state,
    limit,
  }: { endpointId: string | null; state: WebhookDeliveryState | null; limit: number },
): Promise<DeliveryView[]> {
  return sql<DeliveryView[]>`
    select d.event_id as "eventId", d.endpoint_id as "endpointId", e.kind, e.account, e.created_at as "createdAt",
      d.state, d.attempts, d.next_attempt_at as "nextAttemptAt", d.delivered_at as "deliveredAt",
      a.attempted_at as "lastAttemptAt", a.status as "lastStatus", a.problem as "lastProblem",
      w.disabled_at is not null as "isEndpointDisabled"
    from credits.webhook_delivery d
    join credits.outbox_event e on e.id = d.event_id
    join credits.webhook_endpoint w on w.id = d.endpoint_id
    left join lateral (
      select attempted_at, status, problem from credits.webhook_attempt a
      where a.event_id = d.event_id and a.endpoint_id = d.endpoint_id order by a.id desc limit 1
    ) a on true
    where true
      ${endpointId === null ? sql`` : sql`and d.endpoint_id = ${endpointId}`}
      ${state === null ? sql`` : sql`and d.state = ${state}`}
    order by d.event_id desc, d.endpoint_id limit ${limit}`
}
