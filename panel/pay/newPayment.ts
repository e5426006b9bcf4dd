import type { Payment } from './payment.ts'

/** A payment of which nothing is known yet but its hash. */
export function newPayment(txHash: string, origin: Payment['origin'], nowMs: number): Payment {
  return {
    txHash,
    origin,
    sent: null,
    replacedHash: null,
    sentAtMs: nowMs,
    unknownSinceMs: null,
    deposits: [],
    sightings: [],
    ending: null,
    settledAtMs: null,
    isDismissed: false,
  }
}
