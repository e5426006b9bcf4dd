import { createHash } from 'node:crypto'

/** Names a receiver without telling its URL, which may hold a token: 16 hex digits of the URL's SHA-256. */
export function webhookEndpointId(url: string): string {
  return createHash('sha256').update(url).digest('hex').slice(0, 16)
}
