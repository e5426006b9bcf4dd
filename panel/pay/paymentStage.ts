import type { Payment, SeenDeposit } from './payment.ts'

/** Where one payment stands; each kind has its sentence in `text/payment.ts`. */
export type PaymentStage =
  | { kind: 'in_wallet' }
  | { kind: 'sent' }
  | { kind: 'not_found' }
  | { kind: 'in_mempool'; confirmationsRequired: number | null }
  | { kind: 'confirming'; confirmations: number; confirmationsRequired: number }
  | { kind: 'crediting'; confirmationsRequired: number }
  | { kind: 'credited'; creditMinutes: string; confirmationsRequired: number }
  | { kind: 'held'; reason: string | null; retryAt: string | null; confirmationsRequired: number }
  | { kind: 'rejected'; reason: string | null; confirmationsRequired: number }
  | { kind: 'orphaned'; confirmationsRequired: number }
  | { kind: 'reversed'; confirmationsRequired: number }
  | { kind: 'transaction_failed' }
  | { kind: 'no_qualifying_transfer' }
  | { kind: 'cancelled'; byHash: string }
  | { kind: 'replaced'; byHash: string | null }

/** A transaction still unknown after this long was probably never broadcast. */
const NOT_FOUND_AFTER_MS = 2 * 60_000

/**
 * Says where a payment stands. What the service says of the deposit takes precedence over what the page remembers.
 *
 * @param deposit one of the payment's deposits, or null while it has none
 */
export function paymentStage(payment: Payment, deposit: SeenDeposit | null, nowMs: number): PaymentStage {
  if (deposit !== null) return depositStage(deposit)
  if (payment.ending !== null) return payment.ending
  if (payment.unknownSinceMs === null) return { kind: 'in_mempool', confirmationsRequired: null }
  return { kind: nowMs - payment.unknownSinceMs >= NOT_FOUND_AFTER_MS ? 'not_found' : 'sent' }
}

function depositStage(deposit: SeenDeposit): PaymentStage {
  const { confirmations, confirmationsRequired } = deposit
  switch (deposit.state) {
    case 'pending':
      if (confirmations === 0) return { kind: 'in_mempool', confirmationsRequired }
      return confirmations >= confirmationsRequired
        ? { kind: 'crediting', confirmationsRequired }
        : { kind: 'confirming', confirmations, confirmationsRequired }
    case 'credited':
      return { kind: 'credited', creditMinutes: deposit.creditMinutes ?? '0', confirmationsRequired }
    case 'held':
      return { kind: 'held', reason: deposit.reason, retryAt: deposit.retryAt, confirmationsRequired }
    case 'rejected':
      return { kind: 'rejected', reason: deposit.reason, confirmationsRequired }
    case 'orphaned':
      return { kind: 'orphaned', confirmationsRequired }
    case 'reversed':
      return { kind: 'reversed', confirmationsRequired }
  }
}
