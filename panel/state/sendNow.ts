import { signal } from '@preact/signals'
import type { Address, RailConfig } from '../api/apiTypes.ts'
import { connected, noteChain } from '../wallet/connection.ts'
import type { PaymentOrder } from '../wallet/paymentOrder.ts'
import type { SendOutcome } from '../wallet/sendPayment.ts'
import { config } from './config.ts'
import { trackSent } from './payments.ts'
import { signedIn } from './signedIn.ts'

/** A payment that the wallet is being asked for. */
export interface Sending {
  rail: RailConfig
  amountBaseUnits: bigint
  walletName: string
  /** `checking`: network and funds are being checked; `in_wallet`: the wallet is showing it to the person. */
  phase: 'checking' | 'in_wallet'
  sinceMs: number
}

/** Why the last payment requested on a rail was not sent. */
export interface SendFailure {
  rail: string
  outcome: Exclude<SendOutcome, { kind: 'sent' }>
}

/** null while none is being requested. */
export const sending = signal<Sending | null>(null)

/** null if the last one was sent, or none was requested. */
export const sendFailure = signal<SendFailure | null>(null)

let patience = new AbortController()

/** Has the connected wallet pay to the account that is signed in. One at a time; a second call does nothing. */
export async function sendNow(rail: RailConfig, amountBaseUnits: bigint): Promise<void> {
  const wallet = connected.peek()?.wallet
  const payer = signedIn.peek()?.address
  const revenueWallet = config.peek()?.revenueWallet
  if (sending.peek() !== null || wallet === undefined || payer === undefined || revenueWallet === undefined)
    return
  const order: PaymentOrder = {
    rail: rail.rail,
    chainId: rail.chainId,
    token: rail.token as Address | null,
    revenueWallet: revenueWallet as Address,
    payer,
    amountBaseUnits,
  }
  patience = new AbortController()
  sendFailure.value = null
  sending.value = {
    rail,
    amountBaseUnits,
    walletName: wallet.name,
    phase: 'checking',
    sinceMs: Date.now(),
  }
  const track = (txHash: string) =>
    trackSent(txHash, {
      rail: order.rail,
      chainId: order.chainId,
      payer,
      amountBaseUnits: amountBaseUnits.toString(),
      nonce: null,
    })
  try {
    const { sendPayment } = await import('../wallet/sendPayment.ts')
    const outcome = await sendPayment(wallet.provider, order, {
      signal: patience.signal,
      onLateHash: track,
      onAsked: () => {
        const now = sending.peek()
        if (now !== null) sending.value = { ...now, phase: 'in_wallet', sinceMs: Date.now() }
      },
    })
    if (outcome.kind === 'sent') track(outcome.txHash)
    else sendFailure.value = { rail: rail.rail, outcome }
    if (outcome.kind === 'wrong_chain') noteChain(wallet, outcome.chainId)
  } catch (error) {
    // The code could not be loaded, or an assumption failed: the wallet was not asked.
    sendFailure.value = { rail: rail.rail, outcome: { kind: 'failed', detail: String(error) } }
  } finally {
    sending.value = null
  }
}

/** Stops waiting for the wallet's answer. */
export function stopWaiting(): void {
  patience.abort()
}
