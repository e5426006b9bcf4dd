import { createHash, createHmac } from 'node:crypto'

/**
 * Signs a webhook by the Standard Webhooks specification: HMAC-SHA256 over id, time and the exact bytes of the body. There
 * is one signature for each key, separated by spaces, so a receiver that knows any of the keys can verify it.
 *
 * @see https://www.standardwebhooks.com
 */
export function signWebhook(
  { id, timestampSeconds, body }: { id: string; timestampSeconds: number; body: string },
  keys: readonly Uint8Array[],
): string {
  const signed = `${id}.${timestampSeconds}.${body}`
  return keys.map((key) => `v1,${createHmac('sha256', key).update(signed).digest('base64')}`).join(' ')
}

/**
 * An event's id as webhook receivers know it: its number and its time, `evt_4711_mk0s7x2o`. It is the same at every attempt
 * and redelivery. The number alone would not do: a database restored from a backup reuses the numbers of events that
 * happened after the backup, and a receiver would take new events for ones it has seen.
 */
export function webhookId({ eventId, createdAt }: { eventId: bigint; createdAt: Date }): string {
  return `evt_${eventId}_${createdAt.getTime().toString(36)}`
}

/** Identifies a receiver without revealing its URL, which may hold a token: 16 hex digits of the URL's SHA-256. */
export function webhookEndpointId(url: string): string {
  return createHash('sha256').update(url).digest('hex').slice(0, 16)
}
