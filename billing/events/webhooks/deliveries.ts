import type { Sql } from '../../database/connect.ts'
import type { EventKind, WebhookDeliveryState } from '../schema.ts'
import type { WebhookPlan } from './planWebhookRetry.ts'

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
 * Records an attempt, always, and what becomes of the delivery, unless somebody else has recorded an attempt since the
 * claim. An endpoint that is gone is disabled; its deliveries stay pending.
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

/** Gives a claimed delivery back that was not attempted to its end: it is due at once, to whoever comes next. */
export async function releaseDelivery(
  sql: Sql,
  { eventId, endpointId, attempts }: ClaimedDelivery,
): Promise<void> {
  await sql`
    update credits.webhook_delivery set next_attempt_at = clock_timestamp()
    where event_id = ${eventId} and endpoint_id = ${endpointId} and attempts = ${attempts} and state = 'pending'`
}

/**
 * Takes over what is still to be delivered to receivers of before: WEBHOOK_URL names one, so another URL is where those
 * events belong now. Their attempts begin anew.
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
  /** null when it is delivered or given up. */
  nextAttemptAt: Date | null
  deliveredAt: Date | null
  /** null before the first attempt; so are the next two. */
  lastAttemptAt: Date | null
  /** null also: there was no answer. */
  lastStatus: number | null
  /** In a sentence; null also: it was delivered. */
  lastProblem: string | null
  /** The receiver wants no more: pending deliveries wait until it is enabled again. */
  isEndpointDisabled: boolean
}

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

/**
 * Makes a receiver known, so that events published from now on are queued for it. Idempotent; one that was disabled stays
 * so.
 */
export async function registerEndpoint(sql: Sql, endpointId: string): Promise<void> {
  await sql`insert into credits.webhook_endpoint (id) values (${endpointId}) on conflict do nothing`
}
