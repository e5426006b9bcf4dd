import type { Sql } from '../database/connect.ts'
import type { ClaimedDelivery } from './webhooks/deliveries.ts'
import type { WebhookPlan } from './webhooks/planWebhookRetry.ts'

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
