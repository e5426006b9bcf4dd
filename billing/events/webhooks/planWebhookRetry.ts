const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** From the end of one attempt to the next; the first attempt is made at once, so there are ten. */
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
/** However long a receiver asks us to wait. */
const LONGEST_PAUSE_MS = 24 * HOUR
const JITTER_SHARE = 0.1

export type WebhookPlan =
  | { kind: 'delivered' }
  | { kind: 'retry'; afterMs: number }
  /** It was tried often enough. */
  | { kind: 'failed' }
  /** The receiver says that it wants no more webhooks, this one included. */
  | { kind: 'gone' }

/**
 * Plans what becomes of a delivery after an attempt: the schedule that the Standard Webhooks specification suggests. Pure.
 *
 * @param attempt Which it was, from 1.
 * @param status What was answered; null: nothing was.
 * @param retryAfterSeconds How long the receiver asks to wait: heard with 429 and 503, where longer than the schedule.
 * @param random From 0 to 1: spreads retries by 10 % each way.
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
  return { kind: 'retry', afterMs: Math.max(spreadMs, Math.min(askedMs, LONGEST_PAUSE_MS)) }
}
