import type { Payment, SeenDeposit } from './payment.ts'

/** Enough to estimate the pace of a chain. */
const MAX_SIGHTINGS = 16

/**
 * Merges what the service now says of a payment's deposits into what is remembered of it. The newer answer counts,
 * whatever it is: a reorg may take a step back.
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

/** What GET /v1/transactions/{hash} or POST /v1/deposits said of a transaction. */
export type TransactionLookup =
  | { kind: 'found'; outcome: 'pending' | 'settled'; deposits: SeenDeposit[] }
  | { kind: 'not_found' }
  | { kind: 'no_qualifying_transfer' }
  | { kind: 'transaction_failed' }

/** Merges the service's answer about a payment's transaction into what is remembered of it. */
export function mergeLookup(payment: Payment, lookup: TransactionLookup, nowMs: number): Payment {
  switch (lookup.kind) {
    case 'found':
      return lookup.deposits.length === 0
        ? { ...payment, unknownSinceMs: null, ending: null, settledAtMs: null }
        : mergePayment(payment, lookup.deposits, nowMs)
    case 'not_found':
      // A deposit only seen in the mempool is dropped too; the service never forgets what it has recorded.
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

/** A payment of which only the hash is known yet. */
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

/** A payment settled longer ago than this is history. */
const KEEP_SETTLED_MS = 24 * 60 * 60_000

/**
 * Joins remembered payments with what the service says of the account's deposits: known ones move on, and those under way
 * that the page knows nothing of (another device, a Safe, a payment by hand) are added. Credited deposits add no payment:
 * they are history. Newest first.
 */
export function adoptDeposits(payments: Payment[], deposits: SeenDeposit[], nowMs: number): Payment[] {
  const byHash = new Map<string, SeenDeposit[]>()
  for (const deposit of deposits) {
    byHash.set(deposit.txHash, [...(byHash.get(deposit.txHash) ?? []), deposit])
  }
  const known = payments.map((payment) => {
    const told = byHash.get(payment.txHash) ?? []
    byHash.delete(payment.txHash)
    return told.some((deposit) => isNews(payment, deposit)) ? mergePayment(payment, told, nowMs) : payment
  })
  const found = [...byHash].flatMap(([txHash, told]) =>
    told.some(isUnderWay) ? [mergePayment(newPayment(txHash, 'found', nowMs), told, nowMs)] : [],
  )
  return [...found, ...known]
    .filter(({ settledAtMs }) => settledAtMs === null || nowMs - settledAtMs < KEEP_SETTLED_MS)
    .sort((one, other) => other.sentAtMs - one.sentAtMs)
}

function isUnderWay({ state }: SeenDeposit): boolean {
  return state !== 'credited' && state !== 'rejected'
}

function isNews(payment: Payment, told: SeenDeposit): boolean {
  const seen = payment.deposits.find(({ id }) => id === told.id)
  return (
    seen === undefined ||
    seen.state !== told.state ||
    seen.confirmations !== told.confirmations ||
    seen.reason !== told.reason ||
    seen.retryAt !== told.retryAt ||
    seen.creditMinutes !== told.creditMinutes ||
    seen.amountBaseUnits !== told.amountBaseUnits
  )
}
