const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** From the end of one attempt to the start of the next. The first attempt is immediate, so there are ten. */
const PAUSES_MS = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
]
/** The longest pause a receiver can ask for. */
const MAX_REQUESTED_PAUSE_MS = 24 * HOUR
const JITTER_SHARE = 0.1

export type WebhookPlan =
  | { kind: 'delivered' }
  | { kind: 'retry'; afterMs: number }
  /** The last attempt has failed. */
  | { kind: 'failed' }
  /** The receiver wants no more webhooks, this one included. */
  | { kind: 'gone' }

/**
 * Decides what happens to a delivery after an attempt, by the schedule that the Standard Webhooks specification suggests.
 * Pure.
 *
 * @param attempt The number of the attempt, from 1.
 * @param status The status of the answer; null: there was no answer.
 * @param retryAfterSeconds How long the receiver asks us to wait; applies to 429 and 503, where longer than the schedule.
 * @param random From 0 to 1; spreads retries by up to 10 % either way.
 */
export function planWebhookRetry({
  attempt,
  status,
  retryAfterSeconds,
  random,
}: {
  attempt: number
  status: number | null
  retryAfterSeconds: number | null
  random: number
}): WebhookPlan {
  if (status !== null && status >= 200 && status < 300) return { kind: 'delivered' }
  if (status === 410) return { kind: 'gone' }
  const pauseMs = PAUSES_MS[attempt - 1]
  if (pauseMs === undefined) return { kind: 'failed' }
  const spreadMs = Math.round(pauseMs * (1 + JITTER_SHARE * (2 * random - 1)))
  const asksToWait = status === 429 || status === 503
  const askedMs = asksToWait && retryAfterSeconds !== null ? retryAfterSeconds * SECOND : 0
  return { kind: 'retry', afterMs: Math.max(spreadMs, Math.min(askedMs, MAX_REQUESTED_PAUSE_MS)) }
}
