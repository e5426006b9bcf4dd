import type { Sql } from '../../database/connect.ts'
import type { EventKind } from '../schema.ts'

/** A delivery that is ours to attempt, and what it tells. */
export interface ClaimedDelivery {
  eventId: bigint
  endpointId: string
  /** Made before. Whoever records an attempt must still find so many. */
  attempts: number
  kind: EventKind
  payload: unknown
  createdAt: Date
}

/**
 * Claims deliveries that are due, those due longest first, so that one which fails for days delays no other. A claim is the
 * next attempt put off by `leaseMs`: whoever claims and dies leaves it to be claimed again after that.
 */
export function claimDeliveries(
  sql: Sql,
  { endpointId, limit, leaseMs }: { endpointId: string; limit: number; leaseMs: number },
): Promise<ClaimedDelivery[]> {
  return sql<ClaimedDelivery[]>`
    with due as (
      select d.event_id from credits.webhook_delivery d
      join credits.webhook_endpoint w on w.id = d.endpoint_id
      where d.endpoint_id = ${endpointId} and d.state = 'pending' and w.disabled_at is null
        and d.next_attempt_at <= clock_timestamp()
      order by d.next_attempt_at, d.event_id limit ${limit} for update of d skip locked
    )
    update credits.webhook_delivery d
    set next_attempt_at = clock_timestamp() + ${leaseMs} * interval '1 millisecond'
    from due join credits.outbox_event e on e.id = due.event_id
    where d.event_id = due.event_id and d.endpoint_id = ${endpointId}
    returning d.event_id as "eventId", d.endpoint_id as "endpointId", d.attempts, e.kind, e.payload,
      e.created_at as "createdAt"`
}
