import type { Payment, SeenDeposit } from './payment.ts'

/** As many as tell the pace of a chain. */
const MAX_SIGHTINGS = 16

/**
 * Takes what the service now says of a payment's deposits into what is remembered of it. The newer word counts, whatever
 * it is: a reorg may take a step back.
 *
 * @param told deposits of this payment's transaction; those that are not among them stay as they were
 */
export function mergePayment(payment: Payment, told: SeenDeposit[], nowMs: number): Payment {
  if (told.length === 0) return payment
  const byId = new Map(payment.deposits.map((deposit) => [deposit.id, deposit]))
  for (const deposit of told) byId.set(deposit.id, deposit)
  const deposits = [...byId.values()]
  const isSettled = deposits.every(({ state }) => state === 'credited' || state === 'rejected')
  return {
    ...payment,
    unknownSinceMs: null,
    deposits,
    sightings: sight(payment, deposits, nowMs),
    ending: null,
    settledAtMs: isSettled ? (payment.settledAtMs ?? nowMs) : null,
  }
}

function sight(payment: Payment, deposits: SeenDeposit[], atMs: number): Payment['sightings'] {
  const waiting = deposits.filter(({ state }) => state === 'pending')
  if (waiting.length === 0) return payment.sightings
  const confirmations = Math.max(...waiting.map((deposit) => deposit.confirmations))
  if (payment.sightings.at(-1)?.confirmations === confirmations) return payment.sightings
  return [...payment.sightings, { confirmations, atMs }].slice(-MAX_SIGHTINGS)
}
