import { batch, computed, effect, type ReadonlySignal, signal } from '@preact/signals'
import type { Transaction } from '../api/apiTypes.ts'
import { adoptDeposits, mergeLookup, newPayment, type TransactionLookup } from '../pay/mergePayments.ts'
import { parsePayments } from '../pay/parsePayments.ts'
import type { Payment, SentPayment } from '../pay/payment.ts'
import { deposits } from './account.ts'
import { signedIn } from './signedIn.ts'

const STORAGE_PREFIX = 'axonos-credits.payments.'

const known = signal<readonly Payment[]>([])
const owner = computed(() => signedIn.value?.address ?? null)

/** The payments that the signed-in account is waiting for, or was until recently, newest first. */
export const payments: ReadonlySignal<readonly Payment[]> = known

/** Those to show. */
export const shownPayments = computed(() => known.value.filter(({ isDismissed }) => !isDismissed))

/** The payment that the person has just made or asked about: the page scrolls to it once, then sets this to null. */
export const newestHash = signal<string | null>(null)

/** Remembers a payment that a wallet has just sent, for the account that paid, whoever is signed in by then. */
export function trackSent(txHash: string, sent: SentPayment): void {
  const now = Date.now()
  track(sent.payer, { ...newPayment(txHash, 'sent', now), sent, unknownSinceMs: now })
}

/** Remembers a transaction that somebody submitted by its hash, with the service's answer. */
export function trackSubmitted(transaction: Transaction): void {
  const now = Date.now()
  const payment = newPayment(transaction.txHash, 'submitted', now)
  if (owner.peek() !== null) track(owner.peek(), mergeLookup(payment, lookupOf(transaction), now))
}

/** Hides a payment. If it is under way it continues; it is just no longer shown. */
export function dismissPayment(txHash: string): void {
  changePayment(txHash, (payment) => ({ ...payment, isDismissed: true }))
}

/** Changes one remembered payment, if it is (still) remembered. */
export function changePayment(txHash: string, by: (payment: Payment) => Payment): void {
  change(owner.peek(), (list) => list.map((payment) => (payment.txHash === txHash ? by(payment) : payment)))
}

/** Follows a payment under the hash of the transaction that replaced it and pays the same. */
export function followSpeedUp(txHash: string, byHash: string): void {
  change(owner.peek(), (list) => {
    const arrived = list.find((payment) => payment.txHash === byHash)
    const { unknownSinceMs = Date.now(), settledAtMs = null, deposits = [], sightings = [] } = arrived ?? {}
    return list
      .filter((payment) => payment !== arrived)
      .map((payment) =>
        payment.txHash === txHash
          ? {
              ...payment,
              txHash: byHash,
              replacedHash: txHash,
              unknownSinceMs,
              settledAtMs,
              deposits,
              sightings,
            }
          : payment,
      )
  })
}

/** Says what an answer of the service means for a payment. */
export function lookupOf({ outcome, deposits: found }: Transaction): TransactionLookup {
  switch (outcome) {
    case 'pending':
    case 'settled':
      return { kind: 'found', outcome, deposits: found }
    case 'no_qualifying_transfer':
    case 'transaction_failed':
      return { kind: outcome }
  }
}

/**
 * Keeps `payments` up to date for whoever is signed in: remembered from earlier visits, merged with what the service says
 * of the account's deposits, and the same in every tab. `onTold` is called for each transaction that events report.
 * Returns a function that stops it.
 */
export function keepPayments(onTold: (txHash: string) => void): () => void {
  const stopLoading = effect(() => {
    known.value = owner.value === null ? [] : read(owner.value)
  })
  let seen: typeof deposits.value = new Map()
  const stopAdopting = effect(() => {
    const now = deposits.value
    if (owner.value === null) return
    // The very same object was merged before; what a lookup has found since is newer.
    const told = [...now.values()].filter((deposit) => seen.get(deposit.id) !== deposit)
    seen = now
    for (const { txHash } of told) onTold(txHash)
    change(owner.value, (list) => adoptDeposits(list, told, Date.now()))
  })
  const onStorage = ({ key }: StorageEvent) => {
    const address = owner.peek()
    if (address !== null && (key === STORAGE_PREFIX + address || key === null)) known.value = read(address)
  }
  addEventListener('storage', onStorage)
  return () => {
    stopLoading()
    stopAdopting()
    removeEventListener('storage', onStorage)
  }
}

function track(address: string | null, payment: Payment): void {
  batch(() => {
    change(address, (list) => {
      const old = list.find(({ txHash }) => txHash === payment.txHash)
      const fresh = old === undefined ? payment : { ...old, ...payment, sentAtMs: old.sentAtMs }
      return [fresh, ...list.filter((other) => other !== old)]
    })
    newestHash.value = payment.txHash
  })
}

/** Every change starts from what is stored, since another tab may have changed it. */
function change(address: string | null, by: (list: Payment[]) => Payment[]): void {
  if (address === null) return
  const after = by(read(address))
  const text = JSON.stringify(after)
  if (address === owner.peek()) {
    if (text === JSON.stringify(known.peek())) return
    known.value = after
  }
  memory.set(address, text)
  try {
    localStorage.setItem(STORAGE_PREFIX + address, text)
  } catch {
    // Without storage a reload knows of payments only what the service says, which is enough.
  }
}

/** Stands in for storage where there is none. */
const memory = new Map<string, string>()

function read(address: string): Payment[] {
  try {
    return parsePayments(localStorage.getItem(STORAGE_PREFIX + address))
  } catch {
    return parsePayments(memory.get(address) ?? null)
  }
}
