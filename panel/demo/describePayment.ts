import { type Address, decodeFunctionData, erc20Abi, formatUnits, type Hex, isAddressEqual } from 'viem'
import type { RailConfig } from '../api/apiTypes.ts'
import { demoText } from '../text/demo.ts'
import type { Question } from './askVisitor.ts'

/** A transaction as a page asks a wallet to send it. */
export interface AskedTransaction {
  to: Address
  data?: Hex
  value?: Hex
}

/** Says what a transaction moves, and to whom: a token transfer is shown as one rather than as a contract call. */
export function describePayment(
  { to, data = '0x', value = '0x0' }: AskedTransaction,
  rails: Pick<RailConfig, 'token' | 'symbol' | 'decimals'>[],
): Question['facts'] {
  const rail = rails.find(({ token }) => token !== null && isAddressEqual(token as Address, to))
  const transfer = rail === undefined ? null : decodeTransfer(data)
  if (rail !== undefined && transfer !== null) {
    return [
      { label: demoText.amount, value: `${formatUnits(transfer.amount, rail.decimals)} ${rail.symbol}` },
      { label: demoText.to, value: transfer.to, isLong: true },
      { label: demoText.token, value: to, isLong: true },
    ]
  }
  return [
    { label: demoText.amount, value: `${formatUnits(BigInt(value), 18)} ETH` },
    { label: demoText.to, value: to, isLong: true },
    ...(data === '0x' ? [] : [{ label: demoText.send.call, value: data, isLong: true }]),
  ]
}

function decodeTransfer(data: Hex): { to: Address; amount: bigint } | null {
  try {
    const call = decodeFunctionData({ abi: erc20Abi, data })
    return call.functionName === 'transfer' ? { to: call.args[0], amount: call.args[1] } : null
  } catch {
    return null
  }
}
