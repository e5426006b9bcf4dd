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
import { webhookRequest } from './postWebhook.ts'
import { signWebhook, webhookEndpointId, webhookId } from './signWebhook.ts'

const LOOKED_EVERY_MS = 1_000
const IN_FLIGHT = 8
const TIMEOUT_MS = 15_000
/** On top of the time-out: an attempt is recorded well before somebody else may claim it. */
const LEASE_MARGIN_MS = 30_000
const ADOPTED_EVERY_MS = 60_000

/** Where webhooks go: what the settings name. */
export interface WebhookTarget {
  url: string
  /** The newest first. */
  secrets: readonly { key: Uint8Array }[]
  allowPrivate: boolean
}

/** What the operator is told of. */
export type WebhookReport =
  /** The receiver answered 410: nothing is sent to it until it is enabled again, or is another one. */
  | { kind: 'disabled' }
  /** It was tried for three days. */
  | { kind: 'gave_up'; eventId: bigint; problem: string }
  | { kind: 'failed'; error: unknown }

export interface WebhookOptions {
  target: WebhookTarget
  stop: AbortSignal
  report: (report: WebhookReport) => void
  /** How long one attempt may take; 15 s unless told. */
  timeoutMs?: number
}

/**
 * Delivers webhooks until stopped: each event at least once, with the same id every time, tried for three days. Up to
 * eight at once, those due longest first, so neither a receiver that hangs nor an event that fails for days holds up
 * the others. Run by the leader, to save work; two that both did would not attempt the same delivery at once.
 */
export async function runWebhooks(
  sql: Sql,
  { target, stop, report, timeoutMs = TIMEOUT_MS }: WebhookOptions,
): Promise<void> {
  const endpointId = webhookEndpointId(target.url)
  const waker = createWaker()
  const inFlight = new Set<Promise<void>>()
  // Of its own, because all in flight listen to it.
  const over = new AbortController()
  setMaxListeners(IN_FLIGHT, over.signal)
  const end = () => over.abort()
  stop.addEventListener('abort', end)
  let adoptedAt = Number.NEGATIVE_INFINITY
  let isTold = false
  const tell = (error: unknown) => {
    if (!isTold) report({ kind: 'failed', error })
    isTold = true
  }

  async function startDue(): Promise<void> {
    if (performance.now() - adoptedAt > ADOPTED_EVERY_MS) {
      await registerEndpoint(sql, endpointId)
      await adoptDeliveries(sql, endpointId)
      adoptedAt = performance.now()
    }
    const limit = IN_FLIGHT - inFlight.size
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
    await waker.sleep(LOOKED_EVERY_MS, stop)
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
  const body = JSON.stringify({
    type: delivery.kind,
    timestamp: delivery.createdAt.toISOString(),
    data: delivery.payload,
  })
  const id = webhookId(delivery)
  const timestampSeconds = Math.floor(Date.now() / 1_000)
  const answer = await webhookRequest({
    url: target.url,
    headers: {
      'Content-Type': 'application/json',
      'User-Agent': 'axonos-credits',
      'webhook-id': id,
      'webhook-timestamp': String(timestampSeconds),
      'webhook-signature': signWebhook(
        { id, timestampSeconds, body },
        target.secrets.map(({ key }) => key),
      ),
    },
    body,
    allowPrivate: target.allowPrivate,
    timeoutMs,
    stop,
  })
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
