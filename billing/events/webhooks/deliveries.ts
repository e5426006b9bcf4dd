import type { Sql } from '../../database/connect.ts'
import type { EventKind, WebhookDeliveryState } from '../schema.ts'
import type { WebhookPlan } from './planWebhookRetry.ts'

/** A delivery that this process may attempt now, with its event. */
export interface ClaimedDelivery {
  eventId: bigint
  endpointId: string
  /** Attempts so far. An attempt is recorded only while this number is still the same. */
  attempts: number
  kind: EventKind
  payload: unknown
  createdAt: Date
}

/**
 * Claims due deliveries, the longest overdue first, so one that fails for days delays no other. Claiming moves the next
 * attempt `leaseMs` into the future: if the process dies, the delivery can be claimed again after that.
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

export interface AttemptRecord {
  delivery: Pick<ClaimedDelivery, 'eventId' | 'endpointId' | 'attempts'>
  durationMs: number
  /** null: there was no answer. */
  status: number | null
  /** null when it was delivered. */
  problem: string | null
  plan: WebhookPlan
}

/**
 * Records an attempt, in any case, and the new state of the delivery, unless another attempt was recorded since the claim.
 * An endpoint that is gone is disabled; its deliveries stay pending.
 */
export async function recordAttempt(
  sql: Sql,
  { delivery, durationMs, status, problem, plan }: AttemptRecord,
): Promise<void> {
  const { eventId, endpointId, attempts } = delivery
  const state = plan.kind === 'delivered' || plan.kind === 'failed' ? plan.kind : 'pending'
  const afterMs = plan.kind === 'retry' ? plan.afterMs : 0
  await sql`
    with attempt as (
      insert into credits.webhook_attempt (event_id, endpoint_id, attempted_at, duration_ms, status, problem)
      values (${eventId}, ${endpointId}, clock_timestamp() - ${durationMs} * interval '1 millisecond', ${durationMs},
        ${status}, ${problem})
    ), disabled as (
      update credits.webhook_endpoint set disabled_at = now()
      where id = ${endpointId} and disabled_at is null and ${plan.kind === 'gone'}
    )
    update credits.webhook_delivery
    set state = ${state}, attempts = attempts + 1,
      next_attempt_at = case when ${state} = 'pending'
        then clock_timestamp() + ${afterMs} * interval '1 millisecond' end,
      delivered_at = case when ${state} = 'delivered' then clock_timestamp() end
    where event_id = ${eventId} and endpoint_id = ${endpointId} and attempts = ${attempts} and state = 'pending'`
}

/** Gives back a claimed delivery whose attempt was cut short: it is due again at once, for any process. */
export async function releaseDelivery(
  sql: Sql,
  { eventId, endpointId, attempts }: ClaimedDelivery,
): Promise<void> {
  await sql`
    update credits.webhook_delivery set next_attempt_at = clock_timestamp()
    where event_id = ${eventId} and endpoint_id = ${endpointId} and attempts = ${attempts} and state = 'pending'`
}

/**
 * Takes over pending deliveries to earlier receivers: WEBHOOK_URL names a single receiver, so after it changes they belong
 * to the new one. Their attempts start over.
 */
export async function adoptDeliveries(sql: Sql, endpointId: string): Promise<number> {
  const adopted = await sql`
    with newest as (
      select distinct on (event_id) event_id, endpoint_id from credits.webhook_delivery d
      where d.state = 'pending' and d.endpoint_id <> ${endpointId} and not exists (
        select from credits.webhook_delivery ours where ours.event_id = d.event_id and ours.endpoint_id = ${endpointId})
      order by event_id, endpoint_id
    )
    update credits.webhook_delivery d
    set endpoint_id = ${endpointId}, attempts = 0, next_attempt_at = clock_timestamp()
    from newest where d.event_id = newest.event_id and d.endpoint_id = newest.endpoint_id
    returning d.event_id`
  return adopted.length
}

/** Lists deliveries for the operator, newest event first: to one receiver or all (null), in one state or any (null). */
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

/** A delivery as the operator sees it, with its last attempt. */
export interface DeliveryView {
  eventId: bigint
  endpointId: string
  kind: EventKind
  account: string
  /** When the event happened. */
  createdAt: Date
  state: WebhookDeliveryState
  attempts: number
  /** null once it is delivered or given up. */
  nextAttemptAt: Date | null
  deliveredAt: Date | null
  /** null before the first attempt, like the next two. */
  lastAttemptAt: Date | null
  /** Also null when there was no answer. */
  lastStatus: number | null
  /** One sentence; also null when the attempt succeeded. */
  lastProblem: string | null
  /** The receiver answered 410: pending deliveries wait until it is enabled again. */
  isEndpointDisabled: boolean
}

export interface Redelivery {
  endpointId: string
  /** A single event; null: all in the time given. */
  eventId: bigint | null
  /** Inclusive; null: from the first event. */
  since: Date | null
  /** Exclusive; null: up to now. */
  until: Date | null
  /** Whether to enable a disabled receiver again. */
  enable: boolean
}

/**
 * Queues published events for delivery again, or for the first time where the receiver was unknown or disabled when they
 * happened. They are due at once and start with their first attempt. They keep their ids, so a receiver recognizes those
 * it has seen. Returns how many are queued. While the receiver is disabled they wait.
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

/**
 * Makes a receiver known, so that events published from now on are queued for it. Idempotent; a disabled receiver stays
 * disabled.
 */
export async function registerEndpoint(sql: Sql, endpointId: string): Promise<void> {
  await sql`insert into credits.webhook_endpoint (id) values (${endpointId}) on conflict do nothing`
}
