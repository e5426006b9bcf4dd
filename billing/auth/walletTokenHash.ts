import { createHash } from 'node:crypto'

/** What is kept of a wallet's token: its SHA-256, in lower-case hex. */
export function walletTokenHash(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}
