import type { Payment } from './payment.ts'

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const DAY_MS = 24 * 60 * MINUTE_MS

/** How else a payment is followed, and when it was last looked up. */
export interface Following {
  /** The address whose deposits the event stream reports; null while there is no live stream. */
  streamedAddress: string | null
  /** When it was last looked up; null if never. */
  lookedAtMs: number | null
}

/**
 * Says when to look a payment up next by its hash, or null when there is nothing to look for. Often while it is young and
 * no events report it; rarely when events do: then it only covers for a stream that died silently. The service limits
 * these requests, so a page that waits for long must ask less and less often.
 */
export function planNextLook(
  payment: Payment,
  { streamedAddress, lookedAtMs }: Following,
  nowMs: number,
): number | null {
  if (payment.settledAtMs !== null || payment.isDismissed) return null
  const ageMs = Math.max(0, nowMs - payment.sentAtMs)
  if (ageMs > DAY_MS && payment.deposits.length === 0) return null
  if (lookedAtMs === null) return nowMs
  return lookedAtMs + intervalMs(payment, streamedAddress, ageMs)
}

function intervalMs(payment: Payment, streamedAddress: string | null, ageMs: number): number {
  const isTold =
    payment.deposits.length > 0 &&
    payment.deposits.every(({ payer, confirmations }) => payer === streamedAddress && confirmations > 0)
  if (isTold) return 30 * SECOND_MS
  const isHeld = payment.deposits.some(({ state }) => state === 'held')
  if (isHeld) return 30 * SECOND_MS
  if (ageMs < 2 * MINUTE_MS) return 3 * SECOND_MS
  return ageMs < 10 * MINUTE_MS ? 10 * SECOND_MS : 30 * SECOND_MS
}
