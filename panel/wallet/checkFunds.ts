import { encodeFunctionData, erc20Abi, type Hex } from 'viem'
import type { Eip1193 } from './eip1193.ts'
import { parseQuantity } from './parseAnswers.ts'
import type { PaymentCall } from './paymentCall.ts'
import type { PaymentOrder } from './paymentOrder.ts'
import { readFromWallet } from './readFromWallet.ts'

/** Whether a wallet can pay. `unknown`: it did not say; when it is asked to pay and cannot, it says so itself. */
export type Funds =
  | { kind: 'enough' }
  | { kind: 'unknown' }
  | { kind: 'token_missing' }
  | { kind: 'insufficient_funds'; haveBaseUnits: bigint; needBaseUnits: bigint }
  | { kind: 'insufficient_gas'; haveWei: bigint; needWei: bigint }

/** The least gas that a plain payment takes, for when the wallet's node gives no estimate. */
const MIN_GAS = { coin: 21_000n, token: 30_000n }

/**
 * Checks through the wallet's own connection whether the payer has the amount, and the coin for the network fee. It
 * refuses only when the payment cannot go through; when it is close, the wallet decides, since it sets the fee.
 */
export async function checkFunds(provider: Eip1193, order: PaymentOrder, call: PaymentCall): Promise<Funds> {
  const [coins, tokens] = await Promise.all([
    readQuantity(provider, 'eth_getBalance', [order.payer, 'latest']),
    order.token === null ? null : readTokens(provider, order),
  ])
  if (tokens === 'missing') return { kind: 'token_missing' }
  const have = order.token === null ? coins : tokens
  if (have === null) return { kind: 'unknown' }
  const needBaseUnits = order.amountBaseUnits
  if (have < needBaseUnits) return { kind: 'insufficient_funds', haveBaseUnits: have, needBaseUnits }
  if (coins === null) return { kind: 'unknown' }
  const needWei = call.value + (await leastFee(provider, order, call))
  return coins < needWei ? { kind: 'insufficient_gas', haveWei: coins, needWei } : { kind: 'enough' }
}

async function readTokens(
  provider: Eip1193,
  { token, payer }: PaymentOrder,
): Promise<bigint | 'missing' | null> {
  const data = encodeFunctionData({ abi: erc20Abi, functionName: 'balanceOf', args: [payer] })
  try {
    const answer = await readFromWallet(provider, 'eth_call', [{ to: token, data }, 'latest'])
    // A call to an address without code succeeds and returns nothing: there is no such token here.
    return answer === '0x' ? 'missing' : parseQuantity(answer)
  } catch {
    return null
  }
}

/** In wei, at the current gas price, without the margin that wallets add. */
async function leastFee(provider: Eip1193, order: PaymentOrder, call: PaymentCall): Promise<bigint> {
  const transaction = {
    from: order.payer,
    to: call.to,
    value: toQuantity(call.value),
    data: call.data,
  }
  const [gas, price] = await Promise.all([
    readQuantity(provider, 'eth_estimateGas', [transaction]),
    readQuantity(provider, 'eth_gasPrice', []),
  ])
  return (gas ?? (order.token === null ? MIN_GAS.coin : MIN_GAS.token)) * (price ?? 1n)
}

async function readQuantity(provider: Eip1193, method: string, params: unknown[]): Promise<bigint | null> {
  try {
    return parseQuantity(await readFromWallet(provider, method, params))
  } catch {
    return null
  }
}

function toQuantity(value: bigint): Hex {
  return `0x${value.toString(16)}`
}
