import type { Hash } from 'viem'
import { walletText } from '../text/wallet.ts'
import { checkFunds } from './checkFunds.ts'
import type { Eip1193 } from './eip1193.ts'
import { parseAccounts, parseChainId } from './parseAnswers.ts'
import { type PaymentCall, paymentCall } from './paymentCall.ts'
import type { PaymentOrder } from './paymentOrder.ts'
import { readFromWallet } from './readFromWallet.ts'
import { walletFault } from './walletFault.ts'

/** The outcome of asking a wallet to pay. Only `sent` and `abandoned` may have moved anything. */
export type SendOutcome =
  | { kind: 'sent'; txHash: Hash }
  | { kind: 'rejected' }
  | { kind: 'busy' }
  | { kind: 'wrong_chain'; chainId: number | null }
  | { kind: 'wrong_account' }
  | { kind: 'insufficient_funds'; haveBaseUnits: bigint; needBaseUnits: bigint }
  | { kind: 'insufficient_gas'; haveWei: bigint; needWei: bigint }
  | { kind: 'abandoned' }
  | { kind: 'failed'; detail: string }

/** How a payment is followed while the wallet has it. */
export interface SendOptions {
  /** Called once everything has been checked and the wallet is being asked. */
  onAsked?: () => void
  /** Ends the waiting, not the wallet's request, which cannot be withdrawn. The outcome is then `abandoned`. */
  signal: AbortSignal
  /** The hash of a payment that was confirmed in the wallet after the waiting had ended. */
  onLateHash: (txHash: Hash) => void
}

let isSending = false

/**
 * Has a wallet pay. One at a time: a second call while one waits returns `busy` and asks the wallet nothing. The network
 * is read from the wallet right before it is asked, and stated again in the transaction, so that a wallet that changed in
 * between refuses it. `eth_sendTransaction` is sent exactly once, without any client in between that might repeat it.
 */
export async function sendPayment(
  provider: Eip1193,
  order: PaymentOrder,
  { onAsked, signal, onLateHash }: SendOptions,
): Promise<SendOutcome> {
  const call = paymentCall(order)
  if (isSending) return { kind: 'busy' }
  isSending = true
  try {
    const obstacle =
      (await findObstacle(provider, order)) ??
      (await findShortage(provider, order, call)) ??
      // Reading the funds took a moment, during which the person may have switched.
      (await findObstacle(provider, order))
    if (obstacle !== null) return obstacle
    if (signal.aborted) return { kind: 'abandoned' }
    onAsked?.()
    return await untilAborted(ask(provider, order, call), signal, onLateHash)
  } finally {
    isSending = false
  }
}

/** Why the wallet, in its current state, must not be asked. */
async function findObstacle(provider: Eip1193, order: PaymentOrder): Promise<SendOutcome | null> {
  try {
    const [chain, accounts] = await Promise.all([
      readFromWallet(provider, 'eth_chainId'),
      readFromWallet(provider, 'eth_accounts'),
    ])
    const chainId = parseChainId(chain)
    if (chainId !== order.chainId) return { kind: 'wrong_chain', chainId }
    return parseAccounts(accounts).includes(order.payer) ? null : { kind: 'wrong_account' }
  } catch {
    return { kind: 'failed', detail: walletText.silent }
  }
}

async function findShortage(
  provider: Eip1193,
  order: PaymentOrder,
  call: PaymentCall,
): Promise<SendOutcome | null> {
  const funds = await checkFunds(provider, order, call)
  switch (funds.kind) {
    case 'enough':
    case 'unknown':
      return null
    case 'token_missing':
      return { kind: 'failed', detail: walletText.tokenMissing }
    case 'insufficient_funds':
    case 'insufficient_gas':
      return funds
  }
}

async function ask(provider: Eip1193, order: PaymentOrder, call: PaymentCall): Promise<SendOutcome> {
  const transaction = {
    from: order.payer,
    to: call.to,
    value: `0x${call.value.toString(16)}`,
    data: call.data,
    chainId: `0x${order.chainId.toString(16)}`,
  }
  try {
    const answer = await provider.request({ method: 'eth_sendTransaction', params: [transaction] })
    return typeof answer === 'string' && /^0x[0-9a-f]{64}$/i.test(answer)
      ? { kind: 'sent', txHash: answer.toLowerCase() as Hash }
      : { kind: 'failed', detail: walletText.noHash }
  } catch (thrown) {
    return await refusal(provider, order, thrown)
  }
}

async function refusal(provider: Eip1193, order: PaymentOrder, thrown: unknown): Promise<SendOutcome> {
  const fault = walletFault(thrown)
  switch (fault.kind) {
    case 'rejected':
    case 'busy':
      return fault
    case 'unauthorized':
      return { kind: 'wrong_account' }
    case 'insufficient_funds':
      return { kind: 'failed', detail: walletText.insufficientFunds }
    case 'unknown_chain':
    case 'failed': {
      // Wallets word a refusal because of the network in different ways; which network it is on can be read.
      const obstacle = await findObstacle(provider, order)
      if (obstacle?.kind === 'wrong_chain') return obstacle
      return { kind: 'failed', detail: fault.kind === 'failed' ? fault.detail : '' }
    }
  }
}

function untilAborted(
  asked: Promise<SendOutcome>,
  signal: AbortSignal,
  onLateHash: (txHash: Hash) => void,
): Promise<SendOutcome> {
  return new Promise((resolve, reject) => {
    const abandon = () => {
      resolve({ kind: 'abandoned' })
      asked.then((outcome) => outcome.kind === 'sent' && onLateHash(outcome.txHash))
    }
    signal.addEventListener('abort', abandon, { once: true })
    asked.then(resolve, reject).finally(() => signal.removeEventListener('abort', abandon))
  })
}
