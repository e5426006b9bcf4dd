import { mergePayment } from './mergePayments.ts'
import { newPayment } from './newPayment.ts'
import type { Payment, SeenDeposit } from './payment.ts'

/** What has been finished for so long is history. */
const KEPT_MS = 24 * 60 * 60_000

/**
 * Joins remembered payments with what the service says of the account's deposits: known ones move on, and those under way
 * that the page knows nothing of (another device, a Safe, a payment by hand) are added. Credited ones are added to
 * nothing: they are history. Newest first.
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
    .filter(({ settledAtMs }) => settledAtMs === null || nowMs - settledAtMs < KEPT_MS)
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
