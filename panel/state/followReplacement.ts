import type { Address } from 'viem'
import type { Payment, SentPayment } from '../pay/payment.ts'
import { connected } from '../wallet/connection.ts'
import type { Replacement } from '../wallet/findReplacement.ts'
import type { PaymentOrder } from '../wallet/paymentOrder.ts'
import { config, railOf } from './config.ts'
import { changePayment, followSpeedUp, payments } from './payments.ts'

/** Every lookup is a request to the person's own provider, which may limit them. */
const MIN_INTERVAL_MS = 5_000

const askedAtMs = new Map<string, number>()

/**
 * Asks the wallet that sent a payment whether another transaction took its place, while the service does not know of it.
 * A speed-up is followed under its new hash; a cancelled payment ends. A wallet that cannot tell changes nothing.
 */
export async function followReplacement(txHash: string): Promise<void> {
  const payment = payments.peek().find((candidate) => candidate.txHash === txHash)
  const provider = connected.peek()?.wallet.provider
  if (payment?.sent == null || provider === undefined || !isInQuestion(payment)) return
  const order = orderOf(payment.sent)
  const now = Date.now()
  if (order === null || now - (askedAtMs.get(txHash) ?? Number.NEGATIVE_INFINITY) < MIN_INTERVAL_MS) return
  askedAtMs.set(txHash, now)
  const [{ findReplacement }, { paymentCall }] = await Promise.all([
    import('../wallet/findReplacement.ts'),
    import('../wallet/paymentCall.ts'),
  ])
  const { chainId, payer, nonce } = payment.sent
  const call = paymentCall(order)
  take(txHash, await findReplacement(provider, { txHash, chainId, payer, nonce, call }))
}

function isInQuestion({ sent, settledAtMs, unknownSinceMs, deposits }: Payment): boolean {
  if (settledAtMs !== null) return false
  return sent?.nonce === null || unknownSinceMs !== null || deposits.some(({ state }) => state === 'orphaned')
}

function take(txHash: string, replacement: Replacement): void {
  switch (replacement.kind) {
    case 'unknown':
    case 'missing':
      return
    case 'standing':
      changePayment(txHash, (payment) =>
        payment.sent === null ? payment : { ...payment, sent: { ...payment.sent, nonce: replacement.nonce } },
      )
      return
    case 'sped_up':
      followSpeedUp(txHash, replacement.byHash)
      return
    case 'cancelled':
    case 'replaced':
      changePayment(txHash, (payment) => ({
        ...payment,
        deposits: [],
        ending: replacement,
        settledAtMs: Date.now(),
      }))
      return
  }
}

/** The order as it was given; null if the rail is no longer enabled. */
function orderOf({ rail, chainId, payer, amountBaseUnits }: SentPayment): PaymentOrder | null {
  const enabled = railOf(rail)
  const revenueWallet = config.peek()?.revenueWallet
  if (enabled === undefined || revenueWallet === undefined || enabled.chainId !== chainId) return null
  return {
    rail,
    chainId,
    token: enabled.token as Address | null,
    revenueWallet: revenueWallet as Address,
    payer: payer as Address,
    amountBaseUnits: BigInt(amountBaseUnits),
  }
}
