import { mergePayment } from './mergePayments.ts'
import type { Payment, SeenDeposit } from './payment.ts'

/** What GET /v1/transactions/{hash} or POST /v1/deposits said of a transaction. */
export type TransactionLookup =
  | { kind: 'found'; outcome: 'pending' | 'settled'; deposits: SeenDeposit[] }
  | { kind: 'not_found' }
  | { kind: 'no_qualifying_transfer' }
  | { kind: 'transaction_failed' }

/** Takes the service's answer about a payment's transaction into what is remembered of it. */
export function mergeLookup(payment: Payment, lookup: TransactionLookup, nowMs: number): Payment {
  switch (lookup.kind) {
    case 'found':
      return lookup.deposits.length === 0
        ? { ...payment, unknownSinceMs: null, ending: null, settledAtMs: null }
        : mergePayment(payment, lookup.deposits, nowMs)
    case 'not_found':
      // What was only seen in the mempool is forgotten with it; the service never forgets what it has recorded.
      return {
        ...payment,
        deposits: payment.deposits.filter((deposit) => !isOnlyInMempool(deposit)),
        unknownSinceMs: payment.unknownSinceMs ?? nowMs,
      }
    case 'no_qualifying_transfer':
    case 'transaction_failed':
      return {
        ...payment,
        deposits: [],
        unknownSinceMs: null,
        ending: { kind: lookup.kind },
        settledAtMs: payment.settledAtMs ?? nowMs,
      }
  }
}

function isOnlyInMempool({ state, confirmations }: SeenDeposit): boolean {
  return state === 'pending' && confirmations === 0
}
