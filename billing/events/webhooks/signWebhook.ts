import { createHash, createHmac } from 'node:crypto'

/**
 * Signs a webhook by the Standard Webhooks specification: HMAC-SHA256 over id, time and the very bytes of the body, one
 * signature for each key, space-separated, so that a receiver which knows any of them can verify it.
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
 * An event's id as receivers of webhooks know it: its number and when it happened, `evt_4711_mk0s7x2o`. The same at every
 * attempt and redelivery. By the number alone, a database restored from a backup would give new events the ids of those
 * that happened after the backup, and a receiver would take them for ones it knows.
 */
export function webhookId({ eventId, createdAt }: { eventId: bigint; createdAt: Date }): string {
  return `evt_${eventId}_${createdAt.getTime().toString(36)}`
}

/** Names a receiver without telling its URL, which may hold a token: 16 hex digits of the URL's SHA-256. */
export function webhookEndpointId(url: string): string {
  return createHash('sha256').update(url).digest('hex').slice(0, 16)
}
