import { setMaxListeners } from 'node:events'
import { createWaker } from '../../clock/createWaker.ts'
import type { Sql } from '../../database/connect.ts'
import {
  adoptDeliveries,
  type ClaimedDelivery,
  claimDeliveries,
  recordAttempt,
  registerEndpoint,
  releaseDelivery,
} from './deliveries.ts'
import { planWebhookRetry } from './planWebhookRetry.ts'
import { postWebhook, type WebhookTarget, webhookEndpointId } from './postWebhook.ts'

/** If a notification is lost, its event is sent this much later. */
const POLL_INTERVAL_MS = 1_000
const MAX_IN_FLIGHT = 8
const DEFAULT_TIMEOUT_MS = 15_000
/** A claim outlasts the timeout by this much, so an attempt is recorded long before another process may claim it. */
const LEASE_MARGIN_MS = 30_000
const ADOPT_INTERVAL_MS = 60_000

/** What the operator should know. */
export type WebhookReport =
  /** The receiver answered 410: nothing is sent until it is enabled again or WEBHOOK_URL names another one. */
  | { kind: 'disabled' }
  /** Every attempt of three days failed. */
  | { kind: 'gave_up'; eventId: bigint; problem: string }
  | { kind: 'failed'; error: unknown }

export interface WebhookOptions {
  target: WebhookTarget
  stop: AbortSignal
  report: (report: WebhookReport) => void
  /** How long one attempt may take; 15 s by default. */
  timeoutMs?: number
}

/**
 * Delivers webhooks until stopped: each event at least once, always with the same id, retried for three days. Up to eight
 * are in flight, the longest overdue first, so neither a receiver that hangs nor an event that fails for days delays the
 * others. Only the leader runs this, to save work; two processes would not attempt the same delivery at the same time.
 */
export async function runWebhooks(
  sql: Sql,
  { target, stop, report, timeoutMs = DEFAULT_TIMEOUT_MS }: WebhookOptions,
): Promise<void> {
  const endpointId = webhookEndpointId(target.url)
  const waker = createWaker()
  const inFlight = new Set<Promise<void>>()
  // Not `stop` itself: every request in flight adds a listener, and `stop` would warn of a leak.
  const over = new AbortController()
  setMaxListeners(MAX_IN_FLIGHT, over.signal)
  const end = () => over.abort()
  stop.addEventListener('abort', end)
  let adoptedAt = Number.NEGATIVE_INFINITY
  let isTold = false
  const tell = (error: unknown) => {
    if (!isTold) report({ kind: 'failed', error })
    isTold = true
  }

  async function startDue(): Promise<void> {
    if (performance.now() - adoptedAt > ADOPT_INTERVAL_MS) {
      await registerEndpoint(sql, endpointId)
      await adoptDeliveries(sql, endpointId)
      adoptedAt = performance.now()
    }
    const limit = MAX_IN_FLIGHT - inFlight.size
    if (limit === 0) return
    const claimed = await claimDeliveries(sql, { endpointId, limit, leaseMs: timeoutMs + LEASE_MARGIN_MS })
    for (const delivery of claimed) {
      const attempted = attempt(sql, delivery, { target, stop: over.signal, report, timeoutMs })
        .catch(tell)
        .finally(() => {
          inFlight.delete(attempted)
          waker.wake()
        })
      inFlight.add(attempted)
    }
  }

  const listening = await sql.listen('credits_published', waker.wake, waker.wake).catch((error: unknown) => {
    tell(error)
    return null
  })
  while (!stop.aborted) {
    try {
      await startDue()
      isTold = false
    } catch (error) {
      tell(error)
    }
    await waker.sleep(POLL_INTERVAL_MS, stop)
  }
  end()
  stop.removeEventListener('abort', end)
  await Promise.all(inFlight)
  await listening?.unlisten().catch(() => {})
}

/** Makes one attempt and records it. */
async function attempt(
  sql: Sql,
  delivery: ClaimedDelivery,
  { target, stop, report, timeoutMs }: Required<WebhookOptions>,
): Promise<void> {
  const startedAt = performance.now()
  const answer = await postWebhook(delivery, { target, timeoutMs, stop })
  if (answer.kind === 'stopped') return releaseDelivery(sql, delivery)
  const isAnswered = answer.kind === 'answered'
  const status = isAnswered ? answer.status : null
  const plan = planWebhookRetry({
    attempt: delivery.attempts + 1,
    status,
    retryAfterSeconds: isAnswered ? answer.retryAfterSeconds : null,
    random: Math.random(),
  })
  const problem = isAnswered ? `the receiver answered ${answer.status}` : answer.problem
  await recordAttempt(sql, {
    delivery,
    durationMs: Math.round(performance.now() - startedAt),
    status,
    problem: plan.kind === 'delivered' ? null : problem,
    plan,
  })
  if (plan.kind === 'gone') report({ kind: 'disabled' })
  if (plan.kind === 'failed') report({ kind: 'gave_up', eventId: delivery.eventId, problem })
}
