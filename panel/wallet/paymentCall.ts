import { type Address, encodeFunctionData, erc20Abi, type Hex } from 'viem'
import type { PaymentOrder } from './paymentOrder.ts'

/** What a transaction does: two that agree in these parts pay the same. */
export interface PaymentCall {
  to: Address
  value: bigint
  data: Hex
}

const address = /^0x[0-9a-f]{40}$/i

/**
 * Makes the transaction of a payment: the coin itself to the revenue wallet, or the token's `transfer`. Throws if an
 * address or the amount is malformed: money sent to the wrong place does not come back.
 */
export function paymentCall({ token, revenueWallet, amountBaseUnits }: PaymentOrder): PaymentCall {
  if (amountBaseUnits <= 0n) throw new Error('a payment must be above zero')
  if (!address.test(revenueWallet)) throw new Error('the revenue wallet is not an address')
  if (token === null) return { to: revenueWallet, value: amountBaseUnits, data: '0x' }
  if (!address.test(token)) throw new Error('the token is not an address')
  const data = encodeFunctionData({
    abi: erc20Abi,
    functionName: 'transfer',
    args: [revenueWallet, amountBaseUnits],
  })
  return { to: token, value: 0n, data }
}
