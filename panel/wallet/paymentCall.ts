import { type Address, encodeFunctionData, erc20Abi, type Hex } from 'viem'
import type { PaymentOrder } from './paymentOrder.ts'

/** What a transaction does: the parts by which two of them pay the same. */
export interface PaymentCall {
  to: Address
  value: bigint
  data: Hex
}

const address = /^0x[0-9a-f]{40}$/i

/**
 * Makes the transaction of a payment: the coin itself to the revenue wallet, or the token's `transfer`. Throws where an
 * address or the amount is not what it must be: money that is sent to a wrong place does not come back.
 */
export function paymentCall({ token, revenueWallet, amountBaseUnits }: PaymentOrder): PaymentCall {
  if (amountBaseUnits <= 0n) throw new Error('a payment is of more than nothing')
  if (!address.test(revenueWallet)) throw new Error('the revenue wallet is no address')
  if (token === null) return { to: revenueWallet, value: amountBaseUnits, data: '0x' }
  if (!address.test(token)) throw new Error('the token is no address')
  const data = encodeFunctionData({
    abi: erc20Abi,
    functionName: 'transfer',
    args: [revenueWallet, amountBaseUnits],
  })
  return { to: token, value: 0n, data }
}
