import { createHmac } from 'node:crypto'

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
