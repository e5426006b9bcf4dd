import type { Transaction } from '../api/apiTypes.ts'
import { callApi } from '../api/callApi.ts'
import { mergeLookup, type TransactionLookup } from '../pay/mergePayments.ts'
import type { Payment } from '../pay/payment.ts'
import { planNextLook } from '../pay/planNextLook.ts'
import { streamState } from './account.ts'
import { followReplacement } from './followReplacement.ts'
import { changePayment, keepPayments, lookupOf, payments } from './payments.ts'
import { signedIn } from './signedIn.ts'

const TICK_MS = 1_000
/** How long to pause when the service is busy and does not say for how long. */
const PAUSE_MS = 10_000

/**
 * Follows every payment that is not settled: by the account's events, and by its hash where those do not report it. One
 * lookup at a time, and none while the service asks for a pause. Returns a function that stops it.
 */
export function followPayments(): () => void {
  const lookedAtMs = new Map<string, number>()
  /** How often events reported a transaction: an answer requested before that is older. */
  const timesTold = new Map<string, number>()
  let pausedUntilMs = 0
  let isLooking = false

  async function look(payment: Payment): Promise<void> {
    const { txHash } = payment
    const told = timesTold.get(txHash)
    lookedAtMs.set(txHash, Date.now())
    const answer = await callApi<Transaction>(`/v1/transactions/${txHash}`)
    lookedAtMs.set(txHash, Date.now())
    let lookup: TransactionLookup | null = null
    switch (answer.kind) {
      case 'ok':
        lookup = lookupOf(answer.value)
        break
      case 'problem':
        if (answer.problem.code === 'transaction_not_found') lookup = { kind: 'not_found' }
        else pausedUntilMs = Date.now() + (answer.retryAfterSeconds ?? PAUSE_MS / 1000) * 1000
        break
      case 'offline':
        break
    }
    if (lookup !== null && timesTold.get(txHash) === told) {
      const found = lookup
      changePayment(txHash, (now) => mergeLookup(now, found, Date.now()))
    }
    await followReplacement(txHash)
  }

  async function tick(): Promise<void> {
    const now = Date.now()
    if (isLooking || document.hidden || now < pausedUntilMs) return
    const streamedAddress = streamState.peek() === 'open' ? (signedIn.peek()?.address ?? null) : null
    const due = payments
      .peek()
      .map((payment) => {
        const last = lookedAtMs.get(payment.txHash) ?? null
        return { payment, atMs: planNextLook(payment, { streamedAddress, lookedAtMs: last }, now) }
      })
      .filter(({ atMs }) => atMs !== null && atMs <= now)
      .sort((one, other) => (one.atMs ?? 0) - (other.atMs ?? 0))[0]
    if (due === undefined) return
    isLooking = true
    try {
      await look(due.payment)
    } finally {
      isLooking = false
    }
  }

  const stopKeeping = keepPayments((txHash) => timesTold.set(txHash, (timesTold.get(txHash) ?? 0) + 1))
  const timer = setInterval(() => void tick(), TICK_MS)
  void tick()
  return () => {
    stopKeeping()
    clearInterval(timer)
  }
}
